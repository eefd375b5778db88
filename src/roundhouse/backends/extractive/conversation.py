"""Reads a conversation: what is asked last, and the sentences that may be quoted for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from roundhouse.backends.extractive import instructions, phrases
from roundhouse.core.errors import Cancelled
from roundhouse.core.language.detection import Language, detect
from roundhouse.core.language.sentences import split

MAX_CHARS = 1024 * 1024
"""Of a longer conversation the most recent text is read."""

_HEAD_CHARS = 4096
"""Of a last message that alone is longer, this much of its beginning is read too: the instruction may stand there."""

_LONG_MESSAGE_CHARS = 400
_MAX_QUESTIONS = 5
_NOT_A_LETTER = re.compile(r"[\W_]+")

# Bounded repetitions: an unbounded one over a megabyte of spaces would take quadratic time.
_QUESTION_LABEL = re.compile(
    r"^[ \t]{0,8}[#*]{0,6}[ \t]?(?:user )?(?:question|query|câu hỏi|问题|問題|提问|שאלה)[ \t]{0,2}[*]{0,2}[ \t]?[:：]"
    r"[*]{0,2}[ \t]?",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER_LABEL = re.compile(
    r"^[ \t]{0,8}[#*]{0,6}[ \t]?(?:(?:helpful |your |final )?answer|trả lời|câu trả lời|đáp án|回答|答案|答|תשובה)"
    r"[ \t]{0,2}[*]{0,2}[ \t]?[:：]?[*]{0,2}[ \t]{0,8}$",
    re.IGNORECASE | re.MULTILINE,
)
_MATERIAL_LABEL = re.compile(
    r"[ \t]{0,8}[#*]{0,6}[ \t]?(?:context|document|text|passage|article|source|content|ngữ cảnh|văn bản|đoạn văn"
    r"|tài liệu|nội dung|上下文|背景|文本|原文|资料|文章|内容|הקשר|טקסט|מסמך)[ \t]{0,2}\d{0,4}[ \t]?[*]{0,2}[ \t]?"
    r"[:：][*]{0,2}\s*",
    re.IGNORECASE,
)
_INSTRUCTION_COLON = re.compile(r"[^\n:：]{3,240}[:：](?!//)\s*(?=\S)")


class Turn(msgspec.Struct, frozen=True):
    """One message: its role and its text."""

    role: str
    text: str


class Sentence(msgspec.Struct):
    """One sentence that may be quoted.

    Attributes:
        text: A verbatim piece of a message.
        turn: Which message, 0 = the first.
        role: Whose message.
        language: Language of the message.
        personal: It stands in a short message of the user, not in a document.
        question: It is itself a question, never quoted; what it matches counts for the sentence behind it.
        rule: It tells the model how to behave; quoted only when the model itself is asked about.
    """

    text: str
    turn: int
    role: str
    language: Language
    personal: bool
    question: bool
    rule: bool


class Reading(msgspec.Struct):
    """What the conversation is about now.

    Attributes:
        language: The user's.
        questions: What is asked, sentence by sentence; empty = nothing.
        earlier_question: What was asked before.
        summarise: A summary is wanted.
        material: Sentences in order; those of the last message are its document.
        document_from: Where the last message's document begins in `material`.
    """

    language: Language
    questions: list[str]
    earlier_question: str
    summarise: bool
    material: list[Sentence]
    document_from: int


class _Parts(msgspec.Struct):
    """The last message, taken apart: spans of its text."""

    asked: list[str]
    document: list[str]


def read(turns: Sequence[Turn], should_stop: Callable[[], bool]) -> Reading:
    """Separate the question from what it may be answered by.

    Args:
        turns: The messages, oldest first.
        should_stop: Asked now and then.

    Raises:
        Cancelled: `should_stop` said yes.
    """
    turns = _recent(turns)
    last = _last_asked(turns)
    parts = _take_apart(turns[last].text) if last is not None else _Parts([], [])
    language = _language_of(turns, parts.asked)
    own = frozenset(_bare(text[start:end]) for text in phrases.own_sentences() for start, end in split(text))
    material: list[Sentence] = []
    seen: set[str] = set(own)
    seen.update(_bare(question) for question in parts.asked)
    earlier_question = ""
    for place, turn in enumerate(turns):
        if should_stop():
            raise Cancelled
        if place == last:
            continue
        pieces = [turn.text[start:end] for start, end in split(turn.text)]
        found = _sentences(turn, place, pieces, seen, should_stop)
        if turn.role == "user":
            earlier_question = next(
                (item.text for item in reversed(found) if item.question), earlier_question
            )
        material.extend(found)
    document_from = len(material)
    if last is not None:
        material.extend(_sentences(turns[last], last, parts.document, seen, should_stop))
    summarise = any(instructions.wants_summary(asked, language) for asked in parts.asked)
    if not parts.asked and len(material) - document_from >= 5:
        summarise = True
    return Reading(
        language, parts.asked[-_MAX_QUESTIONS:], earlier_question, summarise, material, document_from
    )


def _recent(turns: Sequence[Turn]) -> list[Turn]:
    """The last `MAX_CHARS` characters, a too long last message with its beginning."""
    kept: list[Turn] = []
    room = MAX_CHARS
    for turn in reversed(turns):
        text = turn.text
        if len(text) > room:
            head = text[:_HEAD_CHARS] + "\n\n" if not kept else ""
            text = head + text[len(text) - max(room - len(head), 0) :] if room > len(head) else ""
        room -= len(text)
        kept.append(Turn(turn.role, text))
        if room <= 0:
            break
    return kept[::-1]


def _last_asked(turns: Sequence[Turn]) -> int | None:
    """The message that asks: the user's last, else the last that is not the model's own."""
    for wanted in (("user",), ("user", "system", "developer", "tool", "function")):
        for place in range(len(turns) - 1, -1, -1):
            if turns[place].role in wanted:
                return place
    return None


def _language_of(turns: Sequence[Turn], asked: Sequence[str]) -> Language:
    """The language of what is asked; without letters that of the conversation, newest first."""
    language: Language = "en"
    for turn in turns[-8:]:
        language = detect(turn.text, language)
    return detect(" ".join(asked), language)


def _sentences(
    turn: Turn, place: int, pieces: Sequence[str], seen: set[str], should_stop: Callable[[], bool]
) -> list[Sentence]:
    """The sentences of one message that were not there before."""
    language = detect(turn.text)
    personal = turn.role == "user" and len(turn.text) <= _LONG_MESSAGE_CHARS
    found: list[Sentence] = []
    for number, piece in enumerate(pieces):
        if number % 256 == 0 and should_stop():
            raise Cancelled
        asking = instructions.asks(piece, language) if personal else instructions.is_question(piece)
        key = _bare(piece)
        # A list of questions and answers may hold the very question: it leads to its answer.
        if key in seen and not asking:
            continue
        seen.add(key)
        rule = turn.role in ("system", "developer") and instructions.is_assistant_rule(piece)
        found.append(Sentence(piece, place, turn.role, language, personal, asking, rule))
    return found


def _bare(text: str) -> str:
    """Letters and digits only: the same sentence with other marks around it is the same."""
    return _NOT_A_LETTER.sub("", text).casefold()


def _take_apart(text: str) -> _Parts:
    """Separate what is asked in a message from the document that stands in it."""
    labels = list(_QUESTION_LABEL.finditer(text))
    if labels:
        return _by_label(text, labels[-1])
    pieces = [text[start:end] for start, end in split(text)]
    if not pieces:
        return _Parts([], [])
    pieces = _split_instruction(pieces)
    language = detect(text)
    asking = [instructions.asks(piece, detect(piece, language)) for piece in (*pieces[:8], *pieces[8:][-8:])]
    if len(pieces) <= 8:
        return _take_short(pieces, asking)
    tail = asking[-min(8, len(pieces) - 8) :]
    return _take_long(pieces, asking[:8], tail)


def _take_short(pieces: list[str], asking: list[bool]) -> _Parts:
    """A few sentences: those that ask are asked, the others are told; only keywords are asked, too."""
    if any(asking):
        head, tail = _leading(asking), _leading(asking[::-1])
        if head + tail and len(pieces) > 4:
            return _ends(pieces, head, tail)
        return _Parts(
            [piece for piece, ask in zip(pieces, asking, strict=True) if ask],
            [piece for piece, ask in zip(pieces, asking, strict=True) if not ask],
        )
    if len(pieces) <= 2 and sum(map(len, pieces)) <= _LONG_MESSAGE_CHARS:
        return _Parts(pieces, [])
    return _Parts([], pieces)


def _take_long(pieces: list[str], first: list[bool], last: list[bool]) -> _Parts:
    return _ends(pieces, _leading(first), _leading(last[::-1]))


def _leading(asking: list[bool]) -> int:
    """How many sentences ask, from the front; a short greeting before them was joined already."""
    count = 0
    for ask in asking:
        if not ask:
            break
        count += 1
    return count


def _ends(pieces: list[str], head: int, tail: int) -> _Parts:
    """What stands at an end of a document is asked; after an order to summarise, a last question is the text's."""
    before, after = pieces[:head], pieces[len(pieces) - tail :] if tail else []
    body = pieces[head : len(pieces) - tail]
    orders_summary = any(instructions.wants_summary(piece, detect(piece)) for piece in before)
    if before and after and orders_summary:
        return _Parts(before, body + after)
    if after:
        return _Parts(after, body)
    return _Parts(before, body)


def _split_instruction(pieces: list[str]) -> list[str]:
    """Cut "Summarise this: The cat sat." into the instruction and the beginning of a document."""
    first = pieces[0]
    colon = _INSTRUCTION_COLON.match(first)
    if colon is None:
        return _without_label(pieces)
    order = first[: colon.end()].strip()
    if not instructions.asks(order, detect(order)):
        return _without_label(pieces)
    return [order, *_without_label([first[colon.end() :], *pieces[1:]])]


def _without_label(pieces: list[str]) -> list[str]:
    """Take "Context:" and its kin off the sentences."""
    cleaned: list[str] = []
    for piece in pieces:
        label = _MATERIAL_LABEL.match(piece)
        rest = piece[label.end() :] if label is not None else piece
        if _bare(rest):
            cleaned.append(rest)
    return cleaned


def _by_label(text: str, label: re.Match[str]) -> _Parts:
    """A prompt with "Question:" in it: the paragraph behind it is asked, the rest is the document."""
    after = text[label.end() :]
    answer = _ANSWER_LABEL.search(after)
    if answer is not None:
        after = after[: answer.start()] + "\n\n" + after[answer.end() :]
    asked, _, rest = after.partition("\n\n")
    if not _bare(asked):
        asked, _, rest = after.lstrip().partition("\n\n")
    document = [text[start:end] for start, end in split(text[: label.start()])]
    document += [rest[start:end] for start, end in split(rest)]
    questions = [asked[start:end] for start, end in split(asked)]
    kept = [piece for piece in _split_instruction(document) if not _is_order(piece)] if document else []
    return _Parts(questions, kept)


def _is_order(piece: str) -> bool:
    return instructions.is_assistant_rule(piece) or (
        instructions.asks(piece, detect(piece)) and not instructions.is_question(piece)
    )
