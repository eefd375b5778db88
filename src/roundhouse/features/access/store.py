"""Tables and SQL of the access room: keys, usage records, spending per key and day."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import UsageRecord
from roundhouse.infra.db import Tx, metadata
from roundhouse.infra.revision import bump

_ROWS = (500, 50, 5, 1)
"""Records in one statement, the largest first."""

DAY_S = 86_400

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("routes", sa.JSON, nullable=False),
    sa.Column("limits", sa.JSON, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("expires_at_s", sa.Double),
    sa.Column("revoked_at_s", sa.Double),
    sa.Column("rotated_from", sa.String(40)),
    sa.Column("root_id", sa.String(40), nullable=False),
    sa.Column("last_used_at_s", sa.Double),
    sa.Index("ix_api_keys_site_id_id", "site_id", "id"),
    sa.Index("ix_api_keys_root_id", "root_id"),
)

usage_records = sa.Table(
    "usage_records",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.String(40), nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("operation", sa.String(20), nullable=False),
    sa.Column("requested_model", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("cache", sa.String(10), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("error_code", sa.String(64)),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_usd", sa.Double, nullable=False),
    sa.Column("first_byte_ms", sa.Integer, nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("stream", sa.Boolean, nullable=False),
    sa.Column("audio_s", sa.Double, nullable=False, server_default="0"),
    sa.Index("ix_usage_records_site_id_at_s", "site_id", "at_s"),
    sa.Index("ix_usage_records_key_id_at_s", "key_id", "at_s"),
)

spending = sa.Table(
    "spending",
    metadata,
    sa.Column("key_id", sa.String(40), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_usd", sa.Double, nullable=False),
)
"""Sums of usage per key and day (days since 1970, UTC): budgets need no scan, and outlive the records."""

GroupBy = Literal["key", "model", "site", "user", "app", "day"]


class KeyRow(msgspec.Struct):
    """One key as it is kept; times are Unix seconds.

    Attributes:
        id: `key_…`.
        name: What people call it.
        digest: HMAC-SHA256 of the key, hex.
        site_id: Tenant.
        user_id: User it stands for, None = any.
        app_id: App it stands for, None = any.
        scopes: Subset of `core.types.ALL_SCOPES`.
        models: Glob patterns of models, empty = all.
        routes: Glob patterns of paths without `/api`, empty = all.
        limits: Fields of `core.types.Limits`.
        created_at_s: When it was made.
        expires_at_s: When it ends, None = never.
        revoked_at_s: When it was revoked, None = it was not.
        rotated_from: Key that it replaces.
        root_id: First key of its chain of rotations; limits and budgets count under it.
        last_used_at_s: Last request, to about a second.
    """

    id: str
    name: str
    digest: str
    site_id: str
    user_id: str | None
    app_id: str | None
    scopes: list[str]
    models: list[str]
    routes: list[str]
    limits: dict[str, Any]
    created_at_s: float
    expires_at_s: float | None
    revoked_at_s: float | None
    rotated_from: str | None
    root_id: str
    last_used_at_s: float | None


class UsageFilter(msgspec.Struct, frozen=True):
    """Which usage records are meant.

    Attributes:
        from_s: Unix time, included.
        to_s: Unix time, excluded.
        site_id: Tenant, None = all.
        key_id: Key, None = all.
    """

    from_s: float
    to_s: float
    site_id: str | None = None
    key_id: str | None = None


async def any_key(tx: Tx) -> bool:
    """Whether a key was ever made here."""
    return (await tx.execute(sa.select(api_keys.c.id).limit(1))).first() is not None


async def insert_key(tx: Tx, row: KeyRow) -> None:
    """Add a key."""
    await tx.execute(sa.insert(api_keys).values(**msgspec.structs.asdict(row)))
    await bump(tx)


async def find_key(tx: Tx, key_id: str, *, lock: bool = False) -> KeyRow | None:
    """A key by its id whatever its tenant: for signing in only."""
    query = sa.select(api_keys).where(api_keys.c.id == key_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return KeyRow(**row) if row is not None else None


async def get_key(tx: Tx, key_id: str, *, site_id: str | None, lock: bool = False) -> KeyRow:
    """A key that the tenant can see.

    Args:
        tx: Any transaction.
        key_id: `key_…`.
        site_id: Tenant, None = all.
        lock: Whether to keep others from changing it until the transaction ends.

    Raises:
        NotFound: There is none.
    """
    row = await find_key(tx, key_id, lock=lock)
    if row is None or (site_id is not None and row.site_id != site_id):
        raise NotFound("No such key.")
    return row


async def list_keys(tx: Tx, *, site_id: str | None, before_id: str | None, limit: int) -> list[KeyRow]:
    """Keys, newest first.

    Args:
        tx: Any transaction.
        site_id: Tenant, None = all.
        before_id: Only keys made before this one.
        limit: Most keys returned.
    """
    query = sa.select(api_keys).order_by(api_keys.c.id.desc()).limit(limit)
    if site_id is not None:
        query = query.where(api_keys.c.site_id == site_id)
    if before_id is not None:
        query = query.where(api_keys.c.id < before_id)
    return [KeyRow(**row) for row in (await tx.execute(query)).mappings()]


async def list_budgets(
    tx: Tx, *, site_id: str | None, now_s: float, before_id: str | None, limit: int
) -> list[KeyRow]:
    """Keys with a budget that are in force, newest first.

    Args:
        tx: Any transaction.
        site_id: Tenant, None = all.
        now_s: Unix time.
        before_id: Only keys made before this one.
        limit: Most keys returned.
    """
    keys, bounds = api_keys.c, api_keys.c.limits
    query = (
        sa.select(api_keys)
        .where(
            sa.or_(
                bounds["budget_usd"].as_float().is_not(None),
                bounds["budget_tokens"].as_integer().is_not(None),
            ),
            keys.revoked_at_s.is_(None),
            sa.or_(keys.expires_at_s.is_(None), keys.expires_at_s > now_s),
        )
        .order_by(keys.id.desc())
        .limit(limit)
    )
    if site_id is not None:
        query = query.where(keys.site_id == site_id)
    if before_id is not None:
        query = query.where(keys.id < before_id)
    return [KeyRow(**row) for row in (await tx.execute(query)).mappings()]


async def update_key(tx: Tx, key_id: str, **changed: Any) -> None:
    """Set columns of a key."""
    await tx.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(**changed))
    await bump(tx)


async def insert_usage(tx: Tx, records: Sequence[UsageRecord]) -> None:
    """Write records, many in one statement: this runs beside the hot path.

    SQLite's driver gives the interpreter lock back and takes it again around every statement, so one statement a
    record would fight the event loop for it thousands of times a second. The statements come in few sizes,
    because drivers keep what they compiled, and that of many rows is large.
    """
    columns = UsageRecord.__struct_fields__
    row = f"({', '.join('?' if tx.dialect.name == 'sqlite' else '%s' for _ in columns)})"
    head = f"INSERT INTO {usage_records.name} ({', '.join(columns)}) VALUES "  # noqa: S608 - our own names
    written = 0
    for size in _ROWS:
        statement = head + ", ".join([row] * size)
        while len(records) - written >= size:
            chunk = records[written : written + size]
            values = itertools.chain.from_iterable(msgspec.structs.astuple(record) for record in chunk)
            await tx.exec_driver_sql(statement, tuple(values))
            written += size


async def add_spending(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Add to the sums per key and day.

    Args:
        tx: The transaction that writes the records themselves.
        rows: `key_id`, `day`, `requests`, `tokens`, `cost_usd`; each (key, day) once.
    """
    # Both dialects have the same upsert; the engine has loaded its own already, the other is not wanted.
    dialect = import_module(f"sqlalchemy.dialects.{tx.dialect.name}")
    insert = dialect.insert(spending)
    added = {name: spending.c[name] + insert.excluded[name] for name in ("requests", "tokens", "cost_usd")}
    # In one order everywhere, so that two processes cannot wait for each other.
    ordered = sorted(rows, key=lambda row: (row["key_id"], row["day"]))
    await tx.execute(insert.on_conflict_do_update(index_elements=["key_id", "day"], set_=added), ordered)


async def touch_keys(tx: Tx, used_at_s: dict[str, float]) -> None:
    """Note the last use of keys; no reason for anybody to reload."""
    statement = (
        sa.update(api_keys)
        .where(api_keys.c.id == sa.bindparam("used"))
        .values(last_used_at_s=sa.bindparam("at"))
    )
    await tx.execute(statement, [{"used": key_id, "at": used_at_s[key_id]} for key_id in sorted(used_at_s)])


async def spent(tx: Tx, root_ids: Sequence[str], *, since_day: int) -> dict[str, tuple[float, int]]:
    """US dollars and tokens used since a day, by the first key of each chain of rotations."""
    joined = spending.join(api_keys, spending.c.key_id == api_keys.c.id)
    query = (
        sa.select(api_keys.c.root_id, sa.func.sum(spending.c.cost_usd), sa.func.sum(spending.c.tokens))
        .select_from(joined)
        .where(api_keys.c.root_id.in_(root_ids), spending.c.day >= since_day)
        .group_by(api_keys.c.root_id)
    )
    return {root: (float(usd), int(tokens)) for root, usd, tokens in await tx.execute(query)}


async def usage_by(
    tx: Tx, group_by: GroupBy, wanted: UsageFilter, *, after: str | int | None, limit: int
) -> list[dict[str, Any]]:
    """Sums of usage by group, in the order of the groups.

    Args:
        tx: Any transaction.
        group_by: What makes a group.
        wanted: Which records.
        after: Only groups behind this one.
        limit: Most groups returned.

    Returns:
        Rows of `group`, `requests`, `errors`, `cache_hits`, `prompt_tokens`, `completion_tokens`, `audio_s`,
        `cost_usd`.
    """
    group = _group(group_by, tx.dialect.name).label("group")
    records = usage_records.c
    query = (
        sa.select(
            group,
            sa.func.count().label("requests"),
            sa.func.sum(sa.case((records.status >= 400, 1), else_=0)).label("errors"),
            sa.func.sum(sa.case((records.cache == "hit", 1), else_=0)).label("cache_hits"),
            sa.func.sum(records.prompt_tokens).label("prompt_tokens"),
            sa.func.sum(records.completion_tokens).label("completion_tokens"),
            sa.func.sum(records.audio_s).label("audio_s"),
            sa.func.sum(records.cost_usd).label("cost_usd"),
        )
        .where(*_conditions(wanted))
        .group_by(group)
        .order_by(group)
        .limit(limit)
    )
    if after is not None:
        query = query.where(_group(group_by, tx.dialect.name) > after)
    return [dict(row) for row in (await tx.execute(query)).mappings()]


async def usage_over_time(tx: Tx, wanted: UsageFilter, step_s: int) -> dict[int, dict[str, Any]]:
    """Sums of usage by span of time; spans without a request are left out.

    Args:
        tx: Any transaction.
        wanted: Which records.
        step_s: Length of a span; the first one began in 1970.

    Returns:
        By number of the span: `requests`, `errors`, `prompt_tokens`, `completion_tokens`, `audio_s`, `cost_usd`.
    """
    records = usage_records.c
    span = _whole(records.at_s / step_s, tx.dialect.name).label("span")
    query = (
        sa.select(
            span,
            sa.func.count().label("requests"),
            sa.func.sum(sa.case((records.status >= 400, 1), else_=0)).label("errors"),
            sa.func.sum(records.prompt_tokens).label("prompt_tokens"),
            sa.func.sum(records.completion_tokens).label("completion_tokens"),
            sa.func.sum(records.audio_s).label("audio_s"),
            sa.func.sum(records.cost_usd).label("cost_usd"),
        )
        .where(*_conditions(wanted))
        .group_by(span)
    )
    return {row["span"]: dict(row) for row in (await tx.execute(query)).mappings()}


async def times_over_time(
    tx: Tx, wanted: UsageFilter, step_s: int, column: Literal["duration_ms", "first_byte_ms"]
) -> dict[int, tuple[int, int]]:
    """Median and 95th percentile (nearest rank) of a time of good answers by span, see `usage_over_time`.

    Args:
        tx: Any transaction.
        wanted: Which records.
        step_s: Length of a span.
        column: Which time; to the first byte only of those that have one.
    """
    records = usage_records.c
    span = _whole(records.at_s / step_s, tx.dialect.name).label("span")
    time_ms = usage_records.c[column]
    ranked = (
        sa.select(
            span,
            time_ms.label("time_ms"),
            sa.func.row_number().over(partition_by=span, order_by=time_ms).label("rank"),
            sa.func.count().over(partition_by=span).label("many"),
        )
        .where(*_conditions(wanted), records.status < 400, time_ms > 0)
        .subquery()
    ).c
    # The least rank that as many per cent of them do not pass.
    half, most = (
        sa.func.min(sa.case((ranked.rank * 100 >= ranked.many * percent, ranked.time_ms)))
        for percent in (50, 95)
    )
    query = sa.select(ranked.span, half, most).group_by(ranked.span)
    return {int(number): (int(median), int(high)) for number, median, high in await tx.execute(query)}


async def list_usage(
    tx: Tx, wanted: UsageFilter, *, before_id: int | None, limit: int
) -> list[tuple[int, UsageRecord]]:
    """Single records with their row ids, newest written first."""
    query = (
        sa.select(usage_records).where(*_conditions(wanted)).order_by(usage_records.c.id.desc()).limit(limit)
    )
    if before_id is not None:
        query = query.where(usage_records.c.id < before_id)
    found = []
    for row in (await tx.execute(query)).mappings():
        values = dict(row)
        found.append((values.pop("id"), UsageRecord(**values)))
    return found


async def prune_usage(tx: Tx, *, before_s: float, at_most: int) -> int:
    """Delete the oldest records; returns how many.

    Args:
        tx: A write transaction.
        before_s: Unix time; later records stay.
        at_most: Records per call, so that no lock is held for long.
    """
    oldest = sa.select(usage_records.c.id).order_by(usage_records.c.id).limit(at_most)
    statement = sa.delete(usage_records).where(
        usage_records.c.id.in_(oldest.scalar_subquery()), usage_records.c.at_s < before_s
    )
    return int((await tx.execute(statement)).rowcount)


def _conditions(wanted: UsageFilter) -> list[sa.ColumnElement[bool]]:
    records = usage_records.c
    found = [records.at_s >= wanted.from_s, records.at_s < wanted.to_s]
    if wanted.site_id is not None:
        found.append(records.site_id == wanted.site_id)
    if wanted.key_id is not None:
        found.append(records.key_id == wanted.key_id)
    return found


def _group(group_by: GroupBy, dialect: str) -> sa.ColumnElement[Any]:
    records = usage_records.c
    if group_by == "day":
        return _whole(records.at_s / DAY_S, dialect)
    names = {"key": records.key_id, "model": records.target, "site": records.site_id}
    if group_by in names:
        return names[group_by]
    return sa.func.coalesce(records.app_id if group_by == "app" else records.user_id, "")


def _whole(number: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[int]:
    # A cast cuts off in SQLite and rounds in PostgreSQL.
    return sa.cast(number if dialect == "sqlite" else sa.func.floor(number), sa.Integer)
