"""JSON, JSON lines, XML and SVG; transcripts in JSON are told as texts with times."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from roundhouse.core.errors import DocumentUnreadable
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.plain import text_of, whole_bytes, whole_text, write_code
from roundhouse.features.knowledge.parsing.xml_events import Event, events

_SEGMENTS = ("segments", "paragraphs", "utterances")
_TITLES = ("title", "name")
_TEXT_TAGS = frozenset({"text", "title", "desc"})
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_MOST_LINES = 40
_MOST_CHARS = 4_000
_HOUR_S = 3600


def read_json(reading: Reading) -> None:
    """Read JSON: a transcript as such, all else with one value a line, so that it can be parted."""
    text = text_of(whole_bytes(reading), reading)
    try:
        value = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        reading.out.warn("It is no valid JSON; it was read as a text.")
        write_code(reading.out, text)
        return
    segments = _segments(value)
    if segments is not None:
        _write_transcript(value, segments, reading)
        return
    try:
        shown = json.dumps(value, ensure_ascii=False, indent=1)
    except RecursionError:
        shown = text
    write_code(reading.out, shown)


def read_lines(reading: Reading) -> None:
    """Read JSON lines: each stays one line; its letters are written as such, not by their numbers."""
    lines = whole_text(reading).splitlines()
    write_code(reading.out, "\n".join(_line(line) for line in lines if line.strip()))


def _line(line: str) -> str:
    if "\\u" not in line:
        return line
    try:
        return msgspec.json.encode(msgspec.json.decode(line.encode("utf-8", "replace"))).decode("utf-8")
    except (msgspec.DecodeError, RecursionError):
        return line


def _segments(value: Any) -> list[dict[str, Any]] | None:
    """What was said in a transcript, at the top or one level below; None = it is none."""
    if not isinstance(value, dict):
        return None
    for inside in (value, *(one for one in value.values() if isinstance(one, dict))):
        for name in _SEGMENTS:
            found = inside.get(name)
            if isinstance(found, list) and found and all(_is_segment(one) for one in found):
                return found
    return None


def _is_segment(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("text"), str)
        and ("start_s" in value or "start" in value)
    )


def _write_transcript(value: dict[str, Any], segments: list[dict[str, Any]], reading: Reading) -> None:
    for name in _TITLES:
        if isinstance(value.get(name), str):
            reading.out.titled(value[name])
    lines: list[str] = []
    speaker: Any = None
    for segment in segments:
        full = len(lines) >= _MOST_LINES or sum(map(len, lines)) > _MOST_CHARS
        if lines and (full or segment.get("speaker") != speaker):
            reading.out.text("\n".join(lines))
            lines = []
        speaker = segment.get("speaker")
        lines.append(_said(segment))
    reading.out.text("\n".join(lines))


def _said(segment: dict[str, Any]) -> str:
    start = segment.get("start_s", segment.get("start"))
    speaker = segment.get("speaker")
    name = f"{' '.join(speaker.split())}: " if isinstance(speaker, str) and speaker.strip() else ""
    return f"{_time(start)}{name}{' '.join(segment['text'].split())}"


def _time(start: Any) -> str:
    if not isinstance(start, int | float) or not 0 <= start < 1e6:
        return ""
    seconds = int(start)
    clock = f"{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"[{seconds // _HOUR_S}:{clock}] " if seconds >= _HOUR_S else f"[{clock}] "


def read_xml(reading: Reading) -> None:
    """Read XML: each element with a text of its own gives a line, with its name. Damaged XML is read as a text.

    Raises:
        DocumentUnreadable: It declares entities.
    """
    text = _decoded(reading)
    if "<!ENTITY" in text.upper():
        raise DocumentUnreadable(
            f"{reading.name} declares entities, which is not read: it may be made to harm."
        )
    try:
        lines = list(_named_texts(_events(text, reading.name)))
    except DocumentUnreadable:
        reading.out.warn("It is no well-formed XML; it was read as a text.")
        write_code(reading.out, text)
        return
    write_code(reading.out, "\n".join(lines))


def read_svg(reading: Reading) -> None:
    """Read the words of a drawing.

    Raises:
        DocumentUnreadable: It is damaged, or declares entities.
    """
    open_tags: list[str] = []
    words: list[str] = []
    for event in _events(_decoded(reading), reading.name):
        if event.kind == "start":
            open_tags.append(event.name.rpartition(" ")[2])
        elif event.kind == "text":
            if _TEXT_TAGS & set(open_tags[-3:]):
                words.append(event.text)
        elif open_tags.pop() in _TEXT_TAGS:
            reading.out.text(" ".join("".join(words).split()))
            words = []


def _decoded(reading: Reading) -> str:
    data = whole_bytes(reading)
    declared = _DECLARED.match(data)
    return text_of(data, reading, declared[1].decode("ascii") if declared else None).lstrip("\ufeff")


def _events(text: str, name: str) -> Iterator[Event]:
    # As UTF-8, whatever it declares: it is decoded already.
    return events(io.BytesIO(text.encode("utf-8", "replace")), name, doctype=True, encoding="utf-8")


def _named_texts(found: Iterator[Event]) -> Iterator[str]:
    names: list[str] = []
    words: list[str] = []
    for event in found:
        if event.kind == "text":
            words.append(event.text)
            continue
        text = " ".join("".join(words).split())
        words = []
        if text:
            yield f"{names[-1].rpartition(':')[2]}: {text}" if names else text
        if event.kind == "end":
            names.pop()
        else:
            names.append(event.name)
            for key, value in event.attributes.items():
                if value.strip() and not key.startswith("xml"):
                    yield f"{event.name.rpartition(':')[2]} {key.rpartition(':')[2]}: {value}"
