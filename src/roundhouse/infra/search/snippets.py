"""The part of a text that shows why it was found."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from roundhouse.infra.search.analyser import Form, Token, tokens
from roundhouse.infra.search.shapes import Piece

SNIPPET_CHARS = 240
"""Most characters of a snippet, the signs of omission at its ends not counted."""

_BEFORE_CHARS = 60
_MOST_HITS = 2_000
_MOST_PIECES = 60
_OMITTED = "\u2026"


def snippet(text: str, terms: Collection[bytes], looked_at_chars: int) -> tuple[Piece, ...]:
    """The part of a `cleaned` text with the most different words that were looked for, in pieces.

    Args:
        text: What was found.
        terms: By which terms.
        looked_at_chars: How much of the text is looked at; where nothing is in that part, it is shown from its start.
    """
    found = _found(text[:looked_at_chars], frozenset(terms))
    start = _start(text, found)
    end = min(len(text), start + SNIPPET_CHARS)
    if end < len(text):
        space = text.rfind(" ", start + SNIPPET_CHARS // 2, end)
        end = space if space > 0 and not any(one.start < space < one.end for one in found) else end
    pieces: list[Piece] = []
    place = start
    for one in found:
        if one.end <= place or one.start >= end or len(pieces) >= _MOST_PIECES:
            continue
        _append(pieces, text[place : max(place, one.start)], False)
        _append(pieces, text[max(place, one.start) : min(one.end, end)], True)
        place = min(one.end, end)
    _append(pieces, text[place:end], False)
    opened = [Piece(_OMITTED)] if start > 0 else []
    return (*opened, *pieces, *([Piece(_OMITTED)] if end < len(text) else []))


def holds(text: str, phrases: Sequence[Sequence[Form]]) -> bool:
    """Whether in a `cleaned` text the words of each phrase follow one another.

    A word that was typed with diacritics must have them; one without may be any.
    """
    forms = [token.form for token in tokens(text)]
    places: dict[str, list[int]] = {}
    for place, form in enumerate(forms):
        places.setdefault(form.folded, []).append(place)
    return all(
        any(_stands(forms, phrase, place) for place in places.get(phrase[0].folded, ())) for phrase in phrases
    )


def _stands(forms: Sequence[Form], phrase: Sequence[Form], place: int) -> bool:
    if place + len(phrase) > len(forms):
        return False
    return all(
        form.folded == wanted.folded and (wanted.plain or form.exact == wanted.exact)
        for form, wanted in zip(forms[place : place + len(phrase)], phrase, strict=True)
    )


def _found(text: str, terms: frozenset[bytes]) -> list[Token]:
    found: list[Token] = []
    for token in tokens(text):
        if not terms.isdisjoint(token.terms) and (not found or token.start >= found[-1].end):
            found.append(token)
            if len(found) >= _MOST_HITS:
                break
    return found


def _start(text: str, found: Sequence[Token]) -> int:
    """Where the window with the most different words begins; of equal ones the first."""
    best, most, last = 0, 0, 0
    within: dict[str, int] = {}
    for first, token in enumerate(found):
        while last < len(found) and found[last].end - token.start <= SNIPPET_CHARS - _BEFORE_CHARS:
            word = found[last].form.folded
            within[word] = within.get(word, 0) + 1
            last += 1
        if len(within) > most:
            most, best = len(within), token.start
        if first < last:
            within[token.form.folded] -= 1
            if not within[token.form.folded]:
                del within[token.form.folded]
        else:
            last = first + 1
    if best <= _BEFORE_CHARS:
        return 0
    begin = best - _BEFORE_CHARS
    space = text.find(" ", begin, best)
    return space + 1 if space >= 0 else begin


def _append(pieces: list[Piece], text: str, hit: bool) -> None:
    if not text:
        return
    if pieces and pieces[-1].hit == hit:
        pieces[-1] = Piece(pieces[-1].text + text, hit)
    else:
        pieces.append(Piece(text, hit))
