"""Whose a new thing is, which files may be attached, and how a request that is sent again is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from roundhouse.core.errors import Conflict, NotAllowed, NotFound, Unprocessable
from roundhouse.core.ports import Files
from roundhouse.core.types import Caller
from roundhouse.features.chat.store import Idempotency

MOST_ATTACHMENTS = 32
"""Files of one message."""


def owner(caller: Caller, asked_user_id: str | None) -> str | None:
    """The user to whom a new thing belongs: the caller's own, or for a key of a whole site the one it names.

    Raises:
        NotAllowed: A key of one user names another.
    """
    if caller.user_id is None:
        return asked_user_id
    if asked_user_id not in (None, caller.user_id):
        raise NotAllowed("This key stands for one user and may not name another.", param="user_id")
    return caller.user_id


def check_version(wanted: int | None, current: int) -> None:
    """Raise Conflict when somebody has changed it since the version that the caller knows."""
    if wanted is not None and wanted != current:
        raise Conflict(f"It was changed meanwhile: its version is {current} now.", param="version")


async def check_attachments(files: Files, caller: Caller, ids: Sequence[str]) -> None:
    """Raise Unprocessable unless each is a file that the caller may see."""
    if len(ids) > MOST_ATTACHMENTS:
        raise Unprocessable(f"A message has at most {MOST_ATTACHMENTS} files.", param="attachments")
    for file_id in ids:
        try:
            await files.get(caller, file_id)
        except NotFound:
            raise Unprocessable(f"There is no file {file_id[:40]!r}.", param="attachments") from None


def idempotency(caller: Caller, kind: str, key: str | None, body: bytes) -> Idempotency | None:
    """What is kept of a creating request so that it is known when it is sent again; None without a key.

    Args:
        caller: Two users of a tenant do not meet in one key.
        kind: Of the thing that is created, e.g. `session`.
        key: `Idempotency-Key` of the request.
        body: What is asked for.
    """
    if key is None:
        return None
    place = [caller.site_id, caller.user_id, caller.app_id, kind, key]
    return Idempotency(
        hashlib.sha256(msgspec.json.encode(place)).hexdigest(), hashlib.sha256(body).hexdigest()
    )


def check_same(asked: Idempotency, first_request: str) -> None:
    """Raise Conflict unless the first request under the key asked for the same."""
    if asked.request != first_request:
        raise Conflict("This idempotency key was used for another request.", param="Idempotency-Key")
