"""What a query asks for: words, each with the terms by which it may be found, and phrases."""

from __future__ import annotations

import itertools
import re

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.infra.search.analyser import (
    EXACT,
    FOLDED,
    MIN_TAIL_CHARS,
    TAIL,
    TAIL_CHARS,
    Form,
    cleaned,
    encode,
    forms_of,
    is_identifier,
    pair_of,
    run_forms,
    tokens,
    without_prefixes,
)
from roundhouse.infra.search.scripts import RUN

MAX_QUERY_CHARS = 2_000
MAX_WORDS = 64
"""Further words of a query are not looked at."""

FOLDED_WEIGHT = 0.5
"""What a word counts that was found by its folded form only, where the query was typed with diacritics."""

_PHRASE = re.compile('["\u201c\u201d\u201e]([^"\u201c\u201d\u201e]+)["\u201c\u201d]')


class Wanted(msgspec.Struct, frozen=True):
    """A term that finds a word.

    Attributes:
        term: As in the index.
        weight: Of each occurrence.
    """

    term: bytes
    weight: float = 1.0


class Word(msgspec.Struct, frozen=True):
    """A word of a query; found where one of its terms is.

    Attributes:
        wanted: The terms.
        stem: As it begins in the index, folded; "" = it is not looked for as a part of longer words.
        identifier: Whether it looks like one: then longer ones of which it is a part are as good as itself.
    """

    wanted: tuple[Wanted, ...]
    stem: str = ""
    identifier: bool = False


class Parsed(msgspec.Struct, frozen=True):
    """A query.

    Attributes:
        words: Distinct, in order; the words of phrases among them.
        phrases: For each phrase the forms that must follow one another.
    """

    words: tuple[Word, ...]
    phrases: tuple[tuple[Form, ...], ...] = ()

    @property
    def terms(self) -> frozenset[bytes]:
        """Every term of every word."""
        return frozenset(one.term for word in self.words for one in word.wanted)


def parse(text: str, *, quotes: bool = True) -> Parsed:
    """Read a query.

    Args:
        text: As it was typed.
        quotes: Whether double quotes make phrases.

    Raises:
        BadInput: It is too long.
    """
    if len(text) > MAX_QUERY_CHARS:
        raise BadInput(f"A query has at most {MAX_QUERY_CHARS} characters.", param="q")
    text = cleaned(text)
    found = _forms(text)
    marked = any(not form.plain for form, _raw in found)
    words: dict[str, Word] = {}
    for form, raw in found:
        if form.exact not in words and len(words) < MAX_WORDS:
            words[form.exact] = _word(form, raw, marked)
    quoted = _PHRASE.findall(text) if quotes else []
    phrases = [tuple(token.form for token in tokens(one)) for one in quoted]
    return Parsed(tuple(words.values()), tuple(phrase for phrase in phrases if len(phrase) > 1))


def _forms(text: str) -> list[tuple[Form, str]]:
    """The words of a query, each with how it was typed; pairs of characters where there are no spaces."""
    found: list[tuple[Form, str]] = []
    for run in RUN.finditer(text):
        raw = run.group()
        if run.lastgroup != "unspaced":
            found += [(form, raw) for form in forms_of(raw)]
            continue
        chars = [form for _start, _end, form in run_forms(raw)]
        pairs = [pair_of(one, other) for one, other in itertools.pairwise(chars)]
        found += [(form, "") for form in pairs or chars]
    return found


def _word(form: Form, raw: str, marked: bool) -> Word:
    """A word of a query.

    Args:
        form: Its forms.
        raw: How it was typed, "" for a pair of characters.
        marked: Whether any word of the query has diacritics: then a word without them means one without.
    """
    foldeds = (form.folded, *without_prefixes(form.folded))
    if not marked or not raw:
        wanted = [Wanted(encode(FOLDED, one)) for one in foldeds]
        if not form.plain:
            wanted.append(Wanted(encode(EXACT, form.exact)))
    else:
        wanted = [Wanted(encode(FOLDED, one), FOLDED_WEIGHT) for one in foldeds]
        wanted.append(Wanted(encode(EXACT, form.exact)))
    stem = form.folded if raw and len(form.folded) >= MIN_TAIL_CHARS else ""
    return Word(tuple(wanted), stem, is_identifier(raw))


def continuations(word: Word) -> tuple[tuple[bytes, bytes], ...]:
    """Ranges of terms that begin with a word: those above the first bound and below the second."""
    if not word.stem:
        return ()
    whole = encode(FOLDED, word.stem)
    tail = TAIL + word.stem[:TAIL_CHARS].encode()
    # The byte 0xff is in no UTF-8 text. A tail may be exactly what was asked for, a whole word is no continuation.
    return ((whole + b"\x00", whole + b"\xff"), (tail, tail + b"\xff"))
