"""Sounds that mean nothing, in the languages that have rules. Whoever is in doubt leaves the word where it is."""

from __future__ import annotations

import re

_WORDS = {
    "en": r"u+h+m*|u+m+|e+r+m+|e+hm+|h+m{2,}|m{2,}",
    # Without accents `o` and `um` are words or parts of names; only what is written as a sound goes.
    "vi": r"ờ+m*|ừ+m+|ơ+m+|ậm ừ|ưm+|h+m{2,}",
    "he": r"א+ה+ה+|א+מ{2,}|א+ם|אה+|ה+ממ+|אֶה+|אממ+",
}
"""Between word boundaries, whatever stands around them."""

_BETWEEN_MARKS = {
    "en": r"you know|i mean|sort of like|kind of like",
    "vi": r"à|ờ|ừ|thì là|kiểu như là",
    "he": r"אתה יודע|את יודעת|כאילו",
}
"""Only where commas, or the ends of the text, enclose them: elsewhere they are words."""

_CHINESE = r"嗯+|呃+|唔+|额+|那个那个|这个这个"
_HAN_MARKS = "，。！？、；：,.!?;: \t"

_ALONE = {
    language: re.compile(rf"(?<![\w'’-])(?:{words})(?![\w'’-])[,，、.…]*", re.IGNORECASE)
    for language, words in _WORDS.items()
}
_ENCLOSED = {
    language: re.compile(rf"(?:(?<=,)|(?<=^))\s*(?:{words})\s*(?:,|(?=$))", re.IGNORECASE)
    for language, words in _BETWEEN_MARKS.items()
}
_HAN_ENCLOSED = re.compile(rf"(?:(?<=[{_HAN_MARKS}])|^)(?:{_CHINESE})(?:[{_HAN_MARKS}]+|$)")
_HAN_CERTAIN = re.compile(r"(?:嗯|呃){2,}[，、,]?|(?<=[\u4e00-\u9fff])呃[，、,]?(?=[\u4e00-\u9fff])")

_STUTTERED = {
    "en": r"the|a|an|to|of|and|i|we|you|he|she|it|they|in|on|is|was|for|with|my|our|this|but|so",
    "he": r"את|של|על|אני|הוא|היא|זה|אז|לא|כי|גם",
}
_STUTTERS = {
    language: re.compile(rf"\b({words})(?:,?\s+\1\b)+", re.IGNORECASE)
    for language, words in _STUTTERED.items()
}
# Three times the same word is a stutter in any language; twice is grammar in Vietnamese and Chinese.
_THRICE = re.compile(r"\b(\w+)(?:,?\s+\1\b){2,}", re.IGNORECASE)


def without_fillers(text: str, language: str) -> str:
    """The text without sounds that mean nothing; untouched in a language without rules, or if nothing were left.

    Args:
        text: In NFC.
        language: ISO 639-1 code.
    """
    if language == "zh":
        found = _HAN_CERTAIN.sub("", _HAN_ENCLOSED.sub("", text))
    elif language in _ALONE:
        found = _ENCLOSED[language].sub(" ", _ALONE[language].sub(" ", text))
        if language in _STUTTERS:
            found = _STUTTERS[language].sub(r"\1", found)
        found = _THRICE.sub(_once, found)
    else:
        return text
    # "Uh-huh." may be the whole answer to a question.
    return found if any(map(str.isalnum, found)) else text


def is_filler(word: str, language: str) -> bool:
    """Whether a single word is such a sound."""
    if language == "zh":
        return re.fullmatch(_CHINESE, word) is not None
    return language in _ALONE and _ALONE[language].fullmatch(word) is not None


def _once(match: re.Match[str]) -> str:
    """A number said three times is three numbers."""
    word = match[1]
    return match[0] if any(map(str.isdigit, word)) else word
