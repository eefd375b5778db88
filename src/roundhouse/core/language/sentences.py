"""Cuts a text into sentences, as spans: what is quoted is always a verbatim piece of what was given.

Knows English, Vietnamese, Chinese and Hebrew punctuation, abbreviations, initials, decimals, quotation marks, list
items, wrapped lines and addresses (URLs). Linear in the length of the text.
"""

from __future__ import annotations

import re
from collections import deque

from roundhouse.core.language.detection import CJK

MAX_SENTENCE_CHARS = 600
"""A longer run without an end (minified code, a table without stops) is cut at a clause, a space or hard."""

Span = tuple[int, int]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_URL = re.compile(r"(?:https?|ftp)://[!-~]+|www\.[!-~]+")
_END = re.compile(r"[.!?…؟]+|[。！？｡!?…]+")
_CLOSERS = "\"'”’»)]}）」』】》〉״׳"
_BLANK_LINE = re.compile(r"\n[ \t\r\f\v\u3000]*(?:\n[ \t\r\f\v\u3000]*)+")
_LIST_MARK = re.compile(
    r"[ \t\u3000>]*(?:[-*+•·–—▪◦●]\s|\(?\d{1,3}[.)、]\s?|\(?[a-zA-Z][.)]\s"
    r"|[（(]?[一二三四五六七八九十]{1,3}[、)）]|#{1,6}\s|\|)"
)
_CJK_CHAR = re.compile(f"[{CJK}]")
_SPEAKS = re.compile(f"[{CJK}]{{0,4}}(?:说|道|问|答|喊|表示|写道|回答)")
_BULLET = re.compile(r"(?:[-*+•·–—▪◦●>]|#{1,6})[ \t]+|\|[ \t]*")
_HAS_CONTENT = re.compile(r"[^\W_]")
_TRIM = " \t\r\n\f\v\u3000\u200e\u200f\u202a\u202b\u202c\ufeff"

_ABBREVIATIONS = _words(
    # English
    "mr mrs ms dr prof sr jr st mt no nos vs fig figs eq sec ch vol pp ed eds inc ltd co corp"
    " dept univ gen col lt"
    " sgt capt rev hon gov sen rep pres approx est cf viz al jan feb mar apr jun jul aug sep sept oct nov dec"
    " e.g i.e a.k.a ave blvd rd tel ext"
    # Vietnamese: city, ward, district, degrees
    " tp q p tx tt ths ts pgs gs bs ks đ đc nxb ubnd"
    # Hebrew
    " עמ מס וכו פרופ רח טל"
)
_STARTERS = _words(
    "the a an it he she they we i you this that these those in on at but and so if when after"
    " before however there"
    " what who where why how its his her their our my for by with as from"
)
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")


def split(text: str) -> list[Span]:
    """Spans of the sentences in order, without surrounding space; pieces without a letter or digit are left out."""
    spans: list[Span] = []
    urls = deque(match.span() for match in _URL.finditer(text))
    position = 0
    for gap in _BLANK_LINE.finditer(text):
        _split_paragraph(text, position, gap.start(), urls, spans)
        position = gap.end()
    _split_paragraph(text, position, len(text), urls, spans)
    return spans


def _split_paragraph(text: str, start: int, end: int, urls: deque[Span], spans: list[Span]) -> None:
    """Cut one paragraph at the ends of lines that are ends of sentences, then each part at its full stops."""
    begin = line = start
    while line < end:
        stop = text.find("\n", line, end)
        if stop < 0:
            break
        if _line_ends_sentence(text, line, stop, end):
            _split_line(text, begin, stop, urls, spans)
            begin = stop + 1
        line = stop + 1
    _split_line(text, begin, end, urls, spans)


def _line_ends_sentence(text: str, line: int, stop: int, end: int) -> bool:
    """Whether the line break at `stop` is more than the wrapping of a long line."""
    following = text[stop + 1 : min(end, stop + 200)]
    if _LIST_MARK.match(following):
        return True
    content = text[line:stop].rstrip()
    first = following.lstrip()[:1]
    if not content or not first or content[-1] in ".!?。！？:：;；…|":
        return True
    if first.islower():
        return False
    wrapped_from = 28 if _CJK_CHAR.match(content[-1]) else 60
    return len(content) < wrapped_from


def _split_line(text: str, start: int, end: int, urls: deque[Span], spans: list[Span]) -> None:
    begin = start
    for match in _END.finditer(text, start, end):
        at, after = match.span()
        if at < begin:
            continue
        while urls and urls[0][1] <= at:
            urls.popleft()
        inside_url = bool(urls) and urls[0][0] <= at
        while after < end and text[after] in _CLOSERS:
            after += 1
        if _ends_sentence(text, begin, match, text[after : min(end, after + 40)], inside_url=inside_url):
            _add(text, begin, after, spans)
            begin = after
    _add(text, begin, end, spans)


def _ends_sentence(text: str, begin: int, marks: re.Match[str], following: str, *, inside_url: bool) -> bool:
    """Whether the marks end a sentence; `following` is what comes behind them and the closing quotes."""
    at, mark = marks.start(), text[marks.start()]
    if not following.strip():
        return True
    if mark in "。！？｡":
        return not (text[marks.end()] in _CLOSERS and _SPEAKS.match(following))
    if not following[0].isspace():
        chinese_next = _CJK_CHAR.match(following) is not None
        return (
            chinese_next
            and not inside_url
            and (mark in "!?…" or _CJK_CHAR.match(text, max(at - 1, 0)) is not None)
        )
    if following.lstrip(_TRIM + "\"'“‘«([（「『")[:1].islower():
        return False
    return mark != "." or len(marks.group()) > 1 or _stop_ends(text, begin, at, following)


def _stop_ends(text: str, begin: int, at: int, following: str) -> bool:
    """Whether a single full stop ends a sentence, or belongs to an abbreviation, an initial or a list number."""
    word_start = at
    while word_start > begin and at - word_start < 24 and not text[word_start - 1].isspace():
        word_start -= 1
    word = text[word_start:at].lstrip("\"'“‘«([（")
    if not word:
        return False
    if word.isdigit():
        return bool(text[begin:word_start].strip(_TRIM))
    if word.casefold() in _ABBREVIATIONS:
        return False
    if len(word) == 1 and word.isalpha():
        # "J. Smith" goes on; "vitamin C. The" and "plan B. It" end.
        return word.islower() or _next_word(following) in _STARTERS
    if _DOTTED.fullmatch(word):
        return _next_word(following) in _STARTERS
    return True


def _next_word(following: str) -> str:
    match = re.match(r"\W*([^\W\d_]+)", following)
    return match.group(1).casefold() if match else ""


def _add(text: str, start: int, end: int, spans: list[Span]) -> None:
    """Keep the trimmed span, in pieces of at most `MAX_SENTENCE_CHARS`, where it holds a letter or a digit."""
    start = _skip_space(text, start, end)
    bullet = _BULLET.match(text, start, end)
    if bullet is not None:
        start = bullet.end()
    while end > start and text[end - 1] in _TRIM:
        end -= 1
    while end - start > MAX_SENTENCE_CHARS:
        cut = _clause_end(text, start, start + MAX_SENTENCE_CHARS)
        if _HAS_CONTENT.search(text, start, cut):
            spans.append((start, cut))
        start = _skip_space(text, cut, end)
    if start < end and _HAS_CONTENT.search(text, start, end):
        spans.append((start, end))


def _skip_space(text: str, start: int, end: int) -> int:
    while start < end and text[start] in _TRIM:
        start += 1
    return start


def _clause_end(text: str, start: int, limit: int) -> int:
    half = start + MAX_SENTENCE_CHARS // 2
    for marks in (";；", ",，、", " \n\t"):
        cut = max(text.rfind(mark, half, limit) for mark in marks)
        if cut > 0:
            return cut + 1 if marks != " \n\t" else cut
    return limit
