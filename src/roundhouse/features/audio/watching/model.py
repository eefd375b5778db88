"""A watched folder, and the files that are seen in it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BadInput, RoundhouseError
from roundhouse.core.settings import WatchSettings
from roundhouse.core.types import Caller
from roundhouse.features.audio.exporting import ExportForm
from roundhouse.features.audio.model import Options
from roundhouse.features.audio.options import FIELDS, PLACES, read_options

DONE, FAILED = "done", "failed"
"""Folders inside a watched one, where files go when their job has ended."""

Hold = Callable[[], Awaitable[None]]
"""Goes on holding a folder; raises Cancelled when another process has it."""

_SCOPES = frozenset({"audio:read", "audio:write", "inference"})

TakenState = Literal["taken", "refused", "done", "failed"]
"""`taken`: a recording came of it; `refused`: none can. Then `done` or `failed`, once its file is where it belongs."""


class Folder(msgspec.Struct, frozen=True):
    """A watched folder.

    Attributes:
        id: Of its path.
        path: Where it is.
        caller: Whose recordings come of it.
        options: What is wanted of them.
        moves: Whether a file goes to `done` or `failed` at the end.
        out: Where texts are written.
        forms: Which.
        stable_s: A file is whole when it has not changed for so long.
    """

    id: str
    path: Path
    caller: Caller
    options: Options
    moves: bool
    out: Path
    forms: tuple[ExportForm, ...]
    stable_s: float

    @classmethod
    def of(cls, settings: WatchSettings, default_template: str) -> Folder:
        """The folder of a setting.

        Raises:
            BadInput: It cannot be watched as it is said there.
        """
        path = settings.path.expanduser()
        if not path.is_absolute():
            raise BadInput(
                f"A watched folder is named by its whole path, not {str(path)!r}.", param="watched_folders"
            )
        out = path / settings.out.expanduser()
        if out == path:
            raise BadInput("Texts cannot be written into the watched folder itself.", param="watched_folders")
        values = _values(settings.fields)
        unknown = sorted(values.keys() - (FIELDS - PLACES - {"title", "metadata"}))
        if unknown:
            raise BadInput(f"{path}: there is no field {unknown[0]!r}.", param="watched_folders")
        try:
            options = read_options(values, default_template)
        except RoundhouseError as error:
            raise BadInput(f"{path}: {error.detail}", param="watched_folders") from None
        caller = Caller("watch", settings.site_id, settings.user_id, settings.app_id, _SCOPES)
        return cls(
            id=hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest(),
            path=path,
            caller=caller,
            options=options,
            moves=settings.afterwards == "move",
            out=out,
            forms=tuple(settings.results),
            stable_s=settings.stable_s,
        )


class Seen(msgspec.Struct, frozen=True, order=True):
    """A file as it lies in a folder; another size or time, and it is another one. The oldest comes first.

    Attributes:
        mtime_ns: Last change.
        name: Of the file.
        size_bytes: Of it.
    """

    mtime_ns: int
    name: str
    size_bytes: int

    def id_in(self, folder: Folder) -> str:
        """Under which it is known, once and for all."""
        parts = (folder.id, self.name, str(self.size_bytes), str(self.mtime_ns))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Taken(msgspec.Struct, frozen=True):
    """What is known of a file that was taken.

    Attributes:
        id: `Seen.id_in`.
        folder_id: Where it was.
        name: Of it.
        size_bytes: Of it.
        mtime_ns: Of it.
        turn: From 1: how often it was laid there anew after it had been moved away.
        state: See `TakenState`.
        moved: Whether it was moved away.
        recording_id: What came of it; None = it was refused.
        error: Why it was refused.
        final_name: How it and its texts are called at the end, as soon as that is decided.
    """

    id: str
    folder_id: str
    name: str
    size_bytes: int
    mtime_ns: int
    turn: int
    state: TakenState
    moved: bool
    recording_id: str | None
    error: dict[str, Any] | None
    final_name: str | None = None

    @property
    def seen(self) -> Seen:
        """The file as it was."""
        return Seen(self.mtime_ns, self.name, self.size_bytes)


def _values(fields: dict[str, Any]) -> dict[str, list[str]]:
    """Fields of a form as TOML has them."""
    found: dict[str, list[str]] = {}
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        found[name] = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
    return found
