"""Text that goes round in circles, as recognisers write when they lose their way. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

_LONGEST_UNIT = 40
_COMPRESSED_AT = 2.4
_LEAST_CHARS = 40
_LOOP_SHARE = 0.8
_LONGEST_CYCLE = 3
_CYCLES = 3
_SHORT_CYCLES = 6
_SHORT_WORDS = 3


def is_loop(text: str) -> bool:
    """Whether most of a text is one phrase again and again: four times, a single word eight times.

    Args:
        text: Normalised.
    """
    if len(text) < _LEAST_CHARS // 2 or compression(text) < _COMPRESSED_AT / 2:
        return False
    words = units(text)
    for size in range(1, min(_LONGEST_UNIT, len(words) // 2) + 1):
        needed = 8 if size == 1 else 4
        run = _longest_run(words, size)
        if run >= needed * size and run >= _LOOP_SHARE * len(words):
            return True
    return len(text) >= 2 * _LEAST_CHARS and compression(text) > 2 * _COMPRESSED_AT


def compression(text: str) -> float:
    """How many times smaller a text becomes; above 2.4 Whisper itself distrusts what it wrote."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) if content else 0.0


def units(text: str) -> list[str]:
    """Words; of writing without blanks, characters."""
    found: list[str] = []
    for word in text.split():
        found.extend(word if any(is_wide(char) for char in word) else [word])
    return found


def is_wide(char: str) -> bool:
    """Whether it is of a script that is written without blanks: Chinese, Japanese."""
    return "\u3040" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff"


def repeated(texts: Sequence[str]) -> set[int]:
    """Which of the segments only repeat those before them; the first round of each circle is not among them.

    Args:
        texts: Of segments in order, normalised.

    Returns:
        Indexes: of circles of one to three segments that go round three times, six times if they are short.
    """
    found: set[int] = set()
    for size in range(1, _LONGEST_CYCLE + 1):
        at = size
        while at < len(texts):
            behind = at
            while behind < len(texts) and texts[behind] == texts[behind - size] and texts[behind]:
                behind += 1
            words = len(units(" ".join(texts[at - size : at])))
            cycles = (behind - at) // size + 1
            if cycles >= (_CYCLES if words >= _SHORT_WORDS * size else _SHORT_CYCLES):
                found.update(range(at, behind))
            at = max(at + 1, behind)
    return found


def _longest_run(words: Sequence[str], size: int) -> int:
    """Units in the longest stretch that repeats every `size` units."""
    longest = run = size
    for at in range(size, len(words)):
        run = run + 1 if words[at] == words[at - size] else size
        longest = max(longest, run)
    return longest if longest > size else 0
