"""Which words of an utterance are sure while it is still being said.

An utterance is heard again as it grows. What two hearings in a row agree on is sure: it is told, and never taken
back. The last word of a hearing does not count, for the sound may have ended in the middle of it.

Source:
    Liu, Spanakis, Niehues: Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial Hypothesis
    Selection (2020): local agreement. The alignment behind a contradiction is ours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from roundhouse.infra.audio.loops import is_wide


def tokens(text: str) -> list[str]:
    """Words, each with the white space before it; of scripts without blanks, characters. Joined, they are the text."""
    found: list[str] = []
    apart = True
    for char in text.strip():
        if char.isspace():
            found.append(char) if apart or not found[-1].isspace() else found.append(found.pop() + char)
            apart = False
        elif found and (unicodedata.category(char)[0] == "M" or found[-1].isspace()):
            found.append(found.pop() + char)
            apart = is_wide(char)
        elif apart or is_wide(char):
            found.append(char)
            apart = is_wide(char)
        else:
            found.append(found.pop() + char)
    return found


class Agreement:
    """The words of one utterance.

    Attributes:
        said: What was told: the text so far.
    """

    def __init__(self) -> None:
        self.said = ""
        self._said: list[str] = []
        self._before: list[str] = []

    def hear(self, text: str) -> str:
        """A hearing of what there is until now; gives what is newly sure, which may be nothing."""
        heard = tokens(text)
        old, new = self._rest(self._before)[:-1], self._rest(heard)[:-1]
        self._before = heard
        count = 0
        while count < min(len(old), len(new)) and _bare(old[count]) == _bare(new[count]):
            count += 1
        return self._say(new[:count])

    def finish(self, text: str) -> str:
        """The hearing of the whole; gives all that was not told yet. What was told stays, whatever it says."""
        return self._say(self._rest(tokens(text)))

    def _say(self, words: list[str]) -> str:
        told = "".join(words)
        if not self._said:
            told = told.lstrip()
        self._said += words
        self.said += told
        return told

    def _rest(self, heard: list[str]) -> list[str]:
        """What a hearing has behind that which was told."""
        said = [_bare(word) for word in self._said]
        bare = [_bare(word) for word in heard]
        if bare[: len(said)] == said:
            return heard[len(said) :]
        return heard[_counterpart(said, bare) :]


def _bare(word: str) -> str:
    """A word without what a recogniser changes its mind about: case and punctuation."""
    kept = "".join(char for char in word.casefold() if unicodedata.category(char)[0] not in "PZC")
    return kept or word.strip()


def _counterpart(said: Sequence[str], heard: Sequence[str]) -> int:
    """How many words of `heard` stand for all of `said`: the beginning that takes the fewest changes."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row = row, [number]
        for place, other in enumerate(heard, 1):
            row.append(min(before[place - 1] + (word != other), before[place] + 1, row[-1] + 1))
    return min(range(len(row)), key=lambda place: (row[place], abs(place - len(said))))
