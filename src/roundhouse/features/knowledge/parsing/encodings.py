"""In which encoding a text is: marks, UTF-8, what it declares, else the one under which it looks most like a language.

A scoring of our own: detectors that are made for the web do not know windows-1258, whose Vietnamese is written with
marks behind the letters, and ask for more text than a short file has.

Source:
    GB 2312-1980, Big5 and JIS X 0208 put the characters of everyday use into a level of their own; the code pages are
    those of the WHATWG Encoding Standard (2024).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

_SAMPLE_BYTES = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HIGH = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
_LEAST_SCORE = 0.45
# The most frequent characters of Chinese in both scripts, and of Korean: each text of some lines has several.
_FREQUENT = frozenset(
    "的是了一不在人有我他这这這個个們们中大来來上国國到说說和地也子时時道出而要于於就下得可你年"
)
_FREQUENT_KOREAN = frozenset("이다는에의가을를하고은로도지한")
_SMALL_CHINESE = 0.05


class Decoded(NamedTuple):
    """A text and where it came from.

    Attributes:
        text: All of it.
        encoding: Python's name.
        replaced: So many places could not be read and hold U+FFFD.
        sure: False = nothing fitted well.
    """

    text: str
    encoding: str
    replaced: int
    sure: bool


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode a whole text.

    Args:
        data: Its bytes.
        declared: The encoding that it, or who sent it, names; believed if it fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    wide = _wide(data)
    if wide is not None:
        return _decoded(data, wide)
    if data.isascii() and b"\x1b$" not in data:
        return Decoded(data.decode("ascii"), "ascii", 0, True)
    found = _declared(data, declared) or _utf8(data)
    if found is not None:
        return found
    encoding, score = best(data)
    return _decoded(data, encoding)._replace(sure=score >= _LEAST_SCORE)


def known(name: str | None) -> str | None:
    """Python's name of a text encoding that a document names; None = not known."""
    if not name or len(name) > 40 or not name.isascii():
        return None
    name = name.strip().lower()
    name = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "windows-1252", "shift_jis": "cp932"}.get(
        name, name
    )
    name = {
        "iso-8859-8-i": "iso-8859-8",
        "x-sjis": "cp932",
        "ks_c_5601-1987": "cp949",
        "euc-kr": "cp949",
    }.get(name, name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return info.name if info._is_text_encoding else None


def _decoded(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, "replace")
    return Decoded(text, encoding, text.count("\ufffd"), True)


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: of a text in any language half of the spaces' and line breaks' bytes are zero."""
    head = data[:4096]
    if b"\0" not in head or len(data) % 2:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _declared(data: bytes, declared: str | None) -> Decoded | None:
    encoding = known(declared)
    if encoding is None or encoding in ("ascii", "utf-16", "utf-7", "idna", "punycode"):
        return None
    try:
        text = data.decode(encoding)
    except (UnicodeError, ValueError):
        return None
    # Bytes of a code page that end up in the middle of UTF-8 are hardly chance.
    if encoding.startswith("cp125") and _is_utf8(data):
        return None
    return Decoded(text, encoding, 0, True)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _utf8(data: bytes) -> Decoded | None:
    """As UTF-8, if at most every twentieth character that is no ASCII is damaged."""
    if b"\x1b$" in data and data.isascii():
        return _decoded(data, "iso2022_jp")
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if bad * 20 > sum(map(len, re.findall(r"[^\x00-\x7f]+", text[: 1 << 20]))):
        return None
    return Decoded(text, "utf-8", bad, True)


def best(data: bytes) -> tuple[str, float]:
    """The encoding under which the bytes look most like a language, and how much, about 0 to 1."""
    sample = _sample(data)
    scores = {name: score(sample.decode(name, "replace")) for name, score in _CANDIDATES.items()}
    found = max(scores, key=lambda name: scores[name])
    return (found, scores[found]) if scores[found] > 0 else ("cp1252", 0.0)


def _sample(data: bytes) -> bytes:
    """Lines that hold more than ASCII."""
    found = bytearray()
    for line in _HIGH.finditer(data):
        found += line[0][:_SAMPLE_BYTES]
        if len(found) >= _SAMPLE_BYTES:
            break
    return bytes(found)


def _by_level(
    encoding: str, first: int, last: int, others: Callable[[str], float], frequent: frozenset[str]
) -> Callable[[str], float]:
    """Scores texts of an encoding of two bytes whose everyday characters begin with `first` to `last`."""

    def score(text: str) -> float:
        total, count, common = 0.0, 0, 0
        for char in text:
            if char < "\x80":
                continue
            count += 1
            common += char in frequent
            code = char.encode(encoding, "ignore")
            if char == "\ufffd":
                total -= 1
            elif len(code) == 2 and first <= code[0] <= last:
                total += 1
            else:
                total += others(char)
        if not count:
            return 0.0
        return total / count * 0.8 + 0.2 * min(1.0, common / count / _SMALL_CHINESE)

    return score


def _punctuation(char: str) -> float:
    return (
        0.7 if unicodedata.east_asian_width(char) in "FW" and unicodedata.category(char)[0] in "PNSL" else 0.0
    )


def _chinese_other(char: str) -> float:
    if "\u3041" <= char <= "\u30ff":
        return 0.2
    return _punctuation(char) if char < "\u3400" or char > "\u9fff" else 0.0


def _japanese_other(char: str) -> float:
    if "\u3041" <= char <= "\u30ff":
        return 1.2
    if "\uff61" <= char <= "\uff9f":
        return 0.0
    return _punctuation(char) if char < "\u3400" or char > "\u9fff" else 0.2


def _script(first: str, last: str, marks: str = "", finals: str = "") -> Callable[[str], float]:
    """Scores texts of a code page with letters of another script; Latin letters must not touch those.

    Args:
        first: First letter.
        last: Last letter.
        marks: Stand behind letters only.
        finals: Letters that end words.
    """
    letter = re.compile(f"[{first}-{last}]")
    touching = re.compile(f"[A-Za-z](?=[{first}-{last}])|[{first}-{last}](?=[A-Za-z])")
    misplaced = re.compile(f"(?<![{first}-{last}{marks}])[{marks}]") if marks else None
    inner_final = re.compile(f"[{finals}](?=[{first}-{last}])") if finals else None
    inner_capital = re.compile("[а-я][А-Я]")

    def score(text: str) -> float:
        letters = len(letter.findall(text))
        others = sum(1 for char in text if char >= "\x80") - letters
        if marks:
            others -= len(re.findall(f"[{marks}]", text))
        bad = len(touching.findall(text)) * 2 + text.count("\ufffd") * 2 + len(inner_capital.findall(text))
        if inner_final is not None:
            bad += len(inner_final.findall(text))
        if misplaced is not None:
            bad += len(misplaced.findall(text)) * 2
        return (letters + others * 0.4 - bad) / (letters + others) if letters else 0.0

    return score


_VOWELS = "aeiouyAEIOUYăâêôơưĂÂÊÔƠƯ"
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_NOT_WESTERN = frozenset("ðÐþÞýÝ¤¦ª¬¯²³¶¸¹º¼½¾×")
_QUOTES = frozenset("‘’“”–—…•«»°€\xa0")


def _latin(text: str) -> float:
    """Texts in Latin letters: accents stand singly among plain letters, capitals at the beginning of a word."""
    total, count, run = 0.0, 0, 0
    before = " "
    for char in text:
        if char < "\x80" or char in _QUOTES:
            run = 0
        else:
            run += 1
            count += 1
            total += _latin_char(char, before, run)
        before = char
    return total / count if count else 0.0


def _latin_char(char: str, before: str, run: int) -> float:
    if char in _TONES:
        return 1.0 if before in _VOWELS else -1.0
    if char == "\ufffd":
        return -1.0
    if char in _NOT_WESTERN or not char.isalpha():
        return 0.3
    if run > 2 or (char.isupper() and before.islower()):
        return 0.0
    return 0.93 if char in "ăơưđĂƠƯĐ₫" else 0.95


_CANDIDATES: dict[str, Callable[[str], float]] = {
    "cp1252": _latin,
    "cp1258": _latin,
    "cp1255": _script("א", "ת", "\u05b0-\u05c2", "ךםןףץ"),
    "cp1251": _script("А", "я"),
    "gb18030": _by_level("gb2312", 0xB0, 0xD7, _chinese_other, _FREQUENT),
    "big5": _by_level("big5", 0xA4, 0xC6, _chinese_other, _FREQUENT),
    "cp932": _by_level("shift_jis", 0x88, 0x97, _japanese_other, frozenset("のはをにがたでとしてるいな")),
    "euc_jp": _by_level("shift_jis", 0x88, 0x97, _japanese_other, frozenset("のはをにがたでとしてるいな")),
    "cp949": _by_level("euc_kr", 0xB0, 0xC8, _punctuation, _FREQUENT_KOREAN),
}
"""In order: of equal scores the first counts."""
