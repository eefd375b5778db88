"""How a try's values are kept: without secrets, and what is large as files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import structlog

from roundhouse.core.errors import Busy, QuotaExceeded, StorageFull, StorageUnavailable, TooLarge
from roundhouse.core.ports import Files
from roundhouse.core.types import Caller, NewFile
from roundhouse.features.tasks.attempts.redacting import redacted, without_credentials

LARGEST_BYTES = 64 * 1024
"""Larger values of a try are kept as files; `{"$file": id, "size_bytes": n}` stands in their place."""

_PURPOSE = "assistants_output"
_log = structlog.get_logger(__name__)


class Keeping:
    """Makes values fit for the table of attempts.

    Args:
        files: Where large ones go.
        keep_s: They are kept so long: as long as the task, or longer.
    """

    def __init__(self, files: Files, keep_s: float) -> None:
        self._files = files
        self._keep_s = keep_s

    async def fit(
        self,
        caller: Caller,
        value: dict[str, Any],
        schemas: Mapping[str, Mapping[str, Any] | None] | None = None,
    ) -> dict[str, Any]:
        """A value as it may be kept.

        Args:
            caller: Whose it is; large parts become files of this caller.
            value: JSON object.
            schemas: By member the schema that says what of it is secret.
        """
        known = schemas or {}
        plain = without_credentials(value)
        cleaned = {name: redacted(one, known.get(name)) for name, one in plain.items()}
        if _size_bytes(cleaned) <= LARGEST_BYTES:
            return cleaned
        kept = {name: await self._moved(caller, name, one) for name, one in cleaned.items()}
        return (
            kept if _size_bytes(kept) <= LARGEST_BYTES else {"all": await self._moved(caller, "all", cleaned)}
        )

    async def _moved(self, caller: Caller, name: str, value: Any) -> Any:
        """The value, or what stands in its place; what cannot be kept is cut off and told so: no task fails by it."""
        encoded = msgspec.json.encode(value)
        if len(encoded) <= LARGEST_BYTES and name != "all":
            return value
        new = NewFile(f"{name}.json", _PURPOSE, expires_after_s=self._keep_s)
        try:
            file = await self._files.create(caller, new, _whole(encoded))
        except (QuotaExceeded, TooLarge, Busy, StorageFull, StorageUnavailable) as error:
            _log.warning("attempt_value_not_kept", error=error.code, size_bytes=len(encoded))
            return {"$not_kept": error.code, "size_bytes": len(encoded)}
        return {"$file": file.id, "size_bytes": len(encoded)}


async def _whole(encoded: bytes) -> AsyncIterator[bytes]:
    yield encoded


def _size_bytes(value: Any) -> int:
    return len(msgspec.json.encode(value))
