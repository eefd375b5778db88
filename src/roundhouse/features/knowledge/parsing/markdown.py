"""Markdown: headings, paragraphs, lists, tables, code. Its marks are no part of the text that is found and cited."""

from __future__ import annotations

import re
from collections.abc import Callable

from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.plain import whole_text
from roundhouse.features.knowledge.parsing.tables import write_table
from roundhouse.features.knowledge.parsing.writing import BlockWriter

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*$")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
_DELIMITERS = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_BAR = re.compile(r"(?<!\\)\|")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,2000})\]\([^()\s]{0,2000}(?:[ \t]+\"[^\"\n]{0,500}\")?\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)([^*_\n]{1,2000}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,2000}?)(?<=[^\s*])\*(?![\w*])")
_TICKS = re.compile(r"`([^`\n]{1,2000})`")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])")
_ESCAPED = 0x10F000
_PLAIN = {_ESCAPED + code: code for code in range(0x21, 0x7F)}
_TITLE = re.compile(r"title:[ \t]*['\"]?(.*?)['\"]?[ \t]*$", re.MULTILINE)
_QUOTE = re.compile(r"^ {0,3}>[ ]?", re.MULTILINE)


def read_markdown(reading: Reading) -> None:
    """Read a file of Markdown."""
    write_markdown(whole_text(reading), reading.out)


def write_markdown(text: str, out: BlockWriter) -> None:
    """Write a text of Markdown as blocks."""
    text = _front_matter(text.replace("\r\n", "\n").replace("\r", "\n"), out)
    _Lines(_without_comments(text).split("\n"), out).read()


def _front_matter(text: str, out: BlockWriter) -> str:
    """What is behind the block of settings at the beginning, if there is one."""
    text = text.removeprefix("\ufeff")
    end = text.find("\n---\n", 3) if text.startswith("---\n") else -1
    if end < 0:
        return text
    title = _TITLE.search(text[:end])
    if title:
        out.titled(title[1])
    return text[end + 5 :]


def _without_comments(text: str) -> str:
    found, end = [], 0
    while (start := text.find("<!--", end)) >= 0:
        stop = text.find("-->", start + 4)
        if stop < 0:
            break
        found.append(text[end:start])
        end = stop + 3
    return "".join([*found, text[end:]])


class _Lines:
    """Line by line; what is open is a paragraph."""

    def __init__(self, lines: list[str], out: BlockWriter) -> None:
        self._lines = lines
        self._out = out
        self._at = 0
        self._open: list[str] = []

    def read(self) -> None:
        steps: tuple[Callable[[str], bool], ...] = (self._fence, self._heading, self._table, self._underline)
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if any(step(line) for step in steps):
                continue
            if not line.strip() or _RULE.match(line):
                self._close()
            else:
                self._open.append(line)
        self._close()

    def _close(self) -> None:
        if self._open:
            self._out.text(inline(_QUOTE.sub("", "\n".join(self._open))))
            self._open = []

    def _fence(self, line: str) -> bool:
        fence = _FENCE.match(line)
        if fence is None:
            return False
        self._close()
        start = self._at
        end = re.compile(rf" {{0,3}}{re.escape(fence[1][0])}{{{len(fence[1])},}}[ \t]*$")
        while self._at < len(self._lines) and not end.match(self._lines[self._at]):
            self._at += 1
        self._out.code("\n".join(self._lines[start : self._at]))
        self._at += 1
        return True

    def _heading(self, line: str) -> bool:
        found = _HEADING.match(line)
        if found is None:
            return False
        self._close()
        self._title(inline(found[2] or ""), len(found[1]))
        return True

    def _underline(self, line: str) -> bool:
        if len(self._open) != 1 or not _UNDERLINE.match(line):
            return False
        text, self._open = self._open[0], []
        self._title(inline(text), 1 if "=" in line else 2)
        return True

    def _title(self, text: str, level: int) -> None:
        if level == 1:
            self._out.titled(text)
        self._out.heading(text, level)

    def _table(self, line: str) -> bool:
        if "|" not in line or self._at >= len(self._lines):
            return False
        below = self._lines[self._at]
        if "-" not in below or not _DELIMITERS.match(below) or len(_cells(line)) != len(_cells(below)):
            return False
        self._close()
        rows = [_cells(line)]
        self._at += 1
        while self._at < len(self._lines) and "|" in self._lines[self._at]:
            rows.append(_cells(self._lines[self._at]))
            self._at += 1
        write_table(self._out, ([inline(cell) for cell in row] for row in rows))
        return True


def _cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return _BAR.split(line)


def inline(text: str) -> str:
    """The words alone: of links what is shown, nothing of emphasis."""
    # What is escaped is set aside: it marks nothing.
    text = _ESCAPE.sub(lambda found: chr(_ESCAPED + ord(found[1])), text)
    text = _LINK.sub(r"\1", text)
    text = _EMPHASIS.sub(r"\1", _STRONG.sub(r"\2", text))
    return _TICKS.sub(r"\1", text).translate(_PLAIN)
