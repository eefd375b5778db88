"""Vectors on a Milvus server: written down in the database first, sent in order behind the commit.

What was not sent, because the server or this process was away, waits there and is sent by whoever settles next: a job,
or a search, which never finds less than what was committed. Sending twice does no harm. One process sends at a time, by
a lease in the database that is longer than any call of the server may take.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import grpc
import numpy as np
import sqlalchemy as sa
from pymilvus import DataType, MilvusClient, MilvusException

from roundhouse.backends.vectors import blocks, pending
from roundhouse.backends.vectors.bits import Numbers
from roundhouse.backends.vectors.pending import Pending
from roundhouse.core.errors import BadInput, VectorsUnavailable
from roundhouse.core.ports import Transaction
from roundhouse.core.vectors import (
    MAX_CHUNKS,
    Match,
    VectorContext,
    VectorIndex,
    VectorQuery,
    VectorRow,
    key_of,
)

T = TypeVar("T")

_THREADS = 2
_TIMEOUT_S = 5.0
# Renewed for each row; longer than what is done with one may take.
_LEASE_S = 15.0
_BATCH = 16
_POLL_S = 0.05
_LONGEST_WAIT_S = 30.0
# For each passage that is wanted; a passage has several chunks.
_EACH = 4
_LEAST = 64
# Milvus gives no more for one query.
_MOST = 16_384
_NO_COLLECTION = 100
_NOT_LOADED = 101

_STRONG: dict[str, Any] = {"consistency_level": "Strong", "timeout": _TIMEOUT_S}
"""What was sent is seen."""

_LEASE = sa.text(
    "INSERT INTO vector_senders (kind, holder, until_s) VALUES ('milvus', :holder, :until_s) "
    "ON CONFLICT (kind) DO UPDATE SET holder = excluded.holder, until_s = excluded.until_s "
    "WHERE vector_senders.holder = excluded.holder OR vector_senders.until_s < :now_s"
)
_GIVE_BACK = sa.text("DELETE FROM vector_senders WHERE kind = 'milvus' AND holder = :holder")


class MilvusVectors:
    """See `core.vectors.VectorStore`.

    Args:
        context: Address and token of its settings, and transactions.

    Raises:
        BadInput: There is no address.
    """

    def __init__(self, context: VectorContext) -> None:
        if not context.settings.milvus_url:
            raise BadInput(
                "Vectors of the kind milvus need knowledge.milvus_url.", param="knowledge.milvus_url"
            )
        self._uri = context.settings.milvus_url
        token = context.settings.milvus_token
        self._token = "" if token is None else token.get_secret_value()
        self._prefix = context.settings.milvus_prefix
        self._read = context.read
        self._begin = context.begin
        self._clock = context.clock
        self._holder = secrets.token_hex(8)
        self._client: MilvusClient | None = None
        self._connecting = threading.Lock()
        self._task: asyncio.Task[bool] | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="milvus")

    async def create(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.create`."""
        await pending.create(tx, index)

    async def drop(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.drop`."""
        await pending.drop(tx, index)

    async def upsert(self, tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
        """See `VectorStore.upsert`."""
        await pending.upsert(tx, index, rows)

    async def delete(self, tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
        """See `VectorStore.delete`."""
        await pending.delete(tx, index, documents)

    async def settle(self) -> None:
        """See `VectorStore.settle`; what is committed when this is called is sent when it returns."""
        async with self._read() as tx:
            newest = await pending.newest(tx)
        until_s = self._clock.monotonic_s() + _LONGEST_WAIT_S
        while newest:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._send(), name="milvus")
                self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
            # Whoever leaves does not end it: a call that is out cannot be called back.
            is_mine = await asyncio.shield(self._task)
            async with self._read() as tx:
                if await pending.oldest(tx) > newest:
                    return
            if self._clock.monotonic_s() > until_s:
                raise VectorsUnavailable("Others have been sending to Milvus for long.", retry_after_s=1.0)
            if not is_mine:
                await self._clock.sleep(_POLL_S)

    async def search(
        self, tx: Transaction, index: VectorIndex, vector: Numbers, query: VectorQuery
    ) -> list[Match]:
        """See `VectorStore.search`; what is pending is sent before."""
        if query.limit < 1 or (query.only is not None and not query.only):
            return []
        if await pending.newest(tx):
            await self.settle()
        if await blocks.state(tx, index) is None:
            return []
        return await self._beside(lambda client: self._nearest(client, index, vector, query))

    async def count(self, tx: Transaction, index: VectorIndex) -> int:
        """See `VectorStore.count`; what is pending is sent before."""
        if await pending.newest(tx):
            await self.settle()
        if await blocks.state(tx, index) is None:
            return 0

        def counted(client: MilvusClient) -> int:
            name = self._name(index)
            rows = self._loaded(client, name, lambda: client.query(name, "", ["count(*)"], **_STRONG))
            return int(rows[0]["count(*)"]) if rows else 0

        return await self._beside(counted)

    async def read(
        self, tx: Transaction, index: VectorIndex, after: tuple[int, int] | None, limit: int
    ) -> list[VectorRow]:
        """See `VectorStore.read`; what is pending is sent before."""
        if await pending.newest(tx):
            await self.settle()
        if await blocks.state(tx, index) is None:
            return []
        last = -1 if after is None else key_of(*after)
        return await self._beside(lambda client: self._rows(client, index, last, min(limit, _MOST)))

    async def close(self) -> None:
        """See `VectorStore.close`."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, client.close)
        self._threads.shutdown(wait=False)

    async def _send(self) -> bool:
        """Send until nothing is pending; False = another process is at it."""
        try:
            while True:
                # What was read without the lease, another process may have sent since, and more.
                if not await self._lease():
                    return False
                async with self._read() as tx:
                    some = await pending.first(tx, _BATCH)
                if not some:
                    return True
                for place, one in enumerate(some):
                    if place and not await self._lease():
                        return False
                    await self._beside(partial(self._carry_out, one=one))
                    async with self._begin() as tx:
                        await pending.done(tx, [one.number])
        finally:
            async with self._begin() as tx:
                await tx.execute(_GIVE_BACK, {"holder": self._holder})

    async def _lease(self) -> bool:
        now_s = self._clock.now_s()
        values = {"holder": self._holder, "until_s": now_s + _LEASE_S, "now_s": now_s}
        async with self._begin() as tx:
            changed: int = (await tx.execute(_LEASE, values)).rowcount
        return changed == 1

    async def _beside(self, act: Callable[[MilvusClient], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._mapped, act)

    # From here on all runs in a thread.

    def _mapped(self, act: Callable[[MilvusClient], T]) -> T:
        try:
            with self._connecting:
                if self._client is None:
                    self._client = MilvusClient(self._uri, token=self._token, timeout=_TIMEOUT_S)
            return act(self._client)
        except MilvusException as error:
            raise VectorsUnavailable(f"Milvus cannot serve this now (code {error.code}).") from error
        except grpc.RpcError as error:
            raise VectorsUnavailable("Milvus does not answer.") from error

    def _carry_out(self, client: MilvusClient, one: Pending) -> None:
        name = self._name(one.index)
        if one.action == "create":
            self._make(client, one.index)
        elif one.action == "drop":
            client.drop_collection(name, timeout=_TIMEOUT_S)
        elif one.action == "delete":
            self._asked(
                lambda: client.delete(name, filter=f"document == {one.document:d}", timeout=_TIMEOUT_S)
            )
        else:
            self._asked(lambda: client.upsert(name, _as_rows(one), timeout=_TIMEOUT_S))

    def _make(self, client: MilvusClient, index: VectorIndex) -> None:
        name = self._name(index)
        if client.has_collection(name, timeout=_TIMEOUT_S):
            return
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("document", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=index.dimensions)
        params = client.prepare_index_params()
        hnsw = {"M": 16, "efConstruction": 128}
        params.add_index("vector", index_type="HNSW", metric_type="IP", params=hnsw)
        client.create_collection(
            name, schema=schema, index_params=params, consistency_level="Strong", timeout=_TIMEOUT_S
        )

    def _nearest(
        self, client: MilvusClient, index: VectorIndex, vector: Numbers, query: VectorQuery
    ) -> list[Match]:
        """As many chunks as it takes for so many passages."""
        among = [f"document not in {sorted(query.hidden)}"] if query.hidden else []
        if query.only is not None:
            among.append(f"document in {sorted(query.only)}")
        name = self._name(index)
        chunks = min(max(_LEAST, _EACH * query.limit), _MOST)
        while True:
            searched = 2 * _MOST if query.exact else 2 * chunks
            asked = {
                "data": [vector.tolist()],
                "filter": " and ".join(among),
                "limit": chunks,
                "output_fields": ["key"],
                "search_params": {"metric_type": "IP", "params": {"ef": min(searched, 2 * _MOST)}},
            }
            answer = self._loaded(client, name, partial(client.search, name, **asked, **_STRONG))
            hits = answer[0] if answer else []
            found: dict[int, float] = {}
            for hit in hits:
                passage = hit["key"] // MAX_CHUNKS
                found[passage] = max(found.get(passage, -1.0), min(1.0, hit["distance"]))
            if len(found) >= query.limit or len(hits) < chunks or chunks == _MOST:
                nearest = sorted(found.items(), key=lambda one: (-one[1], one[0]))
                return [Match(*one) for one in nearest[: query.limit]]
            chunks = min(4 * chunks, _MOST)

    def _rows(self, client: MilvusClient, index: VectorIndex, last: int, limit: int) -> list[VectorRow]:
        name = self._name(index)

        def page() -> list[dict[str, Any]]:
            # The order of keys is promised to iterators alone.
            iterator = client.query_iterator(
                name,
                batch_size=limit,
                limit=limit,
                filter=f"key > {last:d}",
                output_fields=["key", "document", "vector"],
                **_STRONG,
            )
            try:
                rows: list[dict[str, Any]] = iterator.next()
            finally:
                iterator.close()
            return rows

        return [
            VectorRow(
                row["key"] // MAX_CHUNKS,
                row["key"] % MAX_CHUNKS,
                row["document"],
                np.array(row["vector"], np.float32),
            )
            for row in sorted(self._loaded(client, name, page) or [], key=lambda row: row["key"])
        ]

    def _asked(self, ask: Callable[[], T]) -> T | None:
        """An answer of a collection; None = there is none: it was dropped since."""
        try:
            return ask()
        except MilvusException as error:
            if error.code == _NO_COLLECTION:
                return None
            raise

    def _loaded(self, client: MilvusClient, name: str, ask: Callable[[], T]) -> T | None:
        """An answer of a collection that may have to be loaded since its server started."""
        try:
            return self._asked(ask)
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
        self._asked(lambda: client.load_collection(name, timeout=_TIMEOUT_S))
        return self._asked(ask)

    def _name(self, index: VectorIndex) -> str:
        return f"{self._prefix}_{index.number:d}"


def _as_rows(one: Pending) -> list[dict[str, Any]]:
    block = blocks.block_of(one.document, one.index.dimensions, one.keys, one.data)
    return [
        {"key": key, "document": one.document, "vector": vector}
        for key, vector in zip(block.keys.tolist(), block.vectors, strict=True)
    ]
