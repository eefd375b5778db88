"""SQL of numbers about sessions and their messages."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.features.chat.rows import messages, sessions
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible


class Tally(msgspec.Struct, frozen=True):
    """Sums over messages that are not deleted, summaries and other branches included.

    Attributes:
        messages: How many.
        prompt_tokens: Sum of those that are known, likewise the others.
        completion_tokens: Sum.
        cost_usd: Sum.
        first_token_ms: Mean of the answers whose time is known, None = of none.
        total_ms: Likewise.
    """

    messages: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    first_token_ms: float | None
    total_ms: float | None


class SessionCounts(msgspec.Struct, frozen=True):
    """How many sessions there are; deleted ones are in none of the others."""

    sessions: int
    archived: int
    pinned: int
    deleted: int


class Span(msgspec.Struct, frozen=True):
    """Which sessions are counted: of a user, and created in a span of Unix time; None = any."""

    user_id: str | None = None
    after_s: float | None = None
    before_s: float | None = None


_SUMS = (
    sa.func.count().label("messages"),
    sa.func.coalesce(sa.func.sum(messages.c.prompt_tokens), 0).label("prompt_tokens"),
    sa.func.coalesce(sa.func.sum(messages.c.completion_tokens), 0).label("completion_tokens"),
    sa.func.coalesce(sa.func.sum(messages.c.cost_usd), 0.0).label("cost_usd"),
    sa.func.avg(messages.c.first_token_ms).label("first_token_ms"),
    sa.func.avg(messages.c.total_ms).label("total_ms"),
)


async def tally_session(tx: Tx, session_id: str) -> Tally:
    """Sums over all messages of a session."""
    query = sa.select(*_SUMS).where(_of_session(session_id))
    return _tally((await tx.execute(query)).one())


async def tally_session_by(
    tx: Tx, session_id: str, column: str, limit: int
) -> list[tuple[str | None, Tally]]:
    """Sums by a column of the messages, `role` or `model`, the one with the most messages first."""
    group = messages.c[column]
    query = sa.select(*_SUMS, group).where(_of_session(session_id)).group_by(group)
    rows = await tx.execute(query.order_by(sa.desc("messages"), group).limit(limit))
    return [(row[-1], _tally(row)) for row in rows]


async def first_and_last(tx: Tx, session_id: str) -> tuple[float | None, float | None]:
    """Unix times of the first and the last message of a session."""
    query = sa.select(sa.func.min(messages.c.created_at_s), sa.func.max(messages.c.created_at_s))
    row = (await tx.execute(query.where(_of_session(session_id)))).one()
    return row[0], row[1]


async def count_sessions(tx: Tx, caller: Caller, span: Span) -> SessionCounts:
    """How many sessions of the caller there are."""
    there = sessions.c.deleted_at_s.is_(None)
    counts = (
        sa.func.count().filter(there),
        sa.func.count().filter(there, sessions.c.archived_at_s.is_not(None)),
        sa.func.count().filter(there, sessions.c.pinned),
        sa.func.count().filter(sessions.c.deleted_at_s.is_not(None)),
    )
    row = (await tx.execute(sa.select(*counts).where(*_conditions(caller, span)))).one()
    return SessionCounts(*(int(value) for value in row))


async def tally(tx: Tx, caller: Caller, span: Span) -> Tally:
    """Sums over the messages of all sessions of the caller that are not deleted."""
    return _tally((await tx.execute(_joined(caller, span, *_SUMS))).one())


async def tally_by(
    tx: Tx, caller: Caller, span: Span, column: str, limit: int
) -> list[tuple[str | None, Tally]]:
    """`tally` by a column of the messages, `model` or `user_id`, the one with the most messages first."""
    group = messages.c[column]
    query = _joined(caller, span, *_SUMS, group).group_by(group)
    rows = await tx.execute(query.order_by(sa.desc("messages"), group).limit(limit))
    return [(row[-1], _tally(row)) for row in rows]


async def tally_sessions(tx: Tx, caller: Caller, span: Span, limit: int) -> list[tuple[str, str, Tally]]:
    """`tally` by session: id, title and sums, the one with the most messages first."""
    query = _joined(caller, span, *_SUMS, sessions.c.id, sessions.c.title)
    query = query.group_by(sessions.c.id, sessions.c.title)
    rows = await tx.execute(query.order_by(sa.desc("messages"), sessions.c.id).limit(limit))
    return [(row[-2], row[-1], _tally(row)) for row in rows]


def _joined(caller: Caller, span: Span, *columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(sessions.join(messages, messages.c.session_id == sessions.c.id))
        .where(
            *_conditions(caller, span), sessions.c.deleted_at_s.is_(None), messages.c.deleted_at_s.is_(None)
        )
    )


def _conditions(caller: Caller, span: Span) -> list[sa.ColumnElement[bool]]:
    found = [visible(sessions, caller)]
    if span.user_id is not None:
        found.append(sessions.c.user_id == span.user_id)
    if span.after_s is not None:
        found.append(sessions.c.created_at_s >= span.after_s)
    if span.before_s is not None:
        found.append(sessions.c.created_at_s < span.before_s)
    return found


def _of_session(session_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(messages.c.session_id == session_id, messages.c.deleted_at_s.is_(None))


def _tally(row: Any) -> Tally:
    return Tally(
        messages=int(row.messages),
        prompt_tokens=int(row.prompt_tokens),
        completion_tokens=int(row.completion_tokens),
        cost_usd=float(row.cost_usd),
        first_token_ms=None if row.first_token_ms is None else float(row.first_token_ms),
        total_ms=None if row.total_ms is None else float(row.total_ms),
    )
