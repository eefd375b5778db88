"""Where somebody speaks, told while it happens: a state machine over the probabilities of speech.

Times are samples since the session began. A stretch of speech that goes on for too long is cut where it is quietest.

Source:
    The rules from probabilities to regions are those of `infra/audio/voice.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from roundhouse.core.audio import SAMPLE_RATE_HZ

WINDOW = 512
"""Samples to which the detector gives one probability."""

ONSET = 3
"""Windows in a row from which on somebody speaks; less is a click."""

_HYSTERESIS = 0.15
_LEAST = 0.01
_MS = SAMPLE_RATE_HZ // 1000


class Turns(msgspec.Struct, frozen=True, kw_only=True):
    """How turns are told apart; OpenAI's names.

    Attributes:
        threshold: From this probability on it is speech, 0 to 1.
        prefix_padding_ms: Sound before the beginning that belongs to it.
        silence_duration_ms: A pause of this length ends it.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


class Change(NamedTuple):
    """What happened.

    Attributes:
        kind: Somebody began to speak; the stretch is cut, and the next one begins there; or nobody speaks any more.
        at: Where the stretch begins or ends, in samples.
        voice_end: Where speech ended in it, in samples; 0 at a beginning.
    """

    kind: Literal["started", "cut", "stopped"]
    at: int
    voice_end: int = 0


class TurnTaker:
    """Finds stretches of speech.

    Args:
        turns: How.
        longest: Most samples of a stretch.

    Attributes:
        turns: May be changed at any time.
        at: Samples looked at until now.
        start: Where the stretch begins that is being said; None = nobody speaks.
        pause: Since when it is quiet in it; None = it is not.
    """

    def __init__(self, turns: Turns, longest: int) -> None:
        self.turns = turns
        self._longest = longest
        self.at = 0
        self.start: int | None = None
        self.pause: int | None = None
        self._onset: int | None = None
        self._free = 0
        self._stretch: list[float] = []

    @property
    def needed_from(self) -> int:
        """Sound before this sample can be forgotten."""
        if self.start is not None:
            return self.start
        onset = self.at if self._onset is None else self._onset
        return max(self._free, onset - self.turns.prefix_padding_ms * _MS)

    def feed(self, probabilities: Iterable[float]) -> list[Change]:
        """Take the probabilities of the next windows."""
        found: list[Change] = []
        for probability in probabilities:
            change = self._quiet(probability) if self.start is None else self._speech(probability)
            self.at += WINDOW
            if change is not None:
                found.append(change)
            if self.start is not None and self._stretch and self.at - self.start >= self._longest:
                found.append(self._cut())
        return found

    def finish(self, end: int) -> list[Change]:
        """The sound ends, or is taken, at `end`, not before `at`: so does a stretch; the next begins behind."""
        found: list[Change] = []
        if self.start is None and self._onset is not None:
            found.append(Change("started", self._begin()))
        if self.start is not None:
            found.append(self._stop(end, self.pause or end))
        self._onset = None
        self._free = end
        return found

    def _quiet(self, probability: float) -> Change | None:
        if probability >= self.turns.threshold and self._onset is None:
            self._onset = self.at
        elif probability < self._low:
            self._onset = None
        if self._onset is None or self.at + WINDOW - self._onset < ONSET * WINDOW:
            return None
        return Change("started", self._begin())

    def _begin(self) -> int:
        self.start = self.needed_from
        self.pause = self._onset = None
        self._stretch = []
        return self.start

    def _speech(self, probability: float) -> Change | None:
        self._stretch.append(probability)
        if probability >= self.turns.threshold:
            self.pause = None
        elif probability < self._low and self.pause is None:
            self.pause = self.at
        silence = self.turns.silence_duration_ms * _MS
        if self.pause is None or self.at + WINDOW - self.pause < silence:
            return None
        return self._stop(self.at + WINDOW, self.pause)

    def _stop(self, end: int, voice_end: int) -> Change:
        self.start = self.pause = None
        self._free = end
        return Change("stopped", end, voice_end)

    def _cut(self) -> Change:
        """End the stretch in the quietest window of its last third, and begin the next one there."""
        looked_at = self._stretch[-max(1, self._longest // WINDOW // 3) :]
        quietest = min(range(len(looked_at)), key=lambda place: looked_at[place])
        behind = len(looked_at) - quietest
        place = self.at - behind * WINDOW + WINDOW // 2
        self.start = place
        self._stretch = self._stretch[len(self._stretch) - behind + 1 :]
        if self.pause is not None:
            self.pause = max(self.pause, place)
        return Change("cut", place, place)

    @property
    def _low(self) -> float:
        return max(self.turns.threshold - _HYSTERESIS, _LEAST)
