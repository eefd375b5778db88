"""HTML by lexbor: headings, paragraphs, lists, tables and code; nothing of menus, scripts and what nobody sees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from roundhouse.core.errors import DocumentUnreadable
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.encodings import known
from roundhouse.features.knowledge.parsing.plain import text_of, whole_bytes
from roundhouse.features.knowledge.parsing.tables import write_table
from roundhouse.features.knowledge.parsing.writing import BlockWriter

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_CHARSET = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DROPPED = frozenset(
    {"script", "style", "noscript", "template", "nav", "footer", "svg", "iframe", "object", "embed",
     "canvas", "audio", "video", "button", "select", "option", "input", "textarea", "datalist", "head",
     "title", "meta", "link", "map", "dialog"}
)  # fmt: skip
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt",
     "fieldset", "figcaption", "figure", "form", "header", "hr", "html", "legend", "main", "ol", "p",
     "section", "summary", "ul", "menu"}
)  # fmt: skip
_LISTS = frozenset({"ul", "ol", "menu"})
_CELLS = frozenset({"td", "th"})
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|opacity\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
_DROPPED_ROLES = frozenset({"navigation", "contentinfo", "search", "menu", "menubar"})
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Without children, or ended by whatever comes next.
_FLAT = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
     "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "rt", "rp", "html", "body", "head"}
)  # fmt: skip
_DEEPEST = 2_000
_SPACE = re.compile(r"[ \t\n\r\f]+")
_MOST_ALT_CHARS = 500


def read_html(reading: Reading) -> None:
    """Read a file of HTML."""
    data = whole_bytes(reading)
    write_html(text_of(data, reading, charset(data)), reading.out, reading.name)


def charset(data: bytes) -> str | None:
    """The encoding that the document names in its first kilobytes; None = none that is known."""
    found = _CHARSET.search(data[:4096])
    return known(found[1].decode("ascii", "ignore")) if found else None


def write_html(text: str, out: BlockWriter, name: str, page: int | None = None) -> None:
    """Write a text of HTML as blocks.

    Args:
        text: The document, or a part of one.
        out: Takes the blocks.
        name: Of the document, for messages.
        page: Where its blocks stand.

    Raises:
        DocumentUnreadable: The parser gives up.
    """
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    _check_depth(text, name)
    try:
        tree = LexborHTMLParser(text.replace("\0", ""))
    except (SelectolaxError, ValueError, RuntimeError) as error:
        raise DocumentUnreadable(f"{name} cannot be read as HTML.") from error
    head = tree.head
    title = head.css_first("title") if head is not None else None
    if title is not None:
        out.titled(title.text())
    if tree.root is not None:
        _Walk(out, page).walk(tree.root)


def _check_depth(text: str, name: str) -> None:
    """The parser's time grows with the square of the depth."""
    depth = 0
    for found in _TAG.finditer(text):
        if found[2].lower() in _FLAT:
            continue
        depth = max(depth - 1, 0) if found[1] else depth + 1
        if depth > _DEEPEST:
            raise DocumentUnreadable(f"{name} is nested too deeply: it may be made to harm.")


class _Walk:
    """Goes through the tree without recursion: documents nest as deep as they like."""

    def __init__(self, out: BlockWriter, page: int | None) -> None:
        self._out = out
        self._page = page
        self._words: list[str] = []
        self._lists: list[int | None] = []
        self._level = 0
        self._pre = 0
        self._tables: list[_Table] = []

    def walk(self, root: LexborNode) -> None:
        node: Any = root
        root_id = root.mem_id
        while True:
            child = node.first_child if self._enter(node) else None
            if child is not None:
                node = child
                continue
            while node.next is None:
                node = node.parent
                if node is None or node.mem_id == root_id:
                    self._flush()
                    return
                self._leave(node.tag)
            node = node.next

    def _enter(self, node: LexborNode) -> bool:
        """Whether to go into it; what has no children is left at once."""
        tag = node.tag
        if tag == "-text":
            self._words.append(node.text_content or "")
            return False
        if tag is None or tag in _DROPPED or tag[0] == "-" or _is_hidden(node):
            return False
        self._open(tag, node)
        if node.first_child is None:
            self._leave(tag)
            return False
        return True

    def _open(self, tag: str, node: LexborNode) -> None:
        if tag == "br":
            self._words.append("\0")
        elif tag == "img":
            self._words.append(" " + (node.attributes.get("alt") or "")[:_MOST_ALT_CHARS] + " ")
        elif tag in _LISTS:
            self._flush(within=bool(self._lists))
            start = node.attributes.get("start") or ""
            self._lists.append(
                (int(start) if start.isdecimal() and len(start) < 9 else 1) if tag == "ol" else None
            )
        elif tag == "li":
            self._item()
        elif tag in _HEADINGS and not self._tables:
            self._flush()
            self._level = _HEADINGS[tag]
        elif tag == "pre" and not self._tables:
            self._flush()
            self._pre += 1
        elif tag in ("table", "tr", "td", "th"):
            self._open_table(tag)
        elif tag in _BLOCKS:
            self._flush(within=bool(self._lists))

    def _item(self) -> None:
        if not self._lists:
            self._flush()
            self._words.append("- ")
            return
        number = self._lists[-1]
        mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._words.append("\0" + "\1" * (2 * min(len(self._lists) - 1, 8)) + mark)

    def _open_table(self, tag: str) -> None:
        if tag == "table":
            if self._tables:
                # A table in a table: the outer one is there for the looks.
                self._tables[-1].is_layout = True
                self._write_rows(self._tables[-1])
            self._flush()
            self._tables.append(_Table())
        elif self._tables and tag == "tr" and not self._tables[-1].is_layout:
            self._tables[-1].rows.append([])
            self._words = []
        elif tag in _CELLS:
            if self._tables and not self._tables[-1].is_layout:
                self._words = []
            else:
                self._flush()

    def _leave(self, tag: str | None) -> None:
        if tag in _HEADINGS and self._level:
            text = self._taken().replace("\n", " ")
            if self._level == 1:
                self._out.titled(text)
            self._out.heading(text, self._level, self._page)
            self._level = 0
        elif tag == "pre" and self._pre:
            self._flush()
            self._pre -= 1
        elif tag in _LISTS and self._lists:
            self._lists.pop()
            self._flush(within=bool(self._lists))
        elif tag in _CELLS and self._tables and not self._tables[-1].is_layout:
            rows = self._tables[-1].rows
            if not rows:
                rows.append([])
            rows[-1].append(self._taken())
        elif tag == "caption" and self._tables:
            self._out.text(self._taken(), self._page)
        elif tag == "table" and self._tables:
            self._write_rows(self._tables.pop())
            self._flush()
        elif tag in _BLOCKS:
            self._flush(within=bool(self._lists))

    def _write_rows(self, table: _Table) -> None:
        rows, table.rows = table.rows, []
        write_table(self._out, rows, self._page)

    def _taken(self) -> str:
        words = "".join(self._words)
        self._words = []
        if self._pre:
            return words.replace("\0", "\n").replace("\1", " ")
        lines = (_SPACE.sub(" ", line).strip() for line in words.split("\0"))
        return "\n".join(line.replace("\1", " ") for line in lines if line)

    def _flush(self, *, within: bool = False) -> None:
        """Write what was gathered; `within` a list or a table's cell it is only a new line."""
        if within or (self._tables and not self._tables[-1].is_layout):
            last = next((words for words in reversed(self._words) if words.strip(" \t\n\r\f")), "\0")
            if last[0] != "\0":
                self._words.append("\0")
            return
        text = self._taken()
        if self._pre:
            self._out.code(text, self._page)
        elif self._level:
            self._out.heading(text, self._level, self._page)
        else:
            self._out.text(text, self._page)


class _Table:
    """Cells of one table so far."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.is_layout = False


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if attributes.get("role") in _DROPPED_ROLES:
        return True
    style = attributes.get("style")
    return style is not None and _HIDING.search(style[:2000]) is not None
