"""Taking out of a transcript what nobody said. Pure.

A recogniser must write something: over silence it writes phrases of its training, and when it loses its way it goes
round in circles. Nothing is taken out on one weak sign alone, since people do say "thank you"; what is taken out is
kept with its reason, and what stays but is doubtful is flagged.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from roundhouse.core.audio import Region, Segment, Word
from roundhouse.infra.audio.loops import is_loop, is_wide, repeated
from roundhouse.infra.audio.phrases import COMMON, CREDITS, FAREWELLS, Phrases, normalised
from roundhouse.infra.audio.shapes import Dropped, Filtered

_SLACK_S = 0.5
_LATE_S = 1.0
_NO_SPEECH = 0.6
_SURELY_NO_SPEECH = 0.9
_UNSURE = 0.5
_ALONE_S = 5.0
_LEAST_OVERLAP = 0.3
_FEWEST_CHARS_S, _MOST_CHARS_S = 2.0, 30.0
_FEWEST_WIDE_S, _MOST_WIDE_S = 0.8, 12.0


class _Signs(NamedTuple):
    """How many things speak against a segment: in the sound, and in its time, pace and number."""

    acoustic: int
    other: int


def filter_segments(
    segments: Sequence[Segment], *, regions: Sequence[Region] | None, language: str | None
) -> Filtered:
    """Take out what nobody said, and bring the times into order.

    Texts are left as they are, and so is the order. Every kept segment ends not before it starts, starts not before
    the one before it, and, where speech was looked for, does not reach a second beyond it.

    Args:
        segments: As the recogniser gave them.
        regions: Where somebody speaks, in order; None = not looked at.
        language: ISO 639-1 code; None = unknown. English phrases are looked for in any language.
    """
    found = [_timed(one, regions) for one in segments]
    texts = [normalised(one.text) for one in found]
    circles = repeated(texts)
    often = Counter(texts)
    languages = list(CREDITS) if language is None else dict.fromkeys([language.lower()[:2], "en"])
    kept: list[Segment] = []
    dropped: list[Dropped] = []
    for at, (segment, text) in enumerate(zip(found, texts, strict=True)):
        flags = list(segment.flags)
        reason = _reason(segment, text, regions)
        if reason is None and (at in circles or is_loop(text)):
            reason = "repetition"
        if reason is None:
            signs = _signs(found, at, text, regions, often[text])
            doubt = _doubt(text, languages, signs)
            reason = "phrase" if doubt == "sure" else None
            flags += ["phrase"] if doubt == "some" else []
        if reason is not None:
            dropped.append(Dropped(segments[at], reason))
            continue
        if (segment.no_speech or 0.0) > _NO_SPEECH:
            flags.append("no_speech")
        kept.append(msgspec.structs.replace(segment, flags=tuple(dict.fromkeys(flags))))
    return Filtered(_in_order(kept), dropped)


def _reason(segment: Segment, text: str, regions: Sequence[Region] | None) -> str | None:
    """Why a segment is nobody's, by its times and probabilities alone."""
    if not text:
        return "empty"
    unsure = segment.confidence is None or segment.confidence < _UNSURE
    no_speech = segment.no_speech or 0.0
    if regions is None:
        return "no_speech" if no_speech > _SURELY_NO_SPEECH and unsure else None
    if not any(
        segment.start_s < one.end_s + _SLACK_S and segment.end_s > one.start_s - _SLACK_S for one in regions
    ):
        return "outside"
    if no_speech > _NO_SPEECH and unsure and _overlap(segment, regions) < _LEAST_OVERLAP:
        return "no_speech"
    return None


def _doubt(text: str, languages: Iterable[str], signs: _Signs) -> Literal["none", "some", "sure"]:
    """Whether nobody said it: by its words, and by as many other signs as it takes for such words."""
    compared = text.replace(" ", "") if any(map(is_wide, text)) else text
    if _is_one_of(CREDITS, compared, languages):
        return "sure"
    if _is_one_of(FAREWELLS, compared, languages):
        sure = signs.acoustic >= 1 or signs.other >= 2
    elif _is_one_of(COMMON, compared, languages):
        sure = signs.acoustic >= 1 and signs.acoustic + signs.other >= 2
    else:
        return "none"
    return "sure" if sure else "some" if signs.acoustic or signs.other else "none"


def _is_one_of(phrases: Phrases, text: str, languages: Iterable[str]) -> bool:
    return any(re.fullmatch(one, text) for language in languages for one in phrases.get(language, ()))


def _signs(
    segments: Sequence[Segment], at: int, text: str, regions: Sequence[Region] | None, times: int
) -> _Signs:
    segment = segments[at]
    length_s = segment.end_s - segment.start_s
    before_s = segment.start_s - segments[at - 1].end_s if at else math.inf
    after_s = segments[at + 1].start_s - segment.end_s if at + 1 < len(segments) else math.inf
    wide = sum(map(is_wide, text)) > len(text) / 2
    fewest, most = (_FEWEST_WIDE_S, _MOST_WIDE_S) if wide else (_FEWEST_CHARS_S, _MOST_CHARS_S)
    pace = len(text) / length_s if length_s > 0 else math.inf
    acoustic = (
        (segment.no_speech or 0.0) > _NO_SPEECH,
        segment.confidence is not None and segment.confidence < _UNSURE,
        regions is not None and _overlap(segment, regions) < _LEAST_OVERLAP,
    )
    other = (min(before_s, after_s) > _ALONE_S and len(segments) > 1, not fewest <= pace <= most, times > 2)
    return _Signs(sum(acoustic), sum(other))


def _overlap(segment: Segment, regions: Sequence[Region]) -> float:
    """Share of a segment in which somebody speaks."""
    length_s = segment.end_s - segment.start_s
    if length_s <= 0:
        return float(any(one.start_s <= segment.start_s <= one.end_s for one in regions))
    speech_s = sum(
        max(0.0, min(segment.end_s, one.end_s) - max(segment.start_s, one.start_s)) for one in regions
    )
    return speech_s / length_s


def _timed(segment: Segment, regions: Sequence[Region] | None) -> Segment:
    """Times that are numbers, not negative, not the wrong way round, and not far outside the speech they touch."""
    start_s, end_s = _number(segment.start_s), _number(segment.end_s)
    end_s = max(start_s, end_s)
    touched = [one for one in regions or () if start_s < one.end_s and end_s > one.start_s]
    if touched:
        start_s = max(start_s, touched[0].start_s - _LATE_S)
        end_s = max(start_s, min(end_s, touched[-1].end_s + _LATE_S))
    return _moved(segment, max(0.0, start_s), max(0.0, end_s))


def _in_order(segments: Sequence[Segment]) -> list[Segment]:
    """Starts never go back; a segment whose start is moved keeps its end, if it is not before that."""
    found: list[Segment] = []
    least_s = 0.0
    for segment in segments:
        least_s = max(least_s, segment.start_s)
        found.append(_moved(segment, least_s, max(least_s, segment.end_s)))
    return found


def _moved(segment: Segment, start_s: float, end_s: float) -> Segment:
    """With other times; its words stay within it and in order."""
    words: list[Word] = []
    least_s = start_s
    for word in segment.words:
        word_start_s = min(max(least_s, _number(word.start_s)), end_s)
        word_end_s = min(max(word_start_s, _number(word.end_s)), end_s)
        words.append(msgspec.structs.replace(word, start_s=word_start_s, end_s=word_end_s))
        least_s = word_start_s
    return msgspec.structs.replace(segment, start_s=start_s, end_s=end_s, words=tuple(words))


def _number(value: float) -> float:
    return float(value) if math.isfinite(value) else 0.0
