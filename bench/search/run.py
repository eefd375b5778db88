"""Builds the index on both databases, asks, and prints tables."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.search.against import Ask, Table
from bench.search.corpus import BEGIN_S, LANGUAGES, LARGE_USER, Corpus, Task
from bench.search.cost import cost, texts
from bench.search.plain_or import plain_or
from roundhouse.core.settings import DbSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database
from roundhouse.infra.migrate import upgrade_blocking
from roundhouse.infra.search import Query, index, search
from roundhouse.infra.search.upkeep import tidy

POSTGRES_URL = os.environ.get("ROUNDHOUSE_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")
_BATCH = 5_000
_TOP = 10
Queries = list[tuple[str, str]]


@asynccontextmanager
async def databases(folder: Path, names: list[str]) -> AsyncIterator[dict[str, Database]]:
    """New databases, migrated; PostgreSQL's is dropped at the end."""
    admin = sa.create_engine(
        sa.make_url(POSTGRES_URL).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    name = f"roundhouse_bench_{secrets.token_hex(4)}"
    urls = {"sqlite": f"sqlite:///{folder / 'bench.db'}"}
    if "postgresql" in names:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        urls["postgresql"] = admin.url.set(database=name).render_as_string(hide_password=False)
    opened = {}
    try:
        for dialect in names:
            await asyncio.to_thread(upgrade_blocking, urls[dialect])
            opened[dialect] = Database(DbSettings(), urls[dialect])
        yield opened
    finally:
        for db in opened.values():
            await db.close()
        if "postgresql" in names:
            with admin.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.dispose()


def asker(db: Database, user_id: str | None = None, **filters: Any) -> Ask:
    """Our search, as a function of the text."""
    caller = Caller("bench", site_id="bench", user_id=user_id)

    async def ask(text: str) -> list[str]:
        async with db.read() as tx:
            found = await search(tx, caller, Query(text, "message", limit=_TOP, **filters))
        return [hit.ref_id for hit in found.hits]

    return ask


def filtered(db: Database, messages: int) -> dict[str, Ask]:
    """Our search with each kind of filter."""
    middle_s = BEGIN_S + messages / 2
    return {
        "of the user with a third of all": asker(db, LARGE_USER),
        "of one user of a thousand": asker(db, "u77"),
        "in one session": asker(db, parent_id="ses_70"),
        "of one role": asker(db, role="user"),
        "of a twentieth of the time": asker(db, since_s=middle_s, until_s=middle_s + messages / 20),
        "with a rare tag": asker(db, tags=("rare",)),
    }


async def build(db: Database, corpus: Corpus) -> float:
    """Index all in batches; seconds, those of making the messages up not counted."""
    taken = 0.0
    spaces: set[int] = set()
    for batch in corpus.batches(_BATCH):
        begun = time.perf_counter()
        async with db.begin() as tx:
            spaces |= await index(tx, batch)
        taken += time.perf_counter() - begun
    begun = time.perf_counter()
    for space in spaces:
        while await tidy(db, space):
            pass
    return taken + time.perf_counter() - begun


def percentiles(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    rising = sorted(values)
    return statistics.median(rising), rising[int(len(rising) * 0.95)]


async def timed(ask: Ask, queries: Queries, limit_s: float) -> tuple[float, float, int]:
    """Median and 95th percentile in milliseconds, and how many queries it were before the time was up."""
    taken = []
    begun = time.perf_counter()
    for _language, text in queries:
        before = time.perf_counter()
        await ask(text)
        taken.append((time.perf_counter() - before) * 1_000)
        if time.perf_counter() - begun > limit_s:
            break
    return (*percentiles(taken), len(taken))


async def show_times(name: str, ask: Ask, queries: Queries, limit_s: float) -> None:
    """Print one line."""
    p50, p95, asked = await timed(ask, queries, limit_s)
    print(f"{name:55} p50 {p50:8.2f} ms  p95 {p95:8.2f} ms  ({asked} queries)", flush=True)


async def recall(ask: Ask, tasks: list[Task]) -> dict[str, float]:
    """For each task the share whose message is among the first ten."""
    found: dict[str, list[bool]] = {}
    for task in tasks:
        found.setdefault(task.name, []).append(task.ref_id in await ask(task.query))
    return {name: sum(hits) / len(hits) for name, hits in found.items()}


def words_of(query: tuple[str, str]) -> int:
    """How many words a query has."""
    language, text = query
    return len(text) // 2 if language == "zh" else len(text.split())


async def against_or(db: Database, queries: Queries) -> None:
    """Print how many of the first ten of plain OR are among ours, for queries of several words."""
    shares: dict[str, list[float]] = {}
    ask = asker(db)
    for language, text in [one for one in queries if words_of(one) > 1]:
        async with db.read() as tx:
            wanted = await plain_or(tx, "bench", "message", text, _TOP)
        if wanted:
            mine = set(await ask(text))
            shares.setdefault(language, []).append(sum(one in mine for one in wanted) / len(wanted))
    for language, found in sorted(shares.items()):
        print(
            f"of the first ten of plain OR, {language}: {statistics.mean(found):.3f} ({len(found)} queries)"
        )


async def ours(opened: dict[str, Database], corpus: Corpus, queries: Queries, limit_s: float) -> None:
    """Ask our index on each database."""
    if len(opened) > 1:
        answers = [[await asker(db)(text) for _, text in queries] for db in opened.values()]
        same = sum(one == other for one, other in zip(*answers, strict=True))
        print(f"same first ten on both databases: {same} of {len(queries)} queries", flush=True)
    for name, db in opened.items():
        # Once before, so that what is read lies in memory.
        await timed(asker(db), queries, limit_s)
        await show_times(f"{name}, all queries", asker(db), queries, limit_s)
        for count in (1, 2, 3):
            some = [one for one in queries if words_of(one) == count]
            await show_times(f"{name}, {count} words", asker(db), some, limit_s)
        for label, ask in filtered(db, corpus.messages).items():
            await show_times(f"{name}, {label}", ask, queries, limit_s)
    await against_or(next(iter(opened.values())), queries)


async def costs(opened: dict[str, Database], corpus: Corpus) -> None:
    """Print what one message more costs."""
    for name, db in opened.items():
        for label, messages in texts(corpus).items():
            one = await cost(db, label, messages)
            print(
                f"{name}, one message more, {label}: {one.marking:.2f} ms of CPU in its transaction, "
                f"{one.all:.2f} with everything",
                flush=True,
            )


async def measure(options: argparse.Namespace, folder: Path) -> None:
    """Everything."""
    corpus = Corpus(options.messages)
    table = Table(folder / "table.db")
    sample: Queries = []
    for batch in corpus.batches(_BATCH):
        if not options.only_ours:
            table.add(batch)
        plain = [entry for entry in batch if entry.ref_id.startswith("msg_")][::97]
        sample += [(LANGUAGES[int(entry.ref_id[4:]) % 4], entry.text) for entry in plain]
    queries = corpus.queries(sample, options.queries)
    asks: dict[str, Ask] = {}
    async with databases(folder, options.databases) as opened:
        for name, db in opened.items():
            seconds = await build(db, corpus)
            print(f"{name}: {options.messages / seconds:,.0f} messages/s at once", flush=True)
            asks[f"ours {name}"] = asker(db)
        await ours(opened, corpus, queries, options.limit_s)
        if not options.only_ours:
            table.build()
            others = {"LIKE": table.like} | {one: table.full_text(one) for one in ("unicode61", "trigram")}
            for name, ask in others.items():
                await show_times(name, ask, queries, options.limit_s)
            asks |= others
        tables = {name: await recall(ask, corpus.tasks) for name, ask in asks.items()}
        for task in next(iter(tables.values())):
            print(f"{task:28}" + "".join(f"  {name} {found[task]:.2f}" for name, found in tables.items()))
        await costs(opened, corpus)


def main() -> int:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("messages", type=int, nargs="?", default=50_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--limit-s", type=float, default=20.0, help="longest for the queries of one way")
    parser.add_argument("--only-ours", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(options, Path(folder)))
    return 0
