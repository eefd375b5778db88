"""One analyser for all languages and both databases: what words a text has.

Every word has a folded form (case, diacritics, Hebrew points and final letters, width and ligatures gone) and, where
diacritics are written, an exact one. Writings without spaces become single characters and pairs. Hebrew words are
entered once more without the letters that are glued to their front. Identifiers are entered whole, in parts, and by
each of their ends, so that any substring of them is the beginning of something. No stemming, no dictionary, no
language to be told.

Terms are bytes, so that both databases order them alike; the first byte says of what kind they are.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import add

import msgspec

from roundhouse.infra.search.scripts import (
    FIRST_UNSPACED,
    HEBREW_FINALS,
    HEBREW_LETTERS,
    HEBREW_POINTS,
    HEBREW_PREFIXES,
    IDEOGRAPHS,
    PIECE,
    RUN,
    SIMPLE,
    WITHOUT_STROKE,
    WORD,
    is_unspaced,
)

VERSION = 1
"""Of the analyser: an index that another version made must be made anew."""

FOLDED, EXACT, TAIL = b"w", b"e", b"~"
"""First bytes of terms: a folded word, an exact one, the end of an identifier."""

MARKED_SHARE = 10
"""Exact forms of words that have nothing to fold are entered, too, where one word of so many has diacritics."""

MAX_TEXT_CHARS = 200_000
"""What stands behind this many characters is not found."""

MAX_TERMS = 20_000
"""Most distinct terms of one text; those of its end are left out."""

MAX_WORD_CHARS = 64
"""Longer words are told apart by so many characters only."""

TAIL_CHARS = 16
MIN_TAIL_CHARS = 3
"""Ends of identifiers: shorter ones are not entered, longer ones are cut."""

_MIN_IDENTIFIER_CHARS = 4
_MIN_NUMBER_CHARS = 6
_MIN_PREFIXED_CHARS = 4
_MIXED = re.compile(r"[^\W\d_]\d|\d[^\W\d_]|_|[a-z][A-Z]")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")


class Form(msgspec.Struct, frozen=True, gc=False):
    """A word in its two forms.

    Attributes:
        folded: What it has in common with other spellings.
        exact: As it was typed, but for case and width.
    """

    folded: str
    exact: str

    @property
    def plain(self) -> bool:
        """Whether there is nothing to fold."""
        return self.folded == self.exact


class Token(msgspec.Struct, frozen=True, gc=False):
    """A piece of a text: a word, or one character of a writing without spaces.

    Attributes:
        start: Offset of its first character.
        end: Offset behind its last one.
        form: What it reads.
        terms: By what it is found; a pair of characters belongs to both.
    """

    start: int
    end: int
    form: Form
    terms: tuple[bytes, ...]


class Analysis(msgspec.Struct, frozen=True):
    """The terms of a text.

    Attributes:
        terms: For each term how often it occurs.
        length: Number of words.
    """

    terms: dict[bytes, int]
    length: int


def cleaned(text: str) -> str:
    """The text as it is kept and cut: composed (NFC), without what a database cannot hold, at most so long."""
    head = text[:MAX_TEXT_CHARS].replace("\x00", " ")
    try:
        head.encode()
    except UnicodeEncodeError:
        head = head.encode("utf-8", "replace").decode()
    # Composition hardly ever lengthens a text, but it may.
    return unicodedata.normalize("NFC", head)[:MAX_TEXT_CHARS]


def analyse(text: str) -> Analysis:
    """Count the terms of a `cleaned` text."""
    # Most words of a text are there several times: each is looked at once.
    runs = Counter(PIECE.findall(text))
    chars: Counter[str] = Counter()
    ideographs: Counter[str] = Counter()
    found: list[tuple[_WordEntries, int]] = []
    for raw, often in runs.items():
        if raw[0] < FIRST_UNSPACED or not is_unspaced(raw[0]):
            found.append((_word_entries(raw), often))
        elif SIMPLE.fullmatch(raw):
            kind = ideographs if IDEOGRAPHS.fullmatch(raw) else chars
            for _ in range(often):
                kind.update(raw)
                kind.update(map(add, raw, raw[1:]))
        else:
            found.append((_written(_run_entries(raw), (), None), often))
    found += [(_char_entries(char), often) for char, often in chars.items()]
    return _counted(found, ideographs)


def _counted(found: Sequence[tuple[_WordEntries, int]], ideographs: Mapping[str, int]) -> Analysis:
    counts: dict[bytes, int] = {}
    known = counts.get
    length = words = marked = 0
    for word, often in found:
        for term in word.terms:
            counts[term] = known(term, 0) + often
        length += word.length * often
        if word.marked is not None:
            words += often
            if word.marked:
                marked += often
    # There is nothing to fold in these, nor are they of any case.
    for char, often in ideographs.items():
        term = FOLDED + char.encode()
        counts[term] = known(term, 0) + often
        length += often
    if marked * MARKED_SHARE >= words > 0:
        # Where diacritics are written, a word without them is one of its own: "ma" is not "má".
        for word, often in found:
            for term in word.plain:
                counts[term] = known(term, 0) + often
    if len(counts) > MAX_TERMS:
        counts = dict(itertools.islice(counts.items(), MAX_TERMS))
    return Analysis(counts, length)


def tokens(text: str) -> Iterator[Token]:
    """The pieces of a `cleaned` text in order, with their offsets."""
    for run in RUN.finditer(text):
        start = run.start()
        if run.lastgroup == "unspaced":
            yield from _run_tokens(run.group(), start)
            continue
        terms = _word_entries(run.group()).terms
        for form in forms_of(run.group()):
            yield Token(start, run.end(), form, terms)


def encode(kind: bytes, word: str) -> bytes:
    """The term of a word."""
    return kind + word[:MAX_WORD_CHARS].encode()


@lru_cache(maxsize=16_384)
def forms_of(raw: str) -> tuple[Form, ...]:
    """The forms of a word or an emoji; more than one where normalisation takes it apart, none where nothing is left."""
    exact = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", raw).casefold())
    exact = exact.translate(HEBREW_POINTS).translate(HEBREW_FINALS)
    exacts, foldeds = WORD.findall(exact), WORD.findall(folded(exact))
    if not foldeds:
        return (Form(raw, raw),) if RUN.fullmatch(raw) and not raw.isalnum() and raw.strip("_") else ()
    if len(exacts) != len(foldeds):
        exacts = foldeds
    return tuple(
        Form(one[:MAX_WORD_CHARS], other[:MAX_WORD_CHARS]) for one, other in zip(foldeds, exacts, strict=True)
    )


def folded(text: str) -> str:
    """Without diacritics, in composed form, lower case taken for granted."""
    apart = unicodedata.normalize("NFKD", text.translate(WITHOUT_STROKE))
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    # Case folding again: what was taken apart may have brought capitals (a trade mark sign).
    return unicodedata.normalize("NFC", bare).casefold().translate(WITHOUT_STROKE)


def without_prefixes(word: str) -> tuple[str, ...]:
    """A Hebrew word without the letter, and without the two letters, that may be glued to its front."""
    found: list[str] = []
    rest = word
    while (
        len(found) < 2
        and len(rest) >= _MIN_PREFIXED_CHARS
        and rest[0] in HEBREW_PREFIXES
        and HEBREW_LETTERS[0] <= rest[1] <= HEBREW_LETTERS[1]
    ):
        rest = rest[1:]
        found.append(rest)
    return tuple(found)


def is_identifier(raw: str) -> bool:
    """Whether a word looks like a name of a program, a key, a number of an order."""
    if raw.isdecimal():
        return len(raw) >= _MIN_NUMBER_CHARS
    return len(raw) >= _MIN_IDENTIFIER_CHARS and _MIXED.search(raw) is not None


class _WordEntries(msgspec.Struct, frozen=True, gc=False):
    """What a word adds to its text.

    Attributes:
        terms: By which it is found.
        length: What it adds to the length.
        plain: Exact terms of what has nothing to fold.
        marked: Whether there is something to fold; None = it is a piece of a writing without spaces.
    """

    terms: tuple[bytes, ...]
    length: int
    plain: tuple[bytes, ...]
    marked: bool | None


def _written(
    entries: Iterable[tuple[bytes, int]], plain: tuple[bytes, ...], marked: bool | None
) -> _WordEntries:
    """Of terms, each with what it adds to the length."""
    pairs = tuple(entries)
    return _WordEntries(tuple(term for term, _ in pairs), sum(weight for _, weight in pairs), plain, marked)


@lru_cache(maxsize=16_384)
def _word_entries(raw: str) -> _WordEntries:
    if raw.isascii() and raw.isalpha() and (raw.islower() or raw.istitle()):
        # Most words of most texts: nothing to normalise, no identifier.
        word = raw.lower()
        return _WordEntries((encode(FOLDED, word),), 1, (encode(EXACT, word),), False)
    entries: dict[bytes, int] = {}
    forms = forms_of(raw)
    for form in forms:
        entries.setdefault(encode(FOLDED, form.folded), 1)
        if not form.plain:
            entries.setdefault(encode(EXACT, form.exact), 0)
        for rest in without_prefixes(form.folded):
            entries.setdefault(encode(FOLDED, rest), 1)
    if is_identifier(raw):
        for part in _PARTS.findall(raw):
            for form in forms_of(part):
                entries.setdefault(encode(FOLDED, form.folded), 0)
        for tail in _tails(raw):
            entries.setdefault(tail, 0)
    plain = tuple(encode(EXACT, form.exact) for form in forms if form.plain)
    return _written(entries.items(), plain, len(plain) < len(forms))


def _tails(raw: str) -> Iterator[bytes]:
    for form in forms_of(raw):
        for start in range(1, len(form.folded) - MIN_TAIL_CHARS + 1):
            yield TAIL + form.folded[start : start + TAIL_CHARS].encode()


@lru_cache(maxsize=16_384)
def _char_form(char: str) -> Form:
    exact = unicodedata.normalize("NFKC", char.casefold())
    return Form(folded(exact).strip(), exact.strip())


def run_forms(raw: str) -> list[tuple[int, int, Form]]:
    """The characters of a run without spaces: offsets in it, and forms; marks belong to the character before."""
    found: list[tuple[int, int, Form]] = []
    for place, char in enumerate(raw):
        form = _char_form(char)
        if form.folded:
            found.append((place, place + 1, form))
        elif found:
            start, _end, base = found[-1]
            found[-1] = (start, place + 1, Form(base.folded, (base.exact + form.exact)[:8]))
    return found


@lru_cache(maxsize=16_384)
def _char_entries(chars: str) -> _WordEntries:
    """Of one character of a simple run, or of two as one word."""
    form = _char_form(chars[0]) if len(chars) == 1 else pair_of(_char_form(chars[0]), _char_form(chars[1]))
    return _written(_form_entries(form), (), None)


def _run_entries(raw: str) -> Iterator[tuple[bytes, int]]:
    before: Form | None = None
    for _start, _end, form in run_forms(raw):
        yield from _form_entries(form)
        if before is not None:
            yield from _form_entries(pair_of(before, form))
        before = form


def _form_entries(form: Form) -> Iterator[tuple[bytes, int]]:
    yield encode(FOLDED, form.folded), 1
    if not form.plain:
        yield encode(EXACT, form.exact), 0


def pair_of(before: Form, form: Form) -> Form:
    """Two characters as one word."""
    return Form(before.folded + form.folded, before.exact + form.exact)


def _run_tokens(raw: str, offset: int) -> Iterator[Token]:
    chars = run_forms(raw)
    pairs = [
        tuple(term for term, _weight in _form_entries(pair_of(one[2], other[2])))
        for one, other in itertools.pairwise(chars)
    ]
    for place, (start, end, form) in enumerate(chars):
        terms = [term for term, _weight in _form_entries(form)]
        terms += pairs[place - 1] if place else ()
        terms += pairs[place] if place < len(pairs) else ()
        yield Token(offset + start, offset + end, form, tuple(terms))
