"""SQL of watched folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.watching.model import Folder, Taken
from roundhouse.infra.watching.rows import watched_files, watched_folders

_FIELDS = [watched_files.c[name] for name in Taken.__struct_fields__]


async def claim(tx: Tx, folder: Folder, holder: str, now_s: float, until_s: float) -> bool:
    """Hold a folder until a time; False while somebody else does."""
    new = {
        "id": folder.id,
        "kind": folder.kind,
        "path": str(folder.path),
        "site_id": folder.caller.site_id,
        "files_waiting": 0,
    }
    await tx.execute(insert_if_new(tx, watched_folders), {**new, "holder": holder, "held_until_s": until_s})
    c = watched_folders.c
    change = (
        sa.update(watched_folders)
        .where(c.id == folder.id, sa.or_(c.holder == holder, c.held_until_s < now_s))
        .values(holder=holder, held_until_s=until_s)
    )
    return bool((await tx.execute(change)).rowcount)


async def let_go(tx: Tx, folders: Sequence[Folder], holder: str) -> None:
    """Hold these folders no more."""
    c = watched_folders.c
    mine = sa.update(watched_folders).where(c.holder == holder, c.id.in_([one.id for one in folders]))
    await tx.execute(mine.values(held_until_s=0.0))


async def looked(tx: Tx, folder: Folder, now_s: float, waiting: int, error: str | None) -> None:
    """Write down how a folder was found."""
    change = sa.update(watched_folders).where(watched_folders.c.id == folder.id)
    await tx.execute(change.values(looked_at_s=now_s, files_waiting=waiting, error=error))


async def known(tx: Tx, ids: Sequence[str]) -> dict[str, Taken]:
    """Files that were taken before, by id."""
    rows = await tx.execute(sa.select(*_FIELDS).where(watched_files.c.id.in_(ids)))
    return {row["id"]: Taken(**row) for row in rows.mappings()}


async def take(tx: Tx, taken: Taken, now_s: float) -> bool:
    """Enter a file; False when somebody else has done so, for this turn."""
    row = {name: getattr(taken, name) for name in Taken.__struct_fields__}
    row |= {"taken_at_s": now_s, "settled_at_s": None}
    if taken.turn == 1:
        done = await tx.execute(insert_if_new(tx, watched_files).returning(watched_files.c.id), row)
        return done.first() is not None
    c = watched_files.c
    is_gone = sa.or_(c.moved.is_(True), c.state == "removed")
    before = sa.update(watched_files).where(c.id == taken.id, c.turn == taken.turn - 1, is_gone)
    return bool((await tx.execute(before.values(**row))).rowcount)


async def present(tx: Tx, folder: Folder) -> list[Taken]:
    """Files of which something came, and that should lie in the folder."""
    c = watched_files.c
    here = (c.state.in_(("taken", "done", "failed")), c.moved.is_(False), c.object_id.is_not(None))
    rows = await tx.execute(sa.select(*_FIELDS).where(c.folder_id == folder.id, *here))
    return [Taken(**row) for row in rows.mappings()]


async def same_name(tx: Tx, taken: Taken) -> list[Taken]:
    """Other files that lie, or lay, in the folder under its name, and of which something came; the newest first."""
    c = watched_files.c
    others = (
        c.folder_id == taken.folder_id,
        c.name == taken.name,
        c.id != taken.id,
        c.object_id.is_not(None),
    )
    rows = await tx.execute(sa.select(*_FIELDS).where(*others).order_by(c.taken_at_s.desc()))
    return [Taken(**row) for row in rows.mappings()]


async def remove(tx: Tx, ids: Sequence[str], now_s: float) -> None:
    """What came of files is gone, or something else is in its place."""
    change = sa.update(watched_files).where(watched_files.c.id.in_(ids))
    await tx.execute(change.values(state="removed", settled_at_s=now_s))


async def unsettled(tx: Tx, folder: Folder) -> list[Taken]:
    """Files whose end is not dealt with, in the order in which they were taken."""
    c = watched_files.c
    query = sa.select(*_FIELDS).where(c.folder_id == folder.id, c.state.in_(("taken", "refused")))
    return [Taken(**row) for row in (await tx.execute(query.order_by(c.taken_at_s))).mappings()]


async def name(tx: Tx, taken: Taken, final_name: str) -> None:
    """Decide how a file is called at the end."""
    change = sa.update(watched_files).where(watched_files.c.id == taken.id)
    await tx.execute(change.values(final_name=final_name))


async def settle(tx: Tx, taken: Taken, state: str, moved: bool, now_s: float) -> None:
    """A file is where it belongs; nothing of that where another process has seen it go, or come anew, meanwhile."""
    c = watched_files.c
    change = sa.update(watched_files).where(c.id == taken.id, c.turn == taken.turn, c.state != "removed")
    await tx.execute(change.values(state=state, moved=moved, settled_at_s=now_s))


async def forget(tx: Tx, folder: Folder, before_s: float) -> None:
    """Forget files that are gone from the folder since a time; those that stay in it are known for good."""
    c = watched_files.c
    is_gone = sa.or_(c.moved.is_(True), c.state == "removed")
    await tx.execute(
        sa.delete(watched_files).where(c.folder_id == folder.id, is_gone, c.settled_at_s < before_s)
    )


async def counts(tx: Tx) -> dict[tuple[str, str], int]:
    """Files by folder and state."""
    c = watched_files.c
    rows = await tx.execute(sa.select(c.folder_id, c.state, sa.func.count()).group_by(c.folder_id, c.state))
    return {(row[0], row[1]): int(row[2]) for row in rows}


async def folders(tx: Tx) -> list[Mapping[str, Any]]:
    """All folders that were ever watched, by their paths."""
    rows = await tx.execute(sa.select(watched_folders).order_by(watched_folders.c.path))
    return [dict(row) for row in rows.mappings()]
