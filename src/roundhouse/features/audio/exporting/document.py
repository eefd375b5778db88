"""A recording as headings, paragraphs and lists, for every form that has those; and that as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from roundhouse.features.audio.model import Paragraph, Recording, Said, Texts

Style = Literal["title", "heading", "subheading", "text", "bullet", "quote"]

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&])")
_LIKE_A_LIST = re.compile(r"^(\d{1,9})([.)])(?=\s|$)|^([-+])")
_LABELS = {
    "en": ("Summary", "Transcript"),
    "vi": ("Tóm tắt", "Bản chép lời"),
    "zh": ("摘要", "转写稿"),
    "he": ("תקציר", "תמלול"),
}
_PREFIXES: dict[Style, str] = {
    "title": "# ",
    "heading": "## ",
    "subheading": "### ",
    "text": "",
    "bullet": "- ",
    "quote": "> ",
}


class Block(msgspec.Struct, frozen=True):
    """One paragraph.

    Attributes:
        style: What it is.
        text: Plain; lines are parted by newlines.
        lead: Set off before the text: a time, a speaker, a field's name.
    """

    style: Style
    text: str
    lead: str = ""


class Document(msgspec.Struct, frozen=True):
    """Blocks in order.

    Attributes:
        blocks: They.
        title: Of all.
        right_to_left: Whether it is read so.
    """

    blocks: list[Block]
    title: str
    right_to_left: bool


def document(recording: Recording, texts: Texts, said: Sequence[Said]) -> Document:
    """The summary, where there is one, and the transcript."""
    summary, transcript = _LABELS.get(recording.language or "", _LABELS["en"])
    blocks = [Block("title", recording.title or recording.id)]
    if isinstance(recording.summary, dict):
        blocks.append(Block("heading", summary))
        blocks += _value_blocks(recording.summary)
    blocks.append(Block("heading", transcript))
    blocks += [
        Block("text", one.text, _lead(one.start_s, one.speaker))
        for one in _paragraphs(recording, texts, said)
    ]
    return Document(blocks, recording.title or recording.id, recording.language == "he")


def markdown(whole: Document) -> str:
    """As Markdown; whatever was said stays text."""
    parts = []
    for block in whole.blocks:
        lead = f"**{_escaped(block.lead)}** " if block.lead else ""
        text = _escaped(" ".join(block.text.split()))
        text = text if lead else _not_a_list(text)
        parts.append(f"{_PREFIXES[block.style]}{lead}{text}".rstrip())
    lines: list[str] = []
    for block, part in zip(whole.blocks, parts, strict=True):
        if lines and not (block.style == "bullet" and lines[-1].startswith("- ")):
            lines.append("")
        lines.append(part)
    return "\n".join(lines) + "\n"


def clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` within the first hour."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _paragraphs(recording: Recording, texts: Texts, said: Sequence[Said]) -> Iterator[Paragraph]:
    if "clean_transcript" in recording.options.features and texts.paragraphs is not None:
        yield from (one for one in texts.paragraphs if one.text)
        return
    for one in said:
        yield Paragraph(one.text, one.start_s, one.end_s, one.speaker)


def _lead(start_s: float | None, speaker: str | None) -> str:
    parts = [] if start_s is None else [clock(start_s)]
    return " ".join([*parts, *([speaker] if speaker else [])])


def _value_blocks(value: dict[str, Any]) -> Iterator[Block]:
    """A summary of whatever form: its fields as headings, empty ones left out."""
    for name, one in value.items():
        if one in (None, "", [], {}):
            continue
        yield Block("subheading", name.replace("_", " ").capitalize())
        if isinstance(one, list):
            yield from (_item(item) for item in one if item not in (None, "", [], {}))
        else:
            yield Block("text", _flat(one))


def _item(item: Any) -> Block:
    if isinstance(item, dict) and isinstance(item.get("text"), str) and "start_s" in item:
        return Block("quote", item["text"], _lead(item["start_s"], item.get("speaker")))
    return Block("bullet", _flat(item))


def _flat(value: Any) -> str:
    """A value in one line; times of quotes come behind them."""
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, dict):
        if isinstance(value.get("text"), str) and "start_s" in value:
            at = value["start_s"]
            return f"“{value['text']}”" + (f" ({clock(at)})" if isinstance(at, int | float) else "")
        told = [(name, one) for name, one in value.items() if one not in (None, "", [], {})]
        return "; ".join(
            _flat(one) if place == 0 else f"{name.replace('_', ' ')}: {_flat(one)}"
            for place, (name, one) in enumerate(told)
        )
    if isinstance(value, list):
        return ", ".join(_flat(one) for one in value)
    return str(value)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _not_a_list(text: str) -> str:
    """A text whose beginning would make a list of it, as text."""
    return _LIKE_A_LIST.sub(r"\1\\\2\3", text)
