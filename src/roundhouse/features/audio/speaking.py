"""Who says what: turns of speakers are laid over what was heard, and segments are cut where the speaker changes."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from roundhouse.core.audio import Turn
from roundhouse.features.audio.model import Said

NEAR_S = 0.5
"""A word that no turn covers belongs to a turn that is no farther away."""


def with_speakers(said: Sequence[Said], turns: Sequence[Turn]) -> list[Said]:
    """Segments with their speakers, numbered anew.

    A segment whose words have times is cut where the speaker changes; another one belongs to whoever speaks in most of
    it. What somebody has corrected is not cut. Speakers are called `Speaker 1` and so on, in the order in which they
    are first heard.

    Args:
        said: By time.
        turns: By time; they may overlap.
    """
    table = _Table(turns)
    found: list[Said] = []
    for one in said:
        found += _parted(one, table)
    names: dict[str, str] = {}
    for one in found:
        if one.speaker is not None:
            names.setdefault(one.speaker, f"Speaker {len(names) + 1}")
    return [
        msgspec.structs.replace(one, number=number, speaker=names.get(one.speaker or ""))
        for number, one in enumerate(found, start=1)
    ]


class _Table:
    """Turns, found by time."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda one: (one.start_s, one.end_s))
        self._starts = [one.start_s for one in self._turns]
        self._longest_s = max((one.end_s - one.start_s for one in self._turns), default=0.0)

    def speaker(self, start_s: float, end_s: float) -> str | None:
        """Who speaks in most of a stretch, or close to it; None = nobody."""
        first = bisect_right(self._starts, start_s - self._longest_s - NEAR_S)
        last = bisect_right(self._starts, end_s + NEAR_S)
        spoken: Counter[str] = Counter()
        near: tuple[float, str] | None = None
        for turn in self._turns[max(0, first - 1) : last]:
            overlap_s = min(end_s, turn.end_s) - max(start_s, turn.start_s)
            if overlap_s > 0:
                spoken[turn.speaker] += overlap_s  # type: ignore[assignment]  # a Counter counts seconds as well
            elif -overlap_s <= NEAR_S and (near is None or -overlap_s < near[0]):
                near = (-overlap_s, turn.speaker)
        if spoken:
            return spoken.most_common(1)[0][0]
        return None if near is None else near[1]


def _parted(said: Said, table: _Table) -> list[Said]:
    if said.start_s is None or said.end_s is None:
        return [said]
    whole = msgspec.structs.replace(said, speaker=table.speaker(said.start_s, said.end_s))
    if said.heard is not None or len(said.words) < 2:
        return [whole]
    places = _places(said.text, said.words)
    if places is None:
        return [whole]
    speakers = [table.speaker(word["start_s"], word["end_s"]) for word in said.words]
    speakers = _filled(speakers, whole.speaker)
    cuts = [0, *(at for at in range(1, len(speakers)) if speakers[at] != speakers[at - 1]), len(speakers)]
    if len(cuts) == 2:
        return [msgspec.structs.replace(said, speaker=speakers[0])]
    ends = [*places[1:], len(said.text)]
    parts = []
    for start, end in pairwise(cuts):
        # What stands before the first word, such as an opening quote, is its own.
        begins = 0 if start == 0 else places[start]
        text = said.text[begins : ends[end - 1]].strip()
        words = said.words[start:end]
        parts.append(
            msgspec.structs.replace(
                said,
                start_s=said.start_s if start == 0 else words[0]["start_s"],
                end_s=said.end_s if end == len(speakers) else words[-1]["end_s"],
                text=text,
                speaker=speakers[start],
                words=words,
            )
        )
    return parts


def _places(text: str, words: Sequence[dict[str, Any]]) -> list[int] | None:
    """Where each word begins in the text; None where text and words are not the same."""
    found, place = [], 0
    for word in words:
        wanted = word["text"].strip()
        at = text.find(wanted, place) if wanted else place
        if at < 0:
            return None
        found.append(at)
        place = at + len(wanted)
    return found


def _filled(speakers: Sequence[str | None], otherwise: str | None) -> list[str | None]:
    """Words of nobody go on with the word before, those at the beginning with the one behind."""
    found: list[str | None] = []
    last = next((one for one in speakers if one is not None), otherwise)
    for one in speakers:
        last = one if one is not None else last
        found.append(last)
    return found
