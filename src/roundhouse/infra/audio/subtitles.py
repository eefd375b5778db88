"""Subtitles: SubRip and WebVTT, at most two lines each, also of writing without blanks and from right to left. Pure.

Source:
    W3C WebVTT (2019): cues, escapes, time stamps. SubRip has no standard: what players have in common.
    Netflix Timed Text Style Guide: 42 characters a line, 16 of Chinese.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from roundhouse.core.audio import Segment, Word
from roundhouse.infra.audio.loops import is_wide

_LINE_COLUMNS = 42
_LINE_WIDE = 16
_LINES = 2
_LEAST_S = 0.001
_SPLIT_AFTER = "。！？；，、…"
_RTL_MARK, _LTR_MARK = "\u200f", "\u200e"
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def to_srt(segments: Sequence[Segment]) -> str:
    """SubRip; times in milliseconds, cues numbered from 1.

    Args:
        segments: In order; long ones become several cues.
    """
    blocks = [
        f"{number}\n{_clock(start_s, ',')} --> {_clock(end_s, ',')}\n{_direction(lines)}\n"
        for number, (start_s, end_s, lines) in enumerate(_cues(segments), 1)
    ]
    return "\n".join(blocks)


def to_vtt(segments: Sequence[Segment]) -> str:
    """WebVTT; a speaker is told as its voice.

    Args:
        segments: In order; long ones become several cues.
    """
    blocks = ["WEBVTT\n"]
    for segment in segments:
        voice = f"<v {_escaped(_voice(segment.speaker))}>" if segment.speaker else ""
        blocks += [
            f"{_clock(start_s, '.')} --> {_clock(end_s, '.')}\n{voice}{_escaped(_direction(lines))}\n"
            for start_s, end_s, lines in _cues([segment])
        ]
    return "\n".join(blocks)


def _cues(segments: Sequence[Segment]) -> Iterator[tuple[float, float, list[str]]]:
    """Start, end and lines; the time of a long segment is shared out by its words, else by length of text."""
    for segment in segments:
        text = " ".join(_UNSEEN.sub(" ", segment.text).replace("-->", "->").split())
        if not text:
            continue
        lines = _lines(text)
        groups = [lines[at : at + _LINES] for at in range(0, len(lines), _LINES)]
        end_s = max(segment.end_s, segment.start_s + _LEAST_S)
        shares = _shares(groups, segment.words, segment.start_s, end_s)
        for (cue_start_s, cue_end_s), group in zip(shares, groups, strict=True):
            yield cue_start_s, cue_end_s, group


def _shares(
    groups: Sequence[Sequence[str]], words: Sequence[Word], start_s: float, end_s: float
) -> list[tuple[float, float]]:
    lengths = [sum(_size("".join(line.split())) for line in group) for group in groups]
    whole = max(1, sum(lengths))
    bounds = [start_s]
    for at in range(1, len(groups)):
        share = sum(lengths[:at]) / whole
        bounds.append(_by_words(words, share) if words else start_s + share * (end_s - start_s))
    bounds.append(end_s)
    for at in range(1, len(bounds)):
        bounds[at] = min(max(bounds[at], bounds[at - 1]), end_s)
    return [(bounds[at], max(bounds[at + 1], bounds[at] + _LEAST_S)) for at in range(len(groups))]


def _by_words(words: Sequence[Word], share: float) -> float:
    """When the word begins before which this share of the text was said."""
    whole = max(1, sum(_size(word.text.strip()) for word in words))
    said = 0.0
    for word in words:
        if said / whole >= share - 1e-9:
            return word.start_s
        said += _size(word.text.strip())
    return words[-1].start_s


def _lines(text: str) -> list[str]:
    """As few lines as are needed, broken at blanks, or within writing that has none."""
    found: list[str] = []
    line = ""
    for piece in _pieces(text):
        if line and _size(line + piece.rstrip()) > _LINE_COLUMNS:
            found.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
        while _size(line.rstrip()) > _LINE_COLUMNS:
            head = _head(line)
            found.append(head)
            line = line[len(head) :]
    if line.strip():
        found.append(line.rstrip())
    return found


def _pieces(text: str) -> Iterator[str]:
    """Words with the blank behind them; wide characters one by one, with the mark that must not begin a line."""
    piece = ""
    for at, char in enumerate(text):
        piece += char
        following = text[at + 1 : at + 2]
        if char == " " or ((is_wide(char) or char in _SPLIT_AFTER) and following and _may_begin(following)):
            yield piece
            piece = ""
    if piece:
        yield piece


def _may_begin(char: str) -> bool:
    return unicodedata.category(char) not in ("Po", "Pe", "Pf", "Mn", "Mc", "Me", "Lm", "Zs")


def _head(line: str) -> str:
    """As much of a word without end as fits on a line."""
    size = 0.0
    for at, char in enumerate(line):
        size += _size(char)
        if size > _LINE_COLUMNS and at and not unicodedata.combining(char):
            return line[:at]
    return line


def _size(text: str) -> float:
    """Columns; a wide character takes so many that 16 fill a line."""
    wide = sum(unicodedata.east_asian_width(char) in ("W", "F") for char in text)
    marks = sum(unicodedata.combining(char) > 0 for char in text)
    return len(text) - wide - marks + wide * _LINE_COLUMNS / _LINE_WIDE


def _direction(lines: Sequence[str]) -> str:
    """Lines of writing from right to left are marked: a player would put their full stop at the wrong end."""
    return "\n".join(f"{_RTL_MARK}{line}{_RTL_MARK}" if _is_rtl(line) else line for line in lines)


def _is_rtl(line: str) -> bool:
    for char in line:
        direction = unicodedata.bidirectional(char)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


def _voice(speaker: str | None) -> str:
    return " ".join(_UNSEEN.sub(" ", speaker or "").split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, mark: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"
