"""SQL of generations. Locks are taken in one order: session, message, generation, events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.chat.model import Generation, GenerationState, Message, Session
from roundhouse.features.chat.rows import generations, messages, sessions
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible

_FIELDS = [generations.c[name] for name in Generation.__struct_fields__]
_INSERT = sa.insert(generations)
# As text, so that the partial indexes with the same condition can serve it.
_RUNNING = sa.text("generations.state = 'running'")
_OWNED = sa.select(generations.c.id, generations.c.stop_requested).where(
    generations.c.owner == sa.bindparam("owner"), _RUNNING
)
_END = (
    sa.update(generations)
    .where(
        generations.c.id == sa.bindparam("generation"),
        generations.c.owner == sa.bindparam("by"),
        generations.c.state == "running",
    )
    .values(state=sa.bindparam("ended"), error=sa.bindparam("why"), ended_at_s=sa.bindparam("at_s"))
)
_ENDED_WELL = (
    sa.update(generations)
    .where(
        generations.c.id == sa.bindparam("generation"),
        generations.c.owner == sa.bindparam("by"),
        generations.c.state == "running",
    )
    .values(state=sa.bindparam("ended"), ended_at_s=sa.bindparam("at_s"))
)
_MESSAGE = sa.select(*(messages.c[name] for name in Message.__struct_fields__)).where(
    messages.c.id == sa.bindparam("message")
)

_RUNNING_IN = (
    sa.select(generations.c.id)
    .join(messages, messages.c.id == generations.c.message_id)
    .where(
        generations.c.session_id == sa.bindparam("session"),
        _RUNNING,
        messages.c.branch == sa.bindparam("number"),
    )
    .limit(1)
)


class Owned(msgspec.Struct, frozen=True):
    """A running generation of one process, and whether it was asked to stop."""

    id: str
    stop_requested: bool


async def insert(tx: Tx, generation: Generation) -> None:
    """Enter a generation.

    Raises:
        IntegrityError: Its idempotency key is taken, or its message is being written by another.
    """
    await tx.execute(_INSERT, msgspec.structs.asdict(generation))


async def get(
    tx: Tx, caller: Caller, generation_id: str, *, session_id: str | None = None, lock: bool = False
) -> Generation:
    """A generation that the caller may see.

    Args:
        tx: Any transaction; one for writing with `lock`.
        caller: Who asks.
        generation_id: `gen_…`.
        session_id: Only if it is of this session.
        lock: Whether to keep others from changing it until the transaction ends.

    Raises:
        NotFound: There is none.
    """
    query = (
        sa.select(*_FIELDS)
        .join(sessions, sessions.c.id == generations.c.session_id)
        .where(
            generations.c.id == generation_id,
            visible(generations, caller),
            sessions.c.deleted_at_s.is_(None),
        )
    )
    if session_id is not None:
        query = query.where(generations.c.session_id == session_id)
    if lock:
        query = query.with_for_update(of=generations)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound("No such generation.", param="generation_id")
    return Generation(*row)


async def of_session(tx: Tx, session: Session, *, running: bool, limit: int) -> list[Generation]:
    """Generations of a session, the newest first.

    Args:
        tx: Any transaction.
        session: Whose.
        running: Only those that run.
        limit: Most rows.
    """
    query = sa.select(*_FIELDS).where(generations.c.session_id == session.id)
    if running:
        query = query.where(generations.c.state == "running")
    query = query.order_by(generations.c.started_at_s.desc(), generations.c.id.desc())
    return [Generation(*row) for row in await tx.execute(query.limit(limit))]


async def by_digest(tx: Tx, digest: str) -> Generation | None:
    """The generation that was begun under an idempotency key; None = there is none."""
    query = sa.select(*_FIELDS).where(generations.c.idempotency_digest == digest)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else Generation(*row)


async def running_in(tx: Tx, session: Session, branch: int) -> bool:
    """Whether a message of a branch is being written."""
    place = {"session": session.id, "number": branch}
    return (await tx.execute(_RUNNING_IN, place)).first() is not None


async def request_stop(tx: Tx, generation_id: str) -> bool:
    """Ask the owner of a running generation to stop it; False = it was asked before, or has ended."""
    change = sa.update(generations).where(
        generations.c.id == generation_id,
        _RUNNING,
        sa.not_(generations.c.stop_requested),
    )
    return bool((await tx.execute(change.values(stop_requested=True))).rowcount)


async def end(
    tx: Tx,
    generation_id: str,
    owner: str,
    state: GenerationState,
    error: dict[str, Any] | None,
    now_s: float,
) -> bool:
    """Running to ended; False = it has ended, or another process has it now: nothing of it may be written."""
    values = {"generation": generation_id, "by": owner, "ended": state, "at_s": now_s}
    if error is None:
        return bool((await tx.execute(_ENDED_WELL, values)).rowcount)
    return bool((await tx.execute(_END, {**values, "why": error})).rowcount)


async def owned(tx: Tx, owner: str) -> list[Owned]:
    """The running generations of a process."""
    return [Owned(*row) for row in await tx.execute(_OWNED, {"owner": owner})]


async def owners(tx: Tx) -> Sequence[str]:
    """Processes that have running generations, as the rows tell."""
    query = sa.select(generations.c.owner).where(_RUNNING, generations.c.owner.is_not(None))
    return (await tx.execute(query.distinct())).scalars().all()


async def take_over(tx: Tx, dead: str, heir: str) -> list[str]:
    """Give the running generations of a dead process to another one; returns their ids."""
    change = sa.update(generations).where(generations.c.owner == dead, _RUNNING)
    return list((await tx.execute(change.values(owner=heir).returning(generations.c.id))).scalars())


async def running(tx: Tx, owner: str, generation_id: str) -> Generation | None:
    """A running generation of a process; None = it has ended, or is another's."""
    query = sa.select(*_FIELDS).where(
        generations.c.id == generation_id,
        generations.c.owner == owner,
        generations.c.state == "running",
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else Generation(*row)


async def message_of(tx: Tx, generation: Generation) -> Message | None:
    """The message that a generation writes, deleted or not; None = it is gone for good."""
    row = (await tx.execute(_MESSAGE, {"message": generation.message_id})).one_or_none()
    return None if row is None else Message(*row)
