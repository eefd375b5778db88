"""SQL of sessions and their tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.chat.model import Session
from roundhouse.features.chat.rows import generations, session_tags, sessions
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import delete_of
from roundhouse.infra.tenancy import visible, visible_to, who

_FIELDS = [sessions.c[name] for name in Session.__struct_fields__ if name != "tags"]


class _Gathered(FunctionElement[Any]):
    """All values of a column as one JSON list."""

    name = "gathered"
    inherit_cache = True
    type = sa.JSON()


@compiles(_Gathered, "sqlite")
def _gathered_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **options)})"


@compiles(_Gathered, "postgresql")
def _gathered_postgres(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_agg({compiler.process(element.clauses, **options)})"


# Sessions with their tags in one statement.
_TAGS = (
    sa.select(_Gathered(session_tags.c.tag))
    .where(session_tags.c.session_id == sessions.c.id)
    .correlate(sessions)
    .scalar_subquery()
    .label("tags")
)
_SELECT = sa.select(*_FIELDS, _TAGS)
_ANY_OF_IT = _SELECT.where(sessions.c.id == sa.bindparam("session"), visible_to(sessions))
_ONE = _ANY_OF_IT.where(sessions.c.deleted_at_s.is_(None))
_ANY_LOCKED = _ANY_OF_IT.with_for_update(of=sessions)
_ONE_LOCKED = _ONE.with_for_update(of=sessions)
_INSERT = sa.insert(sessions)
_INSERT_TAG = sa.insert(session_tags)


class Idempotency(msgspec.Struct, frozen=True):
    """How a request that is sent again is known.

    Attributes:
        digest: Of who asks and the idempotency key, hex.
        request: Of what is asked for, hex.
    """

    digest: str
    request: str


class SessionFilter(msgspec.Struct, frozen=True):
    """Which sessions of the caller; None = any. Times are Unix seconds.

    Attributes:
        archived: Only archived ones, or only others.
        pinned: Only pinned ones, or only others.
        deleted: Deleted ones instead of those that are there.
        tag: Only with this tag.
        model: Only with this model.
        user_id: Only of this user.
        created_after_s: Not before this time.
        created_before_s: Before this time.
        updated_after_s: Not before this time.
        updated_before_s: Before this time.
    """

    archived: bool | None = None
    pinned: bool | None = None
    deleted: bool = False
    tag: str | None = None
    model: str | None = None
    user_id: str | None = None
    created_after_s: float | None = None
    created_before_s: float | None = None
    updated_after_s: float | None = None
    updated_before_s: float | None = None


async def get_session(
    tx: Tx, caller: Caller, session_id: str, *, lock: bool = False, deleted: bool = False
) -> Session:
    """A session that the caller may see.

    Args:
        tx: Any transaction; one for writing with `lock`.
        caller: Who asks.
        session_id: `ses_…`.
        lock: Whether to keep others from changing it until the transaction ends.
        deleted: Whether one that is deleted, but not for good, counts as well.

    Raises:
        NotFound: There is none.
    """
    query = (_ANY_LOCKED if deleted else _ONE_LOCKED) if lock else _ANY_OF_IT if deleted else _ONE
    row = (await tx.execute(query, {"session": session_id, **who(caller)})).one_or_none()
    if row is None:
        raise NotFound("No such session.", param="session_id")
    return _session(row)


async def get_sessions(tx: Tx, caller: Caller, ids: Sequence[str]) -> dict[str, Session]:
    """Those of the sessions that are there and that the caller may see, by id."""
    query = _SELECT.where(
        sessions.c.id.in_(ids), visible(sessions, caller), sessions.c.deleted_at_s.is_(None)
    )
    return {one.id: one for one in await _read(tx, query)}


async def outside_session(tx: Tx, caller: Caller, user_id: str | None, outside_id: str) -> Session | None:
    """The session to which an outer program gave a name, deleted or not; None = there is none.

    Args:
        tx: Any transaction.
        caller: Who asks.
        user_id: Whose it is.
        outside_id: The name.
    """
    owner = sessions.c.user_id.is_(None) if user_id is None else sessions.c.user_id == user_id
    query = _SELECT.where(sessions.c.site_id == caller.site_id, sessions.c.outside_id == outside_id, owner)
    found = await _read(tx, query)
    return found[0] if found else None


async def find_session_by_digest(tx: Tx, digest: str) -> tuple[Session, str] | None:
    """The session that was created under an idempotency key, and the digest of what was asked for then."""
    query = _SELECT.add_columns(sessions.c.request_digest).where(sessions.c.idempotency_digest == digest)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else (_session(row[:-1]), row[-1])


async def list_sessions(
    tx: Tx,
    caller: Caller,
    wanted: SessionFilter,
    *,
    behind: tuple[float, str] | None,
    descending: bool,
    limit: int,
) -> list[Session]:
    """Sessions by the time of their last change, then by id.

    Args:
        tx: Any transaction.
        caller: Who asks.
        wanted: Which.
        behind: Only those behind this time and id, in the order asked for.
        descending: The newest first.
        limit: Most rows.
    """
    key = sa.tuple_(sessions.c.updated_at_s, sessions.c.id)
    query = _SELECT.where(*_conditions(caller, wanted))
    if behind is not None:
        place = sa.tuple_(sa.literal(behind[0], sa.Double), sa.literal(behind[1], sa.String))
        query = query.where(key < place if descending else key > place)
    order = [sessions.c.updated_at_s, sessions.c.id]
    query = query.order_by(*([one.desc() for one in order] if descending else order)).limit(limit)
    return await _read(tx, query)


async def list_tags(tx: Tx, caller: Caller, limit: int) -> list[tuple[str, int]]:
    """Tags of the caller's sessions that are neither archived nor deleted, and how many have each; by name."""
    count = sa.func.count()
    query = (
        sa.select(session_tags.c.tag, count)
        .join(sessions, sessions.c.id == session_tags.c.session_id)
        .where(
            session_tags.c.site_id == caller.site_id,
            *_conditions(caller, SessionFilter(archived=False)),
        )
        .group_by(session_tags.c.tag)
        .order_by(session_tags.c.tag)
        .limit(limit)
    )
    return [(tag, number) for tag, number in await tx.execute(query)]


async def insert_session(tx: Tx, session: Session, idempotency: Idempotency | None = None) -> None:
    """Enter a new session with its tags.

    Raises:
        IntegrityError: Its outside id, or its idempotency key, is taken.
    """
    row = msgspec.structs.asdict(session)
    tags = row.pop("tags")
    row["idempotency_digest"] = None if idempotency is None else idempotency.digest
    row["request_digest"] = None if idempotency is None else idempotency.request
    await tx.execute(_INSERT, row)
    await _insert_tags(tx, session, tags)


async def change_session(tx: Tx, session: Session, now_s: float, **changes: Any) -> Session:
    """Change fields of a session that was read with a lock; its version rises.

    Args:
        tx: The transaction that holds the lock.
        session: As it was read; also when messages were appended since.
        now_s: Unix time.
        **changes: Columns; not `tags` (see `replace_tags`).
    """
    change = (
        sa.update(sessions)
        .where(sessions.c.id == session.id)
        .values(version=sessions.c.version + 1, updated_at_s=now_s, **changes)
        .returning(*_FIELDS)
    )
    row = (await tx.execute(change)).mappings().one()
    return Session(**row, tags=session.tags)


async def replace_tags(tx: Tx, session: Session, tags: Sequence[str]) -> Session:
    """Give a session other tags."""
    await tx.execute(sa.delete(session_tags).where(session_tags.c.session_id == session.id))
    await _insert_tags(tx, session, tags)
    return msgspec.structs.replace(session, tags=tuple(sorted(tags)))


async def delete_sessions(tx: Tx, ids: Sequence[str]) -> None:
    """Delete sessions with all that they have, the events of their generations included."""
    made_in = sa.select(generations.c.id).where(generations.c.session_id.in_(ids))
    await delete_of(tx, (await tx.execute(made_in)).scalars().all())
    await tx.execute(sa.delete(sessions).where(sessions.c.id.in_(ids)))


def _conditions(caller: Caller, wanted: SessionFilter) -> Iterable[sa.ColumnElement[bool]]:
    yield visible(sessions, caller)
    gone = sessions.c.deleted_at_s
    yield gone.is_not(None) if wanted.deleted else gone.is_(None)
    if wanted.archived is not None:
        yield sessions.c.archived_at_s.is_not(None) if wanted.archived else sessions.c.archived_at_s.is_(None)
    if wanted.pinned is not None:
        yield sessions.c.pinned.is_(wanted.pinned)
    if wanted.tag is not None:
        tagged = sa.select(session_tags.c.session_id)
        yield sessions.c.id.in_(
            tagged.where(session_tags.c.site_id == caller.site_id, session_tags.c.tag == wanted.tag)
        )
    for column, value in ((sessions.c.model, wanted.model), (sessions.c.user_id, wanted.user_id)):
        if value is not None:
            yield column == value
    yield from _between(sessions.c.created_at_s, wanted.created_after_s, wanted.created_before_s)
    yield from _between(sessions.c.updated_at_s, wanted.updated_after_s, wanted.updated_before_s)


def _between(
    column: sa.Column[float], after_s: float | None, before_s: float | None
) -> Iterable[sa.ColumnElement[bool]]:
    if after_s is not None:
        yield column >= after_s
    if before_s is not None:
        yield column < before_s


async def _read(tx: Tx, query: sa.Select[Any]) -> list[Session]:
    return [_session(row) for row in await tx.execute(query)]


def _session(row: Sequence[Any]) -> Session:
    return Session(*row[:-1], tuple(sorted(row[-1] or ())))  # type: ignore[call-arg]  # all fields, in order


async def _insert_tags(tx: Tx, session: Session, tags: Sequence[str]) -> None:
    if tags:
        rows = [{"session_id": session.id, "tag": tag, "site_id": session.site_id} for tag in tags]
        await tx.execute(_INSERT_TAG, rows)
