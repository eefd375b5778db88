"""The text of `docs/reference/errors.md`, made from the tree of errors; a test compares."""

from __future__ import annotations

from roundhouse.core.errors import BackendRefused, RoundhouseError, tree

_HEAD = """# Errors

Made by `roundhouse errors --markdown` from `src/roundhouse/core/errors`; do not edit.

Every error has one body, `application/problem+json`, that both kinds of reader understand: the members of RFC 9457
(`type`, `title`, `status`, `detail`, `instance` = the request id) and OpenAI's `error` object (`message`, `type`,
`param`, `code`). A stream that has begun ends with the same `error` object as an event. `x-should-retry` tells
whether another try can help, `Retry-After` when.

| code | status | `error.type` | retry | meaning |
|---|---|---|---|---|
"""


def markdown() -> str:
    """One row per class, parents before children."""
    return _HEAD + "\n".join(_row(kind) for kind in tree()) + "\n"


def _row(kind: type[RoundhouseError]) -> str:
    status = "that of the model server" if kind is BackendRefused else str(kind.status)
    meaning = " ".join((kind.__doc__ or kind.title).partition("\n\n")[0].split())
    if kind is RoundhouseError:
        meaning = "A fault of Roundhouse itself; the log has it under the request id."
    retry = "yes" if kind.retryable else "no"
    return f"| `{kind.code}` | {status} | `{kind.kind}` | {retry} | {meaning} |"
