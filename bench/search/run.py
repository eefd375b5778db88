"""Builds the index on both databases, asks, and prints two tables."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from bench.search.corpus import LANGUAGES, Corpus, Task
from roundhouse.core.settings import DbSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database
from roundhouse.infra.migrate import upgrade_blocking
from roundhouse.infra.search import Entry, Query, index, search
from roundhouse.infra.search.upkeep import tidy

POSTGRES_URL = os.environ.get("ROUNDHOUSE_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")
Ask = Callable[[str], Awaitable[list[str]]]
_BATCH = 20_000
_SINGLE = 300
_TOP = 10


class Table:
    """The same messages in one plain table and two FTS5 tables, in a file of its own."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("CREATE TABLE plain (id INTEGER PRIMARY KEY, ref_id TEXT, text TEXT)")
        for name in ("unicode61", "trigram"):
            options = f"text, content=plain, content_rowid=id, tokenize='{name}'"
            self.connection.execute(f"CREATE VIRTUAL TABLE {name} USING fts5({options})")

    def add(self, entries: list[Entry]) -> None:
        """Write messages."""
        rows = [(entry.ref_id, entry.text) for entry in entries]
        self.connection.executemany("INSERT INTO plain (ref_id, text) VALUES (?, ?)", rows)

    def build(self) -> None:
        """Make the indexes of all that was added."""
        for name in ("unicode61", "trigram"):
            self.connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")
        self.connection.commit()

    async def like(self, text: str) -> list[str]:
        """The newest messages with this text in them, as chat programs look for it that keep no index."""
        escaped = text.replace("%", "").replace("_", "\\_")
        query = "SELECT ref_id FROM plain WHERE text LIKE ? ESCAPE '\\' ORDER BY id DESC LIMIT 10"
        return [one for (one,) in self.connection.execute(query, (f"%{escaped}%",))]

    def full_text(self, name: str) -> Ask:
        """The best messages with all words, by the ranking of FTS5.

        Args:
            name: Tokeniser.
        """
        query = (
            f"SELECT ref_id FROM {name} JOIN plain ON plain.id = {name}.rowid WHERE {name} MATCH ? "
            "ORDER BY rank LIMIT 10"
        )

        async def ask(text: str) -> list[str]:
            words = " ".join('"' + word.replace('"', '""') + '"' for word in text.split())
            return [one for (one,) in self.connection.execute(query, (words,))]

        return ask


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


def asker(db: Database, caller: Caller) -> Ask:
    """Our search, as a function of the text."""

    async def ask(text: str) -> list[str]:
        async with db.read() as tx:
            found = await search(tx, caller, Query(text, "message", limit=_TOP))
        return [hit.ref_id for hit in found.hits]

    return ask


async def build(db: Database, corpus: Corpus) -> float:
    """Index all in batches; seconds."""
    begun = time.perf_counter()
    for batch in corpus.batches(_BATCH):
        async with db.begin() as tx:
            await index(tx, batch)
    while await tidy(db):
        pass
    return time.perf_counter() - begun


async def one_by_one(db: Database, entries: list[Entry]) -> tuple[float, float]:
    """Milliseconds that one message more costs in a transaction, without its commit: median and 95th percentile."""
    taken = []
    for entry in entries:
        async with db.begin() as tx:
            begun = time.perf_counter()
            await index(tx, [entry])
            taken.append((time.perf_counter() - begun) * 1_000)
    return percentiles(taken)


def percentiles(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    rising = sorted(values)
    return statistics.median(rising), rising[int(len(rising) * 0.95)]


async def timed(ask: Ask, queries: list[tuple[str, str]], limit_s: float) -> tuple[float, float, int]:
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


async def recall(ask: Ask, tasks: list[Task]) -> dict[str, float]:
    """For each task the share whose message is among the first ten."""
    found: dict[str, list[bool]] = {}
    for task in tasks:
        found.setdefault(task.name, []).append(task.ref_id in await ask(task.query))
    return {name: sum(hits) / len(hits) for name, hits in found.items()}


async def measure(options: argparse.Namespace, folder: Path) -> None:
    """Everything."""
    corpus = Corpus(options.messages)
    table = Table(folder / "table.db")
    sample: list[tuple[str, str]] = []
    for batch in corpus.batches(_BATCH):
        table.add(batch)
        plain = [entry for entry in batch if entry.ref_id.startswith("msg_")][::97]
        sample += [(LANGUAGES[int(entry.ref_id[4:]) % 4], entry.text) for entry in plain]
    if not options.only_ours:
        table.build()
    queries = corpus.queries(sample, options.queries)
    asks: dict[str, Ask] = {}
    async with databases(folder, options.databases) as opened:
        for name, db in opened.items():
            seconds = await build(db, corpus)
            more = [
                Entry(f"more_{place}", "message", "bench", "u1", None, "s", "user", (), text, 2e9)
                for place, (_language, text) in enumerate((sample * _SINGLE)[:_SINGLE])
            ]
            single = await one_by_one(db, more)
            print(
                f"{name}: {options.messages / seconds:,.0f} messages/s at once; one more: "
                f"{single[0]:.2f} ms (p95 {single[1]:.2f})",
                flush=True,
            )
            asks[f"ours {name}"] = asker(db, Caller("bench", site_id="bench"))
            asks[f"ours {name}, one user of fifty"] = asker(
                db, Caller("bench", site_id="bench", user_id="u7")
            )
        if not options.only_ours:
            asks |= {"LIKE": table.like} | {name: table.full_text(name) for name in ("unicode61", "trigram")}
        if options.databases == ["sqlite", "postgresql"]:
            answers = [
                [await asks[f"ours {name}"](text) for _, text in queries] for name in options.databases
            ]
            same = sum(one == other for one, other in zip(*answers, strict=True))
            print(f"same first ten on both databases: {same} of {len(queries)} queries", flush=True)
        for name, ask in asks.items():
            p50, p95, asked = await timed(ask, queries, options.limit_s)
            print(f"{name:35} p50 {p50:8.2f} ms  p95 {p95:8.2f} ms  ({asked} queries)", flush=True)
        tables = {name: await recall(ask, corpus.tasks) for name, ask in asks.items() if "fifty" not in name}
        for task in next(iter(tables.values())):
            print(f"{task:28}" + "".join(f"  {name} {found[task]:.2f}" for name, found in tables.items()))


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
