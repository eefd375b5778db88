"""A recording as a file to take away: text, subtitles, JSON, Markdown, Word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from roundhouse.core.audio import Segment
from roundhouse.features.audio.exporting.document import document, markdown
from roundhouse.features.audio.exporting.docx import docx
from roundhouse.features.audio.model import Recording, Said, Texts
from roundhouse.features.audio.shapes import read_segment, read_whole
from roundhouse.infra.audio import to_srt, to_vtt

ExportForm = Literal["txt", "srt", "vtt", "json", "md", "docx"]

_TYPES: dict[ExportForm, str] = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_MOST_STEM_CHARS = 80
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


class Export(msgspec.Struct, frozen=True):
    """A file.

    Attributes:
        filename: Safe to keep.
        content_type: Of it.
        body: It.
    """

    filename: str
    content_type: str
    body: bytes


def export(form: ExportForm, recording: Recording, texts: Texts, said: Sequence[Said]) -> Export:
    """A settled recording as a file; may take some tenths of a second."""
    writers: dict[ExportForm, Callable[[], bytes]] = {
        "txt": lambda: _text(recording, texts).encode(),
        "srt": lambda: to_srt(_segments(said)).encode(),
        "vtt": lambda: to_vtt(_segments(said)).encode(),
        "json": lambda: _json(recording, texts, said),
        "md": lambda: markdown(document(recording, texts, said)).encode(),
        "docx": lambda: docx(document(recording, texts, said)),
    }
    return Export(f"{_stem(recording)}.{form}", _TYPES[form], writers[form]())


def _text(recording: Recording, texts: Texts) -> str:
    """The clean text, where it was wanted; else what was heard."""
    wants_clean = "clean_transcript" in recording.options.features
    found = texts.clean_text if wants_clean and texts.clean_text is not None else texts.raw_text
    return f"{found or ''}\n"


def _segments(said: Sequence[Said]) -> list[Segment]:
    """Segments that have times: those of a text have none, and no subtitles."""
    return [
        Segment(start_s=one.start_s, end_s=one.end_s, text=one.text, speaker=one.speaker)
        for one in said
        if one.start_s is not None and one.end_s is not None
    ]


def _json(recording: Recording, texts: Texts, said: Sequence[Said]) -> bytes:
    whole = read_whole(recording, texts).model_dump(mode="json")
    whole["segments"] = [read_segment(one).model_dump(mode="json") for one in said]
    return msgspec.json.format(msgspec.json.encode(whole), indent=1)


def _stem(recording: Recording) -> str:
    title = unicodedata.normalize("NFC", recording.title).rpartition(".")[0] or recording.title
    stem = _NOT_IN_NAMES.sub("-", title).strip("-.")[:_MOST_STEM_CHARS]
    return stem or recording.id
