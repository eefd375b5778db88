"""A watched folder, and the files that are seen in it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx

DONE, FAILED = "done", "failed"
"""Folders inside a watched one, where files go when what came of them has ended."""

FolderKind = Literal["recordings", "documents"]
"""What comes of the files of a folder."""

TakenState = Literal["taken", "refused", "done", "failed", "removed"]
"""`taken`: something came of it; `refused`: nothing can. Then `done` or `failed`, once its file is where it belongs;
`removed`: another content took its place, or its file is gone from the folder, and what came of it went with it.
"""

EndState = Literal["done", "failed"]

Hold = Callable[[], Awaitable[None]]
"""Goes on holding the folder; raises Cancelled when somebody else has it."""

Note = Callable[[Tx, str], Awaitable[None]]
"""Writes down, in the transaction in which a file comes in, the id of what came of it; raises Cancelled when another
process did so before."""


class Folder(msgspec.Struct, frozen=True):
    """A watched folder.

    Attributes:
        id: Of its kind and its path.
        kind: What comes of its files.
        path: Where it is.
        caller: Whose that is.
        moves: Whether a file goes to `done` or `failed` at the end.
        out: Where texts are written; None = nowhere.
        stable_s: A file is whole when it has not changed for so long.
        takes_out: Whether what came of a file goes when the file does.
    """

    id: str
    kind: FolderKind
    path: Path
    caller: Caller
    moves: bool
    out: Path | None
    stable_s: float
    takes_out: bool = False

    @classmethod
    def at(
        cls,
        kind: FolderKind,
        path: Path,
        caller: Caller,
        *,
        moves: bool,
        out: Path | None,
        stable_s: float,
        takes_out: bool = False,
    ) -> Folder:
        """The folder at a path.

        Raises:
            BadInput: It is not named by its whole path, or its texts would lie among its files.
        """
        path = path.expanduser()
        param = "watched_folders" if kind == "recordings" else "watched_documents"
        if not path.is_absolute():
            raise BadInput(f"A watched folder is named by its whole path, not {str(path)!r}.", param=param)
        if out is not None:
            out = path / out.expanduser()
            if out == path:
                raise BadInput("Texts cannot be written into the watched folder itself.", param=param)
        # Of the path alone, as it was when only recordings came by folders.
        prefix = "" if kind == "recordings" else f"{kind}\0"
        named = f"{prefix}{path}".encode("utf-8", "surrogateescape")
        folder_id = hashlib.sha256(named).hexdigest()
        return cls(folder_id, kind, path, caller, moves, out, stable_s, takes_out)


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
        turn: From 1: how often it was laid there anew after it had been moved away, or removed.
        state: See `TakenState`.
        moved: Whether it was moved away.
        object_id: What came of it: a recording, a file; None = it was refused.
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
    object_id: str | None
    error: dict[str, Any] | None
    final_name: str | None = None

    @property
    def seen(self) -> Seen:
        """The file as it was."""
        return Seen(self.mtime_ns, self.name, self.size_bytes)

    def is_new_in(self, folder: Folder) -> bool:
        """Whether the file, seen again, was laid there anew: it had been moved away, or removed, and is back."""
        return self.state == "removed" or (folder.moves and self.moved and self.state in (DONE, FAILED))


class End(msgspec.Struct, frozen=True):
    """How what came of a file has ended.

    Attributes:
        state: Well or not.
        texts: What is written of it, by ending.
        error: `{"code", "message"}` of a failure.
    """

    state: EndState
    texts: Sequence[tuple[str, bytes]] = ()
    error: dict[str, Any] | None = None
