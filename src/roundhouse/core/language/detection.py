"""Which of the four languages a text is in, by script, diacritics and function words."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Language = Literal["en", "vi", "zh", "he"]

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
CJK = HAN + "\u3005\u3040-\u30ff\uac00-\ud7af"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SAMPLE_CHARS = 4000
_HAN_CHAR = re.compile(f"[{HAN}]")
_KANA_OR_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")
_HEBREW_WORD = re.compile("[\u05d0-\u05ea]+")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f\u1ea0-\u1ef9]+")
_VIETNAMESE_LETTER = re.compile("[ăđơưĂĐƠƯ\u1ea0-\u1ef9]")
_VIETNAMESE_WORDS = _words(
    "toi ban la gi cua khong nhu nao dau bao nhieu ten va duoc cho nguoi mot nhung trong voi khi"
    " da se xin chao"
    " tom tat minh bang tai sao ai lam viec tuoi may gio moi nay hoi tra loi biet cac den neu vi viet nam"
)
_ENGLISH_WORDS = _words(
    "the a an is are was were be do does did what when where who why how which of in on at to for"
    " from and or with"
    " my your i you it he she they we this that please can could would will have has summarize"
    " summarise tell me"
    " not by as about hello hi founded live work say says there name explain give list"
)


def detect(text: str, default: Language = "en") -> Language:
    """The language of a text; `default` when it has no letters of any.

    Han text with more kana or hangul than Han is not Chinese: such a text gets `en`, like every other language.
    """
    sample = unicodedata.normalize("NFC", text[:_SAMPLE_CHARS])
    han_chars = len(_HAN_CHAR.findall(sample))
    other_cjk = len(_KANA_OR_HANGUL.findall(sample))
    latin = _LATIN_WORD.findall(sample)
    hebrew_words = len(_HEBREW_WORD.findall(sample))
    if not (han_chars or hebrew_words or latin):
        return "en" if other_cjk else default
    # A Chinese word has about one and a half characters; the three counts are then all words.
    han_words = han_chars / 1.5 if han_chars > other_cjk else 0.0
    if han_words >= max(hebrew_words, len(latin), 0.1):
        return "zh"
    if hebrew_words >= max(len(latin), 1):
        return "he"
    return _latin_language(latin)


def _latin_language(words: list[str]) -> Language:
    english = sum(word.lower() in _ENGLISH_WORDS for word in words)
    vietnamese = 0.0
    for word in words:
        if _VIETNAMESE_LETTER.search(word):
            # A capitalised word may be a Vietnamese name inside an English question.
            vietnamese += 1.0 if word[0].islower() or word is words[0] else 0.3
        elif _unaccented(word.lower()) in _VIETNAMESE_WORDS:
            vietnamese += 0.5 if word.isascii() else 1.0
    return "vi" if vietnamese >= 1.0 and vietnamese > english else "en"


def _unaccented(word: str) -> str:
    if word.isascii():
        return word
    return "".join(
        character for character in unicodedata.normalize("NFD", word) if not unicodedata.combining(character)
    )
