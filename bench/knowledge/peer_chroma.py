"""Chroma with the same vectors, in an environment of its own: `python peer_chroma.py insert|search FOLDER`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import psutil


def _collection(folder: Path) -> Any:
    client = chromadb.PersistentClient(str(folder / "chroma"))
    return client.get_or_create_collection("bench", metadata={"hnsw:space": "cosine"})


def insert(folder: Path, batch: int) -> dict[str, Any]:
    """All vectors in batches; seconds in the library's calls."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    tenants = np.load(folder / "tenants.npy")
    collection = _collection(folder)
    taken = 0.0
    for start in range(0, len(vectors), batch):
        rows = range(start, min(start + batch, len(vectors)))
        some = np.array(vectors[start : start + batch])
        ids = [str(row) for row in rows]
        metadatas = [{"tenant": int(tenants[row])} for row in rows]
        begun = time.perf_counter()
        collection.add(ids=ids, embeddings=some, metadatas=metadatas)
        taken += time.perf_counter() - begun
    return {"insert_s": taken}


def search(folder: Path, top: int) -> dict[str, Any]:
    """Opened anew: the first search, then each query without and with a tenant."""
    queries = np.load(folder / "queries.npy")
    asked = np.load(folder / "asked_tenants.npy").tolist()
    before = psutil.Process().memory_info().rss
    begun = time.perf_counter()
    collection = _collection(folder)
    collection.query(query_embeddings=[queries[0]], n_results=top)
    answer: dict[str, Any] = {"first_s": time.perf_counter() - begun}
    for name in ("all", "tenant"):
        times, found = [], []
        for query, tenant in zip(queries, asked, strict=True):
            where = {"tenant": tenant} if name == "tenant" else None
            begun = time.perf_counter()
            got = collection.query(query_embeddings=[query], n_results=top, where=where)
            times.append((time.perf_counter() - begun) * 1000)
            found.append([int(one) for one in got["ids"][0]])
        answer[name] = {"ms": times, "found": found}
    answer["rss_mib"] = (psutil.Process().memory_info().rss - before) / 2**20
    return answer


if __name__ == "__main__":
    step, where, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(insert(where, number) if step == "insert" else search(where, number)))
