"""Synthetic messages in four languages, with planted ones that are to be found again."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from roundhouse.infra.search import Entry

LANGUAGES = ("en", "vi", "zh", "he")
NEEDLES = 25
"""Planted messages of each task."""

USERS = 1_000
LARGE_USER = "large"
BEGIN_S = 1_700_000_000.0
"""Time of the first message; each of the others is a second later."""

_VOCABULARY = 30_000
_SYLLABLES = """
ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo ya ze ch sh th er in an or st al en ing ed ly
b c ch d đ g gh h kh l m n ng nh ph qu r s t th tr v x
a à á ả ã ạ ă ằ ắ â ầ ấ e è é ẹ ê ề ế i ì í o ò ó ọ ô ồ ố ộ ơ ờ ớ u ù ú ư ừ ứ ai ay ao an ang anh ông iên ươi ước
"""
_EN, _VI_HEAD, _VI_TAIL = [line.split() for line in _SYLLABLES.strip().splitlines()]
_HE = "אבגדהוזחטיכלמנסעפצקרשת"
_HE_POINTS = "\u05b0\u05b4\u05b5\u05b6\u05b7\u05b8\u05b9\u05bc"


class Task(NamedTuple):
    """Something to be found again.

    Attributes:
        name: Which difficulty.
        query: What is typed.
        ref_id: The message that is meant.
    """

    name: str
    query: str
    ref_id: str


class Corpus:
    """N messages, the same for the same N.

    Args:
        messages: How many, planted ones not counted.
    """

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self._chance = random.Random(7)
        self._words = {language: self._vocabulary(language) for language in LANGUAGES}
        self.tasks: list[Task] = []
        self.planted = list(self._plant())

    def batches(self, size: int) -> Iterator[list[Entry]]:
        """All messages, `size` at a time; the planted ones first."""
        yield self.planted
        numbers = np.random.default_rng(11)
        weights = 1 / (np.arange(_VOCABULARY) + 2.7)
        bounds = np.cumsum(weights / weights.sum())
        for start in range(0, self.messages, size):
            count = min(size, self.messages - start)
            lengths = np.clip(numbers.lognormal(2.7, 0.7, count), 2, 300).astype(int)
            drawn = np.searchsorted(bounds, numbers.random(int(lengths.sum())))
            drawn = np.minimum(drawn, _VOCABULARY - 1).tolist()
            place = 0
            made = []
            for offset, length in enumerate(lengths.tolist()):
                number = start + offset
                language = LANGUAGES[number % 4]
                words = self._words[language]
                joint = "" if language == "zh" else " "
                text = joint.join([words[word] for word in drawn[place : place + length]])
                place += length
                made.append(_entry(f"msg_{number}", text, number))
            yield made

    def queries(self, texts: list[tuple[str, str]], count: int) -> list[tuple[str, str]]:
        """Language and text of queries of one to three words that stand beside one another in a message."""
        found = []
        while len(found) < count:
            language, text = self._chance.choice(texts)
            size = self._chance.randint(1, 3)
            if language == "zh":
                start = self._chance.randrange(max(1, len(text) - 2 * size))
                found.append((language, text[start : start + 2 * size]))
                continue
            words = text.split()
            start = self._chance.randrange(max(1, len(words) - size))
            found.append((language, " ".join(words[start : start + size])))
        return found

    def words(self, language: str) -> list[str]:
        """All words of a language, the most common first."""
        return self._words[language]

    def _vocabulary(self, language: str) -> list[str]:
        words: dict[str, None] = {}
        while len(words) < _VOCABULARY:
            words[self._word(language)] = None
        return list(words)

    def _word(self, language: str) -> str:
        draw = self._chance
        if language == "en":
            return "".join(draw.choices(_EN, k=draw.randint(1, 4)))
        if language == "vi":
            one = draw.choice(_VI_HEAD) + draw.choice(_VI_TAIL)
            return f"{one} {draw.choice(_VI_HEAD)}{draw.choice(_VI_TAIL)}" if draw.random() < 0.97 else one
        if language == "zh":
            # Few characters are in most words, as in real texts.
            return "".join(chr(0x4E00 + int(3_000 * draw.random() ** 2)) for _ in range(2))
        word = "".join(draw.choices(_HE, k=draw.randint(3, 6)))
        return draw.choice("והבכלמש") + word if draw.random() < 0.3 else word

    def _plant(self) -> Iterator[Entry]:
        for number in range(NEEDLES):
            for name, text, query in self._needles(number):
                ref_id = f"needle_{name}_{number}".replace(" ", "_")
                self.tasks.append(Task(name, query, ref_id))
                yield _entry(ref_id, text, number)

    def _needles(self, number: int) -> Iterator[tuple[str, str, str]]:
        """Name of the task, text of the message, query."""
        draw = self._chance
        around = {
            language: [" ".join(draw.choices(words, k=6)) for _ in range(2)]
            for language, words in self._words.items()
        }
        rare = "".join(draw.choices("bcdfgklmnprstvz", k=3)) + "zyx" + "".join(draw.choices("aeiou", k=3))
        en, vi, he = around["en"], around["vi"], around["he"]
        zh = [text.replace(" ", "") for text in around["zh"]]
        yield "en word", f"{en[0]} {rare}en {en[1]}", f"{rare}en".upper()
        code = f"get{rare.title()}Name_{number:03}x"
        yield "en part of an identifier", f"{en[0]} {code} {en[1]}", code[5:12]
        marked = f"nghiễng {rare}ễ đượng{number}"
        yield "vi with diacritics", f"{vi[0]} {marked} {vi[1]}", marked
        marked = f"khuỷu {rare}ộ đường{number}"
        bare = "".join(
            char for char in unicodedata.normalize("NFD", marked) if not unicodedata.combining(char)
        )
        yield "vi without diacritics", f"{vi[0]} {marked} {vi[1]}", bare.replace("đ", "d")
        pair = chr(0x7000 + draw.randrange(2_000)) + chr(0x8000 + draw.randrange(2_000))
        yield "zh word of two characters", f"{zh[0]}{pair}{zh[1]}", pair
        one, other = chr(0x7800 + number), chr(0x8900 + number)
        yield "zh words apart", f"{zh[0]}{one}{other}的{other}{one}{zh[1]}", f"{one}{other}{other}{one}"
        root = "".join(draw.choices(_HE, k=5)) + "ק" + _HE[number % 22]
        pointed = "".join(char + draw.choice(_HE_POINTS) for char in root)
        yield "he without points", f"{he[0]} {pointed} {he[1]}", root
        root = "ט" + "".join(draw.choices(_HE, k=4)) + "צ" + _HE[number % 22]
        yield "he without prefix", f"{he[0]} וה{root} {he[1]}", root


def _entry(ref_id: str, text: str, number: int) -> Entry:
    # One user has every third message, a thousand others have the rest.
    user = LARGE_USER if number % 3 == 0 else f"u{number % USERS}"
    role = "user" if number % 2 else "assistant"
    tags = ("rare",) if number % 1_000 == 7 else ()
    at_s = BEGIN_S + number
    return Entry(ref_id, "message", "bench", user, None, f"ses_{number // 40}", role, tags, text, at_s)
