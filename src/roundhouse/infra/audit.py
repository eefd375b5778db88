"""The audit log: append-only rows, each chained to the one before by its hash.

`append` runs inside the transaction of the change it tells of: either both are there or neither. A row that
was altered, removed or put in later breaks the chain, and `verify_chain` names it.

Source:
    RFC 6962 (2013) for the idea of a hash chain as tamper evidence; RFC 8259 JSON with sorted keys as
    canonical form.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx, metadata
from roundhouse.infra.revision import config_revision

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("object", sa.String(300), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("prev_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("ix_audit_log_site_id_seq", "site_id", "seq"),
)

GENESIS = "0" * 64
"""`prev_hash` of the first row."""

_PAGE = 1000


class AuditEntry(msgspec.Struct, frozen=True):
    """One row of the audit log.

    Attributes:
        seq: Place in the chain.
        id: `aud_…`.
        at_s: Unix time.
        site_id: Tenant of the changed object.
        key_id: Who changed it.
        action: e.g. `key.create`.
        object: Id or name of the changed thing.
        detail: What changed; never a secret.
        prev_hash: `hash` of the row before.
        hash: SHA-256 over all the fields above but `seq`.
    """

    seq: int
    id: str
    at_s: float
    site_id: str
    key_id: str
    action: str
    object: str
    detail: dict[str, Any]
    prev_hash: str
    hash: str


class AuditFilter(msgspec.Struct, frozen=True):
    """Which rows are meant; None = any.

    Attributes:
        action: An action, or the first word of several: `key`.
        key_id: Who made the change.
        object: Id or name of the changed thing, whole.
        site_id: Tenant of the changed thing.
        from_s: Unix time, included.
        to_s: Unix time, excluded.
    """

    action: str | None = None
    key_id: str | None = None
    object: str | None = None
    site_id: str | None = None
    from_s: float | None = None
    to_s: float | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """What a row must meet."""
        found = [
            audit_log.c[name] == value
            for name in ("key_id", "object", "site_id")
            if (value := getattr(self, name)) is not None
        ]
        if self.action is not None:
            within = audit_log.c.action.startswith(f"{self.action}.", autoescape=True)
            found.append(sa.or_(audit_log.c.action == self.action, within))
        if self.from_s is not None:
            found.append(audit_log.c.at_s >= self.from_s)
        if self.to_s is not None:
            found.append(audit_log.c.at_s < self.to_s)
        return found


async def append(
    tx: Tx,
    caller: Caller,
    *,
    action: str,
    object_id: str,
    detail: dict[str, Any],
    at_s: float,
    site_id: str | None = None,
) -> None:
    """Add one row in the transaction of the change itself.

    Args:
        tx: The change's own transaction.
        caller: Who made the change.
        action: `<noun>.<verb>`, e.g. `provider.update`.
        object_id: Id or name of the changed thing.
        detail: What changed, JSON values only; never a secret.
        at_s: Unix time.
        site_id: Tenant of the changed thing; None = the caller's.
    """
    # Writers of PostgreSQL queue on this row: two of them would otherwise chain to the same predecessor.
    await tx.execute(sa.select(config_revision.c.revision).with_for_update())
    last = sa.select(audit_log.c.hash).order_by(audit_log.c.seq.desc()).limit(1)
    prev_hash = (await tx.execute(last)).scalar_one_or_none() or GENESIS
    row: dict[str, Any] = {
        "id": new_id("aud"),
        "at_s": at_s,
        "site_id": site_id or caller.site_id,
        "key_id": caller.key_id,
        "action": action,
        "object": object_id,
        "detail": detail,
        "prev_hash": prev_hash,
    }
    await tx.execute(sa.insert(audit_log).values(**row, hash=_hash(row)))


async def entries(
    tx: Tx,
    *,
    site_id: str | None,
    before_seq: int | None,
    limit: int,
    wanted: AuditFilter | None = None,
) -> list[AuditEntry]:
    """Rows, newest first.

    Args:
        tx: Any transaction.
        site_id: Tenant; None = all tenants.
        before_seq: Only rows older than this place in the chain.
        limit: Most rows returned.
        wanted: Which ones of them; None = all.
    """
    query = sa.select(audit_log).order_by(audit_log.c.seq.desc()).limit(limit)
    if wanted is not None:
        query = query.where(*wanted.conditions())
    if site_id is not None:
        query = query.where(audit_log.c.site_id == site_id)
    if before_seq is not None:
        query = query.where(audit_log.c.seq < before_seq)
    return [AuditEntry(**row) for row in (await tx.execute(query)).mappings()]


async def verify_chain(tx: Tx) -> str | None:
    """Recompute the whole chain; None = intact, else the id of the first row that does not fit."""
    prev_hash, seq = GENESIS, 0
    while True:
        query = sa.select(audit_log).where(audit_log.c.seq > seq).order_by(audit_log.c.seq).limit(_PAGE)
        rows = (await tx.execute(query)).mappings().all()
        for row in rows:
            if row["prev_hash"] != prev_hash or row["hash"] != _hash(dict(row)):
                return str(row["id"])
            prev_hash, seq = row["hash"], row["seq"]
        if len(rows) < _PAGE:
            return None


def _hash(row: dict[str, Any]) -> str:
    names = ("id", "at_s", "site_id", "key_id", "action", "object", "detail", "prev_hash")
    text = json.dumps([row[name] for name in names], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
