r"""Rich Text Format: its text, with paragraphs, headings by their outline levels, and rows of tables.

Source:
    Microsoft RTF Specification 1.9.1; character sets of fonts as in its table of `\fcharset`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from roundhouse.core.errors import DocumentUnreadable
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.plain import whole_bytes
from roundhouse.features.knowledge.parsing.tables import write_table

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)",
    re.DOTALL,
)
_DROPPED = frozenset(
    b"fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl footerr footerf"
    b" fldinst listtable listoverridetable revtbl rsidtbl generator themedata colorschememapping datastore xmlnstbl"
    b" latentstyles bkmkstart bkmkend template annotation atnid atnauthor nonshppict mmathPr".split()
)
_SIGNS = {
    b"tab": "\t",
    b"line": "\n",
    b"emdash": "—",
    b"endash": "–",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
    b"bullet": "•",
    b"emspace": " ",
    b"enspace": " ",
}
_CHARSETS = {
    0: "cp1252", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_CODE_PAGES = {932: "cp932", 936: "gb18030", 949: "cp949", 950: "big5", 65001: "utf-8", 10000: "mac_roman"}
_DEEPEST = 1_000
_BODY = 9


class _State(NamedTuple):
    """What a group has, and its end takes back."""

    dropped: bool = False
    hidden: bool = False
    encoding: str = ""
    unicode_skip: int = 1


def read_rtf(reading: Reading) -> None:
    """Read a file of Rich Text.

    Raises:
        DocumentUnreadable: Its groups nest too deeply.
        TooLarge: It is larger than is allowed.
    """
    _Body(reading).read(whole_bytes(reading))


class _Body:
    """Goes through the tokens."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._state = _State()
        self._states: list[_State] = []
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._bytes = bytearray()
        self._text: list[str] = []
        self._skip = 0
        self._level = _BODY
        self._in_row = False
        self._cells: list[str] = []
        self._rows: list[list[str]] = []

    def read(self, data: bytes) -> None:
        skip_to = 0
        for found in _TOKEN.finditer(data):
            if found.start() < skip_to:
                continue
            word, number, code, sign, brace, plain = found.groups()
            if word == b"bin":
                skip_to = found.end() + max(int(number or 0), 0)
            elif word is not None:
                self._word(word, int(number) if number else None)
            elif code is not None:
                self._take(bytes.fromhex(code.decode("ascii")))
            elif brace is not None:
                self._brace(opens=brace == b"{")
            elif sign is not None:
                self._sign(sign)
            elif plain is not None:
                self._take(plain)
        self._paragraph()
        self._table()

    def _brace(self, *, opens: bool) -> None:
        self._decode()
        self._skip = 0
        if opens:
            if len(self._states) >= _DEEPEST:
                raise DocumentUnreadable(
                    f"{self._reading.name} is nested too deeply: it may be made to harm."
                )
            self._states.append(self._state)
        elif self._states:
            self._state = self._states.pop()

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._state = self._state._replace(dropped=True)
        elif sign in b"\r\n":
            self._word(b"par", None)
        else:
            self._add({b"~": " ", b"_": "-", b"-": ""}.get(sign, sign.decode("latin-1")))

    def _take(self, data: bytes) -> None:
        if self._skip:
            taken = min(self._skip, len(data))
            self._skip -= taken
            data = data[taken:]
        if data and not self._state.dropped and not self._state.hidden:
            self._bytes += data

    def _add(self, text: str) -> None:
        self._decode()
        if not self._state.dropped and not self._state.hidden:
            self._text.append(text)

    def _decode(self) -> None:
        if self._bytes:
            encoding = self._state.encoding or self._encoding
            self._text.append(bytes(self._bytes).decode(encoding, "replace"))
            self._bytes.clear()

    def _word(self, word: bytes, number: int | None) -> None:
        if word in _DROPPED:
            self._decode()
            self._state = self._state._replace(dropped=True)
        elif word in _SIGNS:
            self._add(_SIGNS[word])
        elif word == b"u" and number is not None:
            self._add(chr(number & 0xFFFF))
            self._skip = self._state.unicode_skip
        elif word in (
            b"par",
            b"sect",
            b"page",
            b"cell",
            b"row",
            b"pard",
            b"trowd",
            b"intbl",
            b"outlinelevel",
        ):
            self._layout(word, number)
        else:
            self._font_word(word, number)

    def _layout(self, word: bytes, number: int | None) -> None:
        if self._state.dropped:
            return
        if word == b"pard":
            self._level, self._in_row = _BODY, False
        elif word == b"outlinelevel":
            self._level = number if number is not None and 0 <= number < _BODY else _BODY
        elif word in (b"intbl", b"trowd"):
            self._in_row = True
        elif word == b"cell":
            self._cells.append(self._taken())
        elif word == b"row":
            self._rows.append(self._cells)
            self._cells = []
        elif self._in_row:
            self._add(" ")
        else:
            self._paragraph()

    def _font_word(self, word: bytes, number: int | None) -> None:
        self._decode()
        if word == b"ansicpg" and number is not None:
            self._encoding = _code_page(number)
        elif word == b"uc" and number is not None:
            self._state = self._state._replace(unicode_skip=min(max(number, 0), 8))
        elif word == b"v":
            self._state = self._state._replace(hidden=number != 0)
        elif word == b"plain":
            self._state = self._state._replace(hidden=False, encoding="")
        elif word == b"f" and number is not None:
            self._font = number
            self._state = self._state._replace(encoding=self._fonts.get(number, ""))
        elif word == b"fcharset" and number in _CHARSETS and len(self._fonts) < 10_000:
            self._fonts[self._font] = _CHARSETS[number]

    def _taken(self) -> str:
        self._decode()
        text, self._text = "".join(self._text), []
        # Characters beyond the first 65,536 are written as two halves.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").strip()

    def _paragraph(self) -> None:
        text = self._taken()
        if not text:
            return
        self._table()
        if self._level < _BODY:
            self._reading.out.heading(text, self._level + 1)
        else:
            self._reading.out.text(text)

    def _table(self) -> None:
        rows, self._rows = self._rows, []
        write_table(self._reading.out, [*rows, self._cells])
        self._cells = []


def _code_page(number: int) -> str:
    if number in _CODE_PAGES:
        return _CODE_PAGES[number]
    return f"cp{number}" if number in (437, 850, 852, 866, 874, *range(1250, 1259)) else "cp1252"
