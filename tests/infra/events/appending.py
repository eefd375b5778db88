"""Writes events, also as a process of its own: `python appending.py URL NAME TRANSACTIONS SEED`."""

from __future__ import annotations

import asyncio
import random
import sys

from roundhouse.core.settings import DbSettings
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import NewEvent, append

TOPICS = ("job_a", "job_b")


def new(number: int, topic: str = "job_a", site_id: str = "default", kind: str = "job.progress") -> NewEvent:
    return NewEvent(site_id, topic, kind, {"number": number}, 1_800_000_000.25)


async def write(db: Database, *events: NewEvent) -> None:
    async with db.begin() as tx:
        await append(tx, *events)


async def write_many(db: Database, name: str, transactions: int, seed: int) -> None:
    """Transactions of one to four events that stay open for different times; some are rolled back."""
    chance = random.Random(seed)
    number = 0
    for _ in range(transactions):
        told = []
        for _ in range(chance.randint(1, 4)):
            told.append(NewEvent("default", chance.choice(TOPICS), name, {"number": number}, 0.0))
            number += 1
        async with db.begin() as tx:
            await append(tx, *told[:1])
            await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))
            await append(tx, *told[1:])
            await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))
            if chance.random() < 0.1:
                await tx.rollback()
                number -= len(told)


async def main(url: str, name: str, transactions: str, seed: str) -> None:
    db = Database(DbSettings(busy_timeout_s=60), url)
    await write_many(db, name, int(transactions), int(seed))
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
