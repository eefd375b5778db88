"""Answers a conversation by quoting it: the whole of the built-in model, without any wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from roundhouse.backends.extractive import conversation, instructions, phrases, ranking, summary
from roundhouse.backends.extractive.conversation import Reading, Sentence, Turn
from roundhouse.core.language import questions
from roundhouse.core.language.detection import CJK, Language
from roundhouse.core.language.terms import normalise, query_terms

_MAX_QUOTES = 6
_COMMA = re.compile(r"[,，、;；]\s*")
_TOKEN = re.compile(rf"\s*(?:[{CJK}]|[^\W_{CJK}]{{1,4}}|\S)|\s+")
_PIECE = re.compile(rf"\s*(?:[{CJK}]{{1,3}}|[^\s{CJK}]+)|\s+")


class Reply(msgspec.Struct, frozen=True):
    """What is said: the verbatim quotes, and the whole text around them."""

    text: str
    quotes: tuple[str, ...]
    language: Language


def reply(turns: Sequence[Turn], should_stop: Callable[[], bool] = lambda: False) -> Reply:
    """Answer a conversation; never fails for its content.

    Args:
        turns: The messages, oldest first. Of more than `conversation.MAX_CHARS` characters the last are read.
        should_stop: Asked now and then.

    Raises:
        Cancelled: `should_stop` said yes.
    """
    reading = conversation.read(turns, should_stop)
    if reading.summarise:
        quotes = _summary(reading, should_stop)
        if quotes:
            return Reply(phrases.summary(quotes, reading.language), tuple(quotes), reading.language)
        return _nothing(reading.language)
    quotes = _answer(reading, should_stop)
    if not quotes:
        return _nothing(reading.language)
    return Reply(phrases.answer(quotes, reading.language), tuple(quotes), reading.language)


def _nothing(language: Language) -> Reply:
    return Reply(phrases.NOTHING[language], (), language)


def _answer(reading: Reading, should_stop: Callable[[], bool]) -> list[str]:
    places: list[int] = []
    own = False
    hint = reading.earlier_question
    for asked in reading.questions:
        question = questions.read(asked, reading.language)
        # "我叫什么名字?多大了?": the second question leaves out whose age is meant.
        if own and not question.terms and not question.yours:
            question.own = True
        own = question.own
        if hint and not question.own and question.follow_up:
            question.hints = query_terms(normalise(hint), reading.language)
        found = ranking.choose(question, reading.material, should_stop)
        if not found:
            found = _by_last_clause(asked, reading, should_stop)
        places += [place for place in found if place not in places]
        hint = asked
    return [reading.material[place].text for place in places[:_MAX_QUOTES]]


def _by_last_clause(asked: str, reading: Reading, should_stop: Callable[[], bool]) -> list[int]:
    """Try "Once more, what is my name?" without what comes before the question."""
    clause = _COMMA.split(asked)[-1]
    if len(clause) == len(asked):
        return []
    return ranking.choose(questions.read(clause, reading.language), reading.material, should_stop)


def _summary(reading: Reading, should_stop: Callable[[], bool]) -> list[str]:
    """Of the document in the last message; without one, of what was said and given before."""
    order = " ".join(reading.questions)
    material: Sequence[Sentence] = reading.material[reading.document_from :] or _said_before(reading.material)
    topic = query_terms(normalise(instructions.topic_of(normalise(order))), reading.language)
    chosen = summary.choose(material, topic, instructions.sentences_asked(order), should_stop)
    return [material[place].text for place in chosen]


def _said_before(material: Sequence[Sentence]) -> list[Sentence]:
    said = [sentence for sentence in material if sentence.role not in ("system", "developer")]
    return said or list(material)


def count_tokens(text: str) -> int:
    """Tokens, counted roughly: a CJK character, up to four letters or digits, or one other mark is one token."""
    return sum(1 for _ in _TOKEN.finditer(text))


def cut(text: str, max_tokens: int) -> str:
    """The first `max_tokens` tokens of a text, counted as `count_tokens` does."""
    for number, match in enumerate(_TOKEN.finditer(text), start=1):
        if number == max_tokens:
            return text[: match.end()]
    return text


def pieces(text: str) -> list[str]:
    """A text in the pieces it is streamed in: words, or up to three CJK characters; joined they are the text."""
    return _PIECE.findall(text)
