"""Segments become paragraphs: by pauses and speakers, and before they get too long to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from roundhouse.features.audio.cleaning.rules import clean, has_end, joined, with_end
from roundhouse.features.audio.model import Paragraph, Said

PARAGRAPH_PAUSE_S = 2.0
SENTENCE_PAUSE_S = 0.7
LONG_CHARS = 700
LONGEST_CHARS = 1400
_CJK_SHARE = 2
"""A Chinese character says as much as about two Latin ones."""


def paragraphs(said: Sequence[Said], language: str | None) -> list[list[Said]]:
    """Segments that belong together, in order.

    Args:
        said: By time.
        language: Of most of it.
    """
    long_chars, longest_chars = LONG_CHARS, LONGEST_CHARS
    if language == "zh":
        long_chars, longest_chars = LONG_CHARS // _CJK_SHARE, LONGEST_CHARS // _CJK_SHARE
    found: list[list[Said]] = []
    chars = 0
    for one in said:
        before = found[-1][-1] if found else None
        too_long = chars >= longest_chars or (
            chars >= long_chars and before is not None and has_end(before.text)
        )
        if before is None or too_long or _apart(before, one):
            found.append([])
            chars = 0
        found[-1].append(one)
        chars += len(one.text)
    return found


def by_rules(group: Sequence[Said], language: str | None) -> Paragraph:
    """A paragraph of its segments, by rules alone."""
    return msgspec.structs.replace(blank(group), text=joined(_sentences(group, language)).strip())


def blank(group: Sequence[Said]) -> Paragraph:
    """A paragraph of its segments as they were heard."""
    speakers = {one.speaker for one in group}
    return Paragraph(
        text=" ".join(one.text for one in group),
        start_s=group[0].start_s,
        end_s=group[-1].end_s,
        speaker=speakers.pop() if len(speakers) == 1 else None,
        by="nobody",
    )


def _sentences(group: Sequence[Said], language: str | None) -> Iterator[str]:
    run: list[str] = []
    for place, one in enumerate(group):
        run.append(one.text)
        after = group[place + 1] if place + 1 < len(group) else None
        if after is None or has_end(one.text) or _pause_s(one, after) >= SENTENCE_PAUSE_S:
            text = clean(" ".join(run), one.language if one.language in ("zh",) else language)
            if text:
                yield with_end(text, language)
            run = []


def _apart(before: Said, one: Said) -> bool:
    return before.speaker != one.speaker or _pause_s(before, one) >= PARAGRAPH_PAUSE_S


def _pause_s(before: Said, one: Said) -> float:
    if before.end_s is None or one.start_s is None:
        return 0.0
    return one.start_s - before.end_s
