"""Takes links, images and HTML that could fetch something out of what a model says, as it is said.

A document may tell a model to show a picture whose address carries what was asked: the reader's browser would fetch
it. So nothing stays alive that the question itself did not name: `](` is taken apart, tags are escaped, addresses
become code. Citation marks that point nowhere are removed in the same pass. What comes out does not depend on the
pieces in which the text came.
"""

from __future__ import annotations

import re
from collections.abc import Container

MOST_HELD_CHARS = 2000
"""What is longer and still open is taken as it stands."""

# Of schemes the last letters are enough: a run of letters without end takes no time without end.
_URL = r"(?:[A-Za-z][A-Za-z0-9+.-]{0,30}://|[Ww]{3}\.)[^\s<>\"'`()\[\]{}|\\^]*"
_MARK = r"[\[【][ \t]*\d{1,4}(?:[ \t]*[,;，、][ \t]*\d{1,4})*[ \t]*[\]】]"
_CONSTRUCT = re.compile(
    rf"(?P<mark> ?{_MARK})(?P<behind>[(:]?)"
    r"|(?P<join>\]\()(?P<to>[^\s)<]*)"
    r"|(?P<define>\]:)(?=\s*<?(?:[A-Za-z][A-Za-z0-9+.-]{0,30}:|//))"
    r"|(?P<tag><[A-Za-z/!?][^<>]*>?)"
    rf"|(?P<url>{_URL})"
)
_OPEN = re.compile(
    r"(?: |"
    rf" ?{_MARK}|"
    r" ?[\[【][ \t\d,;，、]*|"
    r"\](?:\([^\s)]*|:\s*[^\s]*)?|"
    r"<(?:[A-Za-z/!?][^<>]*)?|"
    rf"{_URL}|"
    r"[A-Za-z][A-Za-z0-9+.-]{0,30}(?::/?)?)\Z"
)
_NUMBER = re.compile(r"\d+")
_END_MARKS = ".,;:!?*_~。，；：！？"
_FETCHING = re.compile(
    "applet|a|area|audio|base|body|button|embed|form|frame|iframe|image|img|input|link|map|math|meta|object|picture|"
    "portal|script|source|style|svg|table|td|th|track|use|video",
    re.IGNORECASE,
)
_TAG_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)")


def urls_of(text: str) -> frozenset[str]:
    """The addresses in a text, without the marks behind them."""
    return frozenset(url.rstrip(_END_MARKS) for url in re.findall(_URL, text))


class Inert:
    """One answer.

    Args:
        question: Addresses that stand in it stay as they are.
        numbers: Passages there are; other marks are removed. None = marks are left alone.
    """

    def __init__(self, question: str, numbers: Container[int] | None = None) -> None:
        self._allowed = urls_of(question)
        self._numbers = numbers
        self._held = ""
        self._last = ""

    def feed(self, text: str) -> str:
        """What of the answer is sure now, with a piece more of it."""
        self._held += text
        still_open = _OPEN.search(self._held)
        keep = len(self._held) if still_open is None else still_open.start()
        if len(self._held) - keep > MOST_HELD_CHARS:
            return self.end()
        ready, self._held = self._held[:keep], self._held[keep:]
        return self._said(ready)

    def end(self) -> str:
        """The rest."""
        rest, self._held = self._held, ""
        return self._said(rest)

    def _said(self, text: str) -> str:
        if not text:
            return ""
        out: list[str] = []
        place = 0
        for found in _CONSTRUCT.finditer(text):
            out.append(text[place : found.start()])
            before = text[found.start() - 1] if found.start() else self._last
            out.append(self._instead(found, before))
            place = found.end()
        out.append(text[place:])
        self._last = text[-1]
        return "".join(out)

    def _instead(self, found: re.Match[str], before: str) -> str:
        if found["mark"] is not None:
            return self._mark(found["mark"], found["behind"])
        if found["join"] is not None:
            to = found["to"]
            if to and to in self._allowed:
                return found[0]
            return "] (" + _URL_PATTERN.sub(lambda one: self._address(one[0], ""), to)
        if found["define"] is not None:
            return "] :"
        if found["tag"] is not None:
            return self._tag(found["tag"])
        return self._address(found["url"], before)

    def _tag(self, tag: str) -> str:
        if not _fetches(tag):
            return tag
        return "&lt;" + _URL_PATTERN.sub(lambda one: self._address(one[0], ""), tag[1:])

    def _mark(self, mark: str, behind: str) -> str:
        # "[1](" and "[1]:" would be a link and a definition of one.
        apart = f" {behind}" if behind else ""
        if self._numbers is None:
            return mark + apart
        good = [
            number for number in dict.fromkeys(map(int, _NUMBER.findall(mark))) if number in self._numbers
        ]
        if not good:
            return apart
        return (" " if mark[0] == " " else "") + "".join(f"[{number}]" for number in good) + apart

    def _address(self, url: str, before: str) -> str:
        bare = url.rstrip(_END_MARKS)
        if bare in self._allowed or before == "`" or not bare:
            return url
        return f"`{bare}`{url[len(bare) :]}"


_URL_PATTERN = re.compile(_URL)


def _fetches(tag: str) -> bool:
    name = _TAG_NAME.match(tag)
    if name is None:
        # Comments and declarations hide what stands behind them.
        return True
    return _FETCHING.fullmatch(name[1]) is not None or "=" in tag or ":" in tag or len(tag) > MOST_HELD_CHARS


def inert(text: str, question: str, numbers: Container[int] | None = None) -> str:
    """A whole text; see `Inert`."""
    one = Inert(question, numbers)
    return one.feed(text) + one.end()
