"""Vectors that are kept in the database, beside Chroma and beside a plain product of matrices, in one run.

`python -m bench.knowledge.vectors` from the root of the repository; see README.md there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from roundhouse.core.settings import DbSettings
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.vectors import VectorIndex, VectorQuery, VectorRow
from roundhouse.features.knowledge.indexing.vectors import VectorStores
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.migrate import upgrade_blocking

HERE = Path(__file__).parent
CHROMA_VENV = HERE.parents[1] / ".venv-bench-chroma"
_TENANTS = 50
_CLUSTERS = 2000
_QUERIES = 200
_TOP = 10
_BATCH = 1000


def make_data(folder: Path, rows: int, dimensions: int) -> None:
    """Vectors around centres off the origin, tenants drawn at random, and queries near vectors."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((_CLUSTERS, dimensions), dtype=np.float32) + np.float32(0.3)
    noise = random.standard_normal((rows, dimensions), dtype=np.float32)
    vectors = centres[random.integers(0, _CLUSTERS, rows)] + np.float32(0.7) * noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = random.standard_normal((_QUERIES, dimensions), dtype=np.float32) / np.float32(dimensions**0.5)
    queries = vectors[random.integers(0, rows, _QUERIES)] + np.float32(0.5) * near
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "tenants.npy", random.integers(0, _TENANTS, rows))
    np.save(folder / "queries.npy", queries)
    np.save(folder / "asked_tenants.npy", random.integers(0, _TENANTS, _QUERIES))


def plain(folder: Path) -> dict[str, Any]:
    """A product of the matrix with each query, and the truth of what is nearest."""
    vectors, tenants = np.load(folder / "vectors.npy"), np.load(folder / "tenants.npy")
    queries, asked = np.load(folder / "queries.npy"), np.load(folder / "asked_tenants.npy")
    times, found, of_tenant = [], [], []
    for query, tenant in zip(queries, asked, strict=True):
        begun = time.perf_counter()
        similarities = vectors @ query
        best = np.argpartition(similarities, -_TOP)[-_TOP:]
        times.append((time.perf_counter() - begun) * 1000)
        found.append(best.tolist())
        similarities[tenants != tenant] = -1
        of_tenant.append(np.argpartition(similarities, -_TOP)[-_TOP:].tolist())
    return {"all": {"ms": times, "found": found}, "tenant": {"found": of_tenant}}


async def ours(folder: Path, step: str) -> dict[str, Any]:
    """The same with the embedded store, through its seam; each search in a transaction of its own."""
    url = f"sqlite:///{folder / 'roundhouse.db'}"
    await asyncio.to_thread(upgrade_blocking, url)
    db = Database(DbSettings(), url)
    stores = VectorStores(db, DbSettings(), KnowledgeSettings(vectors="embedded"), SystemClock())
    try:
        return await (_insert(db, stores, folder) if step == "insert" else _search(db, stores, folder))
    finally:
        await stores.close()
        await db.close()


async def _insert(db: Database, stores: VectorStores, folder: Path) -> dict[str, Any]:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    tenants = np.load(folder / "tenants.npy").tolist()
    store, index = stores.get("embedded"), VectorIndex(1, vectors.shape[1])
    async with db.begin() as tx:
        await store.create(tx, index)
    taken = 0.0
    for start in range(0, len(vectors), _BATCH):
        some = np.array(vectors[start : start + _BATCH])
        rows = [VectorRow(start + n, 0, tenants[start + n], vector) for n, vector in enumerate(some)]
        begun = time.perf_counter()
        async with db.begin() as tx:
            await store.upsert(tx, index, rows)
        taken += time.perf_counter() - begun
    return {"insert_s": taken}


async def _search(db: Database, stores: VectorStores, folder: Path) -> dict[str, Any]:
    queries = np.load(folder / "queries.npy")
    asked = np.load(folder / "asked_tenants.npy").tolist()
    index = VectorIndex(1, queries.shape[1])
    before = psutil.Process().memory_info().rss
    begun = time.perf_counter()
    store = stores.get("embedded")

    async def ask(vector: np.ndarray, only: frozenset[int] | None) -> list[int]:
        async with db.read() as tx:
            found = await store.search(tx, index, vector, VectorQuery(_TOP, only))
        return [match.passage for match in found]

    await ask(queries[0], None)
    answer: dict[str, Any] = {"first_s": time.perf_counter() - begun}
    for name in ("all", "tenant"):
        times, found = [], []
        for query, tenant in zip(queries, asked, strict=True):
            only = frozenset({tenant}) if name == "tenant" else None
            begun = time.perf_counter()
            found.append(await ask(query, only))
            times.append((time.perf_counter() - begun) * 1000)
        answer[name] = {"ms": times, "found": found}
    answer["rss_mib"] = (psutil.Process().memory_info().rss - before) / 2**20
    return answer


def peer_python(environment: Path, requirements: Path) -> Path:
    """The interpreter of an environment of its own, which is made once, by uv."""
    python = environment / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
        command = [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(requirements)]
        subprocess.run(command, check=True)
    return python


def run(command: list[str]) -> dict[str, Any]:
    """What a process of its own prints last; products of matrices have one thread there."""
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "ANONYMIZED_TELEMETRY": "False",
    }
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer


def recall(found: list[list[int]], truth: list[list[int]]) -> float:
    """Share of what is nearest that was found."""
    pairs = zip(found, truth, strict=True)
    return sum(len(set(one) & set(other)) for one, other in pairs) / sum(map(len, truth))


def report(rows: int, ours_: dict[str, Any], chroma: dict[str, Any], truth: dict[str, Any]) -> list[str]:
    """The table, as Markdown."""

    def p50(answer: dict[str, Any], name: str) -> float:
        return statistics.median(answer[name]["ms"])

    lines = [f"{rows:,} vectors, top {_TOP}, batches of {_BATCH}", ""]
    lines += ["| | ours | Chroma | product | ours beside Chroma |", "|---|---|---|---|---|"]
    insert = [rows / one["insert_s"] for one in (ours_, chroma)]
    lines.append(
        f"| inserted/s | {insert[0]:,.0f} | {insert[1]:,.0f} | | {insert[0] / insert[1]:.1f} times as many |"
    )
    for name, title in (("all", "query"), ("tenant", f"query, 1 of {_TENANTS} tenants")):
        a, b = p50(ours_, name), p50(chroma, name)
        third = f"{p50(truth, name):.2f}" if name == "all" else ""
        lines.append(f"| {title}, p50 ms | {a:.2f} | {b:.2f} | {third} | {a / b:.2f} of the time |")
        got = [recall(one[name]["found"], truth[name]["found"]) for one in (ours_, chroma)]
        lines.append(f"| {title}, recall@{_TOP} | {got[0]:.4f} | {got[1]:.4f} | 1 | |")
    ratio = p50(ours_, "all") / p50(truth, "all")
    lines.append(f"| query beside the product | {ratio:.2f} of the time | | | |")
    lines.append(f"| memory, MiB | {ours_['rss_mib']:.0f} | {chroma['rss_mib']:.0f} | | |")
    lines.append(f"| opened to first answer, s | {ours_['first_s']:.2f} | {chroma['first_s']:.2f} | | |")
    return lines


def main() -> int:
    """Run all parts in turn, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.knowledge.vectors", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        step, folder = arguments.part[0], Path(arguments.part[1])
        print(json.dumps(plain(folder) if step == "plain" else asyncio.run(ours(folder, step))))
        return 0
    python = str(peer_python(CHROMA_VENV, HERE / "requirements-chroma.txt"))
    with tempfile.TemporaryDirectory(prefix="bench-vectors-") as made:
        make_data(Path(made), arguments.rows, arguments.dimensions)
        own = [sys.executable, "-m", "bench.knowledge.vectors", "--part"]
        peer = [python, str(HERE / "peer_chroma.py")]
        ours_ = run([*own, "insert", made])
        chroma = run([*peer, "insert", made, str(_BATCH)])
        # In turns with the peer: what else the machine does is then in both.
        ours_ |= run([*own, "search", made])
        truth = run([*own, "plain", made])
        chroma |= run([*peer, "search", made, str(_TOP)])
    print("\n".join(report(arguments.rows, ours_, chroma, truth)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
