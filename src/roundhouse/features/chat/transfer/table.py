"""A conversation as CSV: a row per message.

Source:
    RFC 4180 (2005): records end with CRLF, fields with commas, quotes or line breaks stand in quotes, quotes are
    doubled. OWASP, "CSV Injection" (2024): a cell that begins like a formula is not given to a spreadsheet as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from roundhouse.features.chat.model import Message

COLUMNS = (
    "session_id", "message_id", "branch", "depth", "role", "kind", "state", "created_at", "model", "content",
    "attachments", "citations", "prompt_tokens", "completion_tokens", "cost_usd", "finish_reason",
)  # fmt: skip

# Full width forms count as well in spreadsheets of East Asia.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def head() -> str:
    """The names of the columns, behind the mark by which spreadsheets know UTF-8."""
    return "\ufeff" + _lines([COLUMNS])


def message(row: Message) -> str:
    """One record."""
    return _lines(
        [
            (
                row.session_id,
                row.id,
                row.branch,
                row.depth,
                row.role,
                row.kind,
                row.state,
                datetime.fromtimestamp(row.created_at_s, UTC).isoformat(timespec="milliseconds"),
                row.model,
                row.content,
                " ".join(row.attachments),
                msgspec.json.encode(row.citations).decode() if row.citations else "",
                row.prompt_tokens,
                row.completion_tokens,
                row.cost_usd,
                row.finish_reason,
            )
        ]
    )


def _lines(rows: Iterable[Iterable[str | float | None]]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows([_safe(cell) for cell in row] for row in rows)
    return written.getvalue()


def _safe(cell: str | float | None) -> str | float:
    """An apostrophe in front of what a spreadsheet would calculate; blanks before it do not hide it."""
    if not isinstance(cell, str):
        return "" if cell is None else cell
    shown = cell.lstrip(" \u3000\u00a0\ufeff\u200b")
    return f"'{cell}" if shown.startswith(_FORMULA) else cell
