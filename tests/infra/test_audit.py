import asyncio

import pytest
import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.infra.audit import GENESIS, append, audit_log, entries, verify_chain

ANNA = Caller("key_anna", site_id="north")


async def add(db, action: str, site_id: str | None = None, **detail: object) -> None:
    async with db.begin() as tx:
        await append(tx, ANNA, action=action, object_id="key_x", detail=detail, at_s=1.25, site_id=site_id)


async def test_rows_are_chained_and_listed_newest_first(db):
    await add(db, "key.create", scopes=["inference"], ratio=0.1, ü="ß")
    await add(db, "key.revoke", site_id="south")
    await add(db, "key.rotate")
    async with db.read() as tx:
        rows = await entries(tx, site_id=None, before_seq=None, limit=10)
        assert [row.action for row in rows] == ["key.rotate", "key.revoke", "key.create"]
        assert rows[2].prev_hash == GENESIS
        assert rows[0].prev_hash == rows[1].hash
        assert rows[2].detail == {"scopes": ["inference"], "ratio": 0.1, "ü": "ß"}
        assert [row.site_id for row in rows] == ["north", "south", "north"]
        assert await entries(tx, site_id="north", before_seq=rows[0].seq, limit=10) == [rows[2]]
        assert await entries(tx, site_id=None, before_seq=None, limit=1) == rows[:1]
        assert await verify_chain(tx) is None


@pytest.mark.parametrize(
    "tamper",
    [
        sa.update(audit_log).where(audit_log.c.action == "b").values(object="key_y"),
        sa.update(audit_log).where(audit_log.c.action == "b").values(detail={"n": 2}),
        sa.update(audit_log).where(audit_log.c.action == "b").values(at_s=9.0),
        sa.delete(audit_log).where(audit_log.c.action == "b"),
        sa.delete(audit_log).where(audit_log.c.action == "a"),
    ],
)
async def test_a_changed_or_removed_row_is_found(db, tamper):
    for action in "abc":
        await add(db, action, n=1)
    async with db.begin() as tx:
        await tx.execute(tamper)
    async with db.read() as tx:
        assert await verify_chain(tx) is not None


async def test_an_undone_change_leaves_no_row(db):
    with pytest.raises(ZeroDivisionError):
        async with db.begin() as tx:
            await append(tx, ANNA, action="a", object_id="x", detail={}, at_s=1.0)
            raise ZeroDivisionError
    async with db.read() as tx:
        assert await entries(tx, site_id=None, before_seq=None, limit=10) == []


async def test_writers_at_once_make_one_chain(db):
    await asyncio.gather(*(add(db, f"a{number}") for number in range(20)))
    async with db.read() as tx:
        assert len(await entries(tx, site_id=None, before_seq=None, limit=100)) == 20
        assert await verify_chain(tx) is None
