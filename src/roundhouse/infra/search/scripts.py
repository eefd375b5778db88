"""Classes of characters, as code points: how writing systems that need no dictionary are cut into words.

A literal character in a source may be another one that looks the same, so every range is written as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_Ranges = Sequence[tuple[int, int]]

# Written without spaces between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters, Hangul. Hangul has
# spaces, but glues its particles to the words.
_UNSPACED: _Ranges = (
    (0x0E00, 0x0E4F),
    (0x0E80, 0x0ECF),
    (0x1000, 0x103F),
    (0x1780, 0x17D3),
    (0x3005, 0x3007),
    (0x3041, 0x30FA),
    (0x30FC, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x323AF),
)
# Marks inside a word, which `\w` leaves out: diacritics that were typed apart, Hebrew points, Arabic vowels, and the
# vowel signs of India. Not among the Hebrew ones: maqaf, paseq, sof pasuq and nun hafukha, which are punctuation.
_MARKS: _Ranges = (
    (0x0300, 0x036F),
    (0x0483, 0x0489),
    (0x0591, 0x05BD),
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x0610, 0x061A),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06DC),
    (0x0711, 0x0711),
    (0x0730, 0x074A),
    (0x0900, 0x0903),
    (0x093A, 0x094F),
    (0x0955, 0x0957),
    (0x0962, 0x0963),
    (0x0981, 0x0983),
    (0x09BC, 0x09D7),
    (0x0A01, 0x0A03),
    (0x0A3C, 0x0A51),
    (0x0A70, 0x0A71),
    (0x0A81, 0x0A83),
    (0x0ABC, 0x0ACD),
    (0x0B01, 0x0B03),
    (0x0B3C, 0x0B57),
    (0x0B82, 0x0B82),
    (0x0BBE, 0x0BD7),
    (0x0C00, 0x0C04),
    (0x0C3C, 0x0C56),
    (0x0C81, 0x0C83),
    (0x0CBC, 0x0CD6),
    (0x0D00, 0x0D03),
    (0x0D3B, 0x0D57),
    (0x0D81, 0x0D83),
    (0x0DCA, 0x0DF3),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20F0),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
)
_PICTURES: _Ranges = ((0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F000, 0x1FAFF))


def _class(ranges: _Ranges) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


_LETTERS = f"[^\\W{_class(_UNSPACED)}]+"

_RUN = f"[{_class(_UNSPACED)}]+"
_WORD = f"{_LETTERS}(?:[{_class(_MARKS)}]+(?:{_LETTERS})?)*"
_PICTURE = f"[{_class(_PICTURES)}]"

RUN = re.compile(f"(?P<unspaced>{_RUN})|(?P<word>{_WORD})|(?P<picture>{_PICTURE})")
"""A run of letters of an unspaced writing, a word with its marks (digits and underscores included), or one emoji."""

PIECE = re.compile(f"{_RUN}|{_WORD}|{_PICTURE}")
"""The same without telling which of them."""

SIMPLE = re.compile(
    "[\\u3041-\\u3096\\u30a1-\\u30fa\\u30fc\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7a3\\U00020000-\\U000323af]+"
)
"""A run in which no character is a mark of the one before."""

IDEOGRAPHS = re.compile("[\\u3400-\\u4dbf\\u4e00-\\u9fff]+")
"""A run of Chinese characters, none of which has another form that normalisation or folding would make of it."""

FIRST_UNSPACED = chr(min(first for first, _last in _UNSPACED))
"""The lowest of all letters of unspaced writings."""

_IS_UNSPACED = re.compile(_RUN)

WORD = re.compile(f"[\\w{_class(_MARKS)}]+")
"""What is left of a word after normalisation, which may have brought punctuation into it."""

HEBREW_POINTS = {
    point: None for first, last in _MARKS if 0x0591 <= first <= 0x05C7 for point in range(first, last + 1)
}
"""For `str.translate`."""

HEBREW_FINALS = {0x05DA: 0x05DB, 0x05DD: 0x05DE, 0x05DF: 0x05E0, 0x05E3: 0x05E4, 0x05E5: 0x05E6}
"""For `str.translate`: kaf, mem, nun, pe, tsadi as they stand at the end of a word."""

HEBREW_PREFIXES = frozenset("\u05d5\u05d4\u05d1\u05db\u05dc\u05de\u05e9")
"""Vav, he, bet, kaf, lamed, mem, shin: and, the, in, as, to, from, that."""

HEBREW_LETTERS = ("\u05d0", "\u05ea")
"""The first and the last."""

WITHOUT_STROKE = {0x0111: "d", 0x00F0: "d", 0x0142: "l", 0x00F8: "o", 0x0127: "h", 0x0167: "t", 0x0131: "i"}
"""For `str.translate`: letters whose stroke Unicode does not count as a mark; the Vietnamese d first of all."""


def is_unspaced(char: str) -> bool:
    """Whether a character belongs to a writing without spaces."""
    return _IS_UNSPACED.match(char) is not None
