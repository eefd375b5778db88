"""Folds text to terms so that what means the same is found: one way for four languages.

Every word has several keys, from exact to loose: as written (case folded, NFC), without diacritics (`đ` -> `d`), an
English stem, a long word's beginning, a Hebrew word without its points, prefix letters, endings and vowel letters.
Chinese, Japanese and Korean runs become pairs of neighbouring characters. A question's term says how much each key
is worth.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

import msgspec

from roundhouse.core.language import stopwords
from roundhouse.core.language.detection import CJK, Language

_WORD = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")
_CJK_RUN = re.compile(f"[{CJK}]")
_HEBREW_POINTS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u200e\u200f]")
_GERSHAYIM = re.compile("(?<=[\u05d0-\u05ea])[\"'\u05f3\u05f4\u2019\u201d](?=[\u05d0-\u05ea])")
_HEBREW_PREFIXES = "והבכלמש"
_HEBREW_ENDING = re.compile("(?<=[\u05d0-\u05ea]{2})(?:יות|יים|ים|ות|ית|יה|נו|יו|ה|ת|י|ו|ך|ן|ם)$")
_HEBREW_VOWELS = re.compile("[וי]")
_HEBREW_PATTERN_LETTERS = "נתמיה"
_APOSTROPHE_S = re.compile("['’]s?(?![a-z])")

MAX_QUERY_TERMS = 48
"""A longer question is a text: its first terms are enough."""

_EXACT, _BARE, _STEM, _FOLDED, _CONSONANTS, _BEGINNING = 1.0, 0.95, 0.9, 0.6, 0.55, 0.4


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in text.split())


_IRREGULAR = _pairs(
    "began:begin begun:begin built:build bought:buy brought:bring came:come chose:choose"
    " chosen:choose cost:cost died:die dead:die drew:draw drawn:draw drove:drive driven:drive ate:eat"
    " eaten:eat fell:fall fallen:fall felt:feel fought:fight found:find flew:fly flown:fly gave:give"
    " given:give went:go gone:go grew:grow grown:grow held:hold kept:keep knew:know known:know"
    " led:lead left:leave lost:lose made:make met:meet paid:pay ran:run rose:rise risen:rise"
    " sang:sing sat:sit saw:see seen:see sent:send slept:sleep sold:sell spent:spend spoke:speak"
    " spoken:speak stood:stand swam:swim taught:teach thought:think threw:throw took:take taken:take"
    " told:tell understood:understand won:win wore:wear written:write wrote:write became:become"
    " children:child people:person men:man women:woman feet:foot mice:mouse lives:live living:live"
    " born:birth largest:large biggest:big lying:lie dying:die"
)


class Term(msgspec.Struct, frozen=True):
    """One word of a question.

    Attributes:
        keys: What a text's word may match it by, each with its worth in (0, 1].
        weight: Worth of the term itself, 1.0 = an ordinary word.
        name: It looks like a proper name or a number: what does not know it at all is about something else.
    """

    keys: dict[str, float]
    weight: float = 1.0
    name: bool = False


def normalise(text: str) -> str:
    """Case folded, NFC, plain apostrophes, no Hebrew points, no quotation marks inside Hebrew acronyms."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFC", text.casefold())
    return _GERSHAYIM.sub("", _HEBREW_POINTS.sub("", text)).replace("’", "'")


def fold(text: str) -> str:
    """`text` (normalised) without any diacritic."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text).replace("đ", "d").replace("Đ", "D")
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def stem(word: str) -> str:
    """Light English stem of a lower-case ASCII word: plurals, -ing, -ed, -ly and irregular forms."""
    known = _IRREGULAR.get(word)
    if known is not None:
        return known
    for ending, instead, least in (
        ("ies", "y", 4), ("sses", "ss", 5), ("ches", "ch", 5), ("shes", "sh", 5), ("xes", "x", 4), ("ss", "ss", 2),
        ("us", "us", 2), ("s", "", 4), ("ingly", "", 7), ("edly", "", 6), ("ing", "", 6), ("ied", "y", 4),
        ("eed", "ee", 5), ("ed", "", 5), ("ly", "", 5),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) >= least:
            word = word[: len(word) - len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsze":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def words(text: str) -> list[str]:
    """The words of a normalised text in order; runs of Chinese become pairs of characters, function words cut them."""
    found: list[str] = []
    for run in _WORD.findall(text):
        if _CJK_RUN.match(run):
            for piece in stopwords.CHINESE.split(run):
                if len(piece) > 1:
                    found.extend(piece[place : place + 2] for place in range(len(piece) - 1))
                elif piece:
                    found.append(piece)
        else:
            found.append(run)
    return found


def is_cjk(word: str) -> bool:
    """Whether a word is of Chinese, Japanese or Korean script."""
    return _CJK_RUN.match(word) is not None


def text_keys(word: str) -> tuple[str, ...]:
    """The keys by which a word of a text can be found."""
    if word.isascii():
        keys = (word, "~" + word)
        if word[0].isdigit() or len(word) < 3:
            return keys
        root = stem(word)
        return (*keys, "^" + root, "@" + word[:5]) if len(word) > 6 else (*keys, "^" + root)
    if _CJK_RUN.match(word):
        return (word,)
    if "\u05d0" <= word[0] <= "\u05ea":
        return _hebrew_keys(word)
    return (word, "~" + fold(word))


def _hebrew_keys(word: str) -> tuple[str, ...]:
    """The word, its forms without prefix letters, their stems, and their consonants (תוכנן and תכנן are one)."""
    keys = {word: None}
    for form in _without_prefixes(word):
        keys["~" + form] = None
        root = _HEBREW_ENDING.sub("", form)
        if len(root) > 1:
            keys["^" + root] = None
        consonants = root[0] + _HEBREW_VOWELS.sub("", root[1:])
        if len(consonants) > 2:
            keys["#" + consonants] = None
        if len(consonants) > 3 and consonants[0] in _HEBREW_PATTERN_LETTERS:
            keys["#" + consonants[1:]] = None
    return tuple(keys)


def _without_prefixes(word: str) -> list[str]:
    forms = [word]
    for _ in range(2):
        if len(word) < 4 or word[0] not in _HEBREW_PREFIXES:
            break
        word = word[1:]
        forms.append(word)
    return forms


def _worth(key: str, word: str, *, folded_exact: bool) -> float:
    if key == word:
        return _EXACT
    if key[0] == "^":
        return _STEM if len(key) > 3 else _FOLDED
    if key[0] == "#":
        return _CONSONANTS
    if key[0] == "@":
        return _BEGINNING
    return _BARE if folded_exact else _FOLDED


def query_terms(text: str, language: Language, names: Container[str] = ()) -> list[Term]:
    """The terms of a question (normalised), without the words that carry no topic.

    A Vietnamese question typed without diacritics finds words with any; one with them prefers its own.

    Args:
        text: The question, normalised.
        language: Its language.
        names: Words of it (normalised) that are proper names.
    """
    plain = language == "vi" and text == fold(text)
    stop = _stop_words(language, plain=plain)
    found: list[Term] = []
    seen: set[str] = set()
    for word in words(_APOSTROPHE_S.sub("", text)):
        if word in seen or word in stop or (len(word) == 1 and word.isascii() and not word.isdigit()):
            continue
        if "\u05d0" <= word[0] <= "\u05ea" and len(word) == 1:
            continue
        seen.add(word)
        folded_exact = plain or word.isascii() or "\u05d0" <= word[0] <= "\u05ea"
        keys = {key: _worth(key, word, folded_exact=folded_exact) for key in text_keys(word)}
        single_cjk = len(word) == 1 and not word.isascii()
        found.append(Term(keys, 0.6 if single_cjk else 1.0, word in names or word.isdigit()))
        if len(found) == MAX_QUERY_TERMS:
            break
    return found


def _stop_words(language: Language, *, plain: bool) -> frozenset[str]:
    if language == "vi":
        return frozenset(map(fold, stopwords.VIETNAMESE)) if plain else stopwords.VIETNAMESE
    return stopwords.HEBREW if language == "he" else stopwords.ENGLISH


def topic_words(text: str, language: Language) -> list[str]:
    """One key for each topic word of a text, repeated as often as it occurs: what summarising counts."""
    stop = _stop_words(language, plain=False)
    found: list[str] = []
    for word in words(normalise(text)):
        if word in stop or (len(word) == 1 and not _CJK_RUN.match(word)):
            continue
        if word.isascii():
            found.append(stem(word))
        elif "\u05d0" <= word[0] <= "\u05ea":
            found.append(_without_prefixes(word)[-1])
        else:
            found.append(word)
    return found


def overlap(query: str, text: str, language: Language) -> float:
    """How much of a question's terms a text holds, 0.0 to 1.0; for reranking.

    Args:
        query: The question, as typed.
        text: The document, as given.
        language: Language of the question.
    """
    terms = query_terms(normalise(query), language)
    total = sum(term.weight for term in terms)
    if not total:
        return 0.0
    normal = normalise(text)
    keys: set[str] = set()
    for word in set(words(normal)):
        keys.update(text_keys(word))
    held = sum(
        term.weight * max((worth for key, worth in term.keys.items() if key in keys), default=0.0)
        for term in terms
    )
    return held / total
