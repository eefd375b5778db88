"""The knowledge room over a database of the test: vector stores, and documents that are put straight in."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from features.knowledge.files.house import FileHouse
from features.knowledge.vectors_in_memory import FakeEmbedding, FakeHomes, MemoryVectors
from roundhouse.core.errors import AddressRefused, DocumentEmpty, NotFound
from roundhouse.core.jobs import Job
from roundhouse.core.settings import JobSettings
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.types import Caller
from roundhouse.core.vectors import VectorIndex, VectorRow
from roundhouse.features.knowledge.chunking.chunks import chunks_of
from roundhouse.features.knowledge.documents import SEPARATOR, Block, NewPassage
from roundhouse.features.knowledge.ingesting.cleaning import Cleaning
from roundhouse.features.knowledge.ingesting.jobs import KnowledgeJobs
from roundhouse.features.knowledge.ingesting.ports import Desk
from roundhouse.features.knowledge.ingesting.settling import Settling
from roundhouse.features.knowledge.stores.model import Document, IndexVersion, Passage, Store, StoreFile
from roundhouse.features.knowledge.stores.rows import documents as documents_table
from roundhouse.features.knowledge.stores.rows import passages as passages_table
from roundhouse.features.knowledge.stores.schemas import FileCreate, StoreCreate, StoreFileRead, StoreRead
from roundhouse.features.knowledge.stores.service import Adding, BatchService, StoreFileService, StoreService
from roundhouse.features.knowledge.stores.store import documents, files, indexes, stores
from roundhouse.infra.db import Database
from roundhouse.infra.events import store as events
from roundhouse.infra.jobs import transitions
from roundhouse.infra.jobs.claiming import Turns, claim
from roundhouse.infra.jobs.durable_memory import Disk, MemoryDurable
from roundhouse.infra.jobs.gathering import Gathering
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.runner import Run

SCOPES = frozenset({"knowledge:read", "knowledge:write", "files:read", "files:write", "jobs:read"})
ANN = Caller(key_id="key_ann", site_id="one", scopes=SCOPES)
EVE = Caller(key_id="key_eve", site_id="one", user_id="eve", scopes=SCOPES)
BOB = Caller(key_id="key_bob", site_id="two", scopes=SCOPES)


def read_plain(order: dict[str, Any]) -> dict[str, Any]:
    """A parser of plain texts: paragraphs between empty lines; `# ` begins a heading."""
    text = Path(order["path"]).read_text()
    blocks: list[Block] = []
    heading: tuple[str, ...] = ()
    start = 0
    for part in filter(None, (one.strip() for one in text.split("\n\n"))):
        is_heading = part.startswith("# ")
        part = part.removeprefix("# ")
        kind, level, path = ("heading", 1, ()) if is_heading else ("text", None, heading)
        blocks.append(Block(kind, part, start, start + len(part), None, path, level))
        heading = (part,) if is_heading else heading
        start += len(part) + len(SEPARATOR)
    if not blocks:
        raise DocumentEmpty(f"{order['filename']} holds no text.")
    lines = b"\n".join(msgspec.json.encode(one) for one in blocks)
    (Path(order["folder"]) / "blocks.jsonl").write_bytes(lines + b"\n")
    told = {"content_type": order["content_type"], "title": "A title", "pages": None, "warnings": ["careful"]}
    return told | {"chars": start - len(SEPARATOR), "blocks": len(blocks)}


class FakeIndex:
    """Remembers what the full text index is told.

    Attributes:
        found: Documents that it would find, by store.
        caught_up: For whom it was brought up to date.
    """

    def __init__(self) -> None:
        self.found: dict[str, set[int]] = {}
        self.caught_up: list[str] = []

    async def published(self, tx: Any, site_id: str, store_id: str, documents: Sequence[int]) -> None:
        self.found.setdefault(store_id, set()).update(documents)

    async def gone(self, tx: Any, site_id: str, store_id: str, documents: Sequence[int]) -> None:
        self.found.setdefault(store_id, set()).difference_update(documents)

    async def dropped(self, tx: Any, site_id: str, store_id: str) -> None:
        self.found.pop(store_id, None)

    async def catch_up(self, site_id: str) -> None:
        self.caught_up.append(site_id)


class FakeDownloads:
    """Addresses that the test knows."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    async def check(self, url: str) -> None:
        if url not in self.bodies:
            raise AddressRefused("Not a public address.")

    async def download(self, url: str, *, limit_bytes: int, limit_s: float) -> AsyncIterator[bytes]:
        yield self.bodies[url]


class FakeTranscript(msgspec.Struct, frozen=True):
    """What was said."""

    filename: str
    text: str


class FakeTranscripts:
    """Recordings of Ann that the test knows."""

    def __init__(self) -> None:
        self.known: dict[str, FakeTranscript] = {}

    async def transcript(self, caller: Caller, recording_id: str) -> FakeTranscript:
        if caller.site_id != ANN.site_id or recording_id not in self.known:
            raise NotFound("No such recording.")
        return self.known[recording_id]


class KnowledgeHouse:
    """All services of the room.

    Args:
        db: The database.
        folder: A folder of the test.
        clock: Time.
        embedding: The embedding desk; None = a fake that counts words.
        homes: Where vectors are kept; None = in memory.
        **settings: Of the section `knowledge`.

    Attributes:
        files: The house of the files.
        stores: The verbs of vector stores.
        in_stores: Those of files in them.
        batches: Those of batches.
        index: What the full text index was told.
        embedding: Gives vectors.
        grown: Stores that grew.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        clock: Any,
        *,
        embedding: Any = None,
        homes: Any = None,
        **settings: Any,
    ) -> None:
        self.db, self.clock, self.folder = db, clock, folder
        self.files = FileHouse(db, folder / "data", clock)
        self.embedding = FakeEmbedding() if embedding is None else embedding
        self.homes = FakeHomes() if homes is None else homes
        self.index = FakeIndex()
        self.downloads = FakeDownloads()
        self.transcripts = FakeTranscripts()
        self.settings = KnowledgeSettings(**settings)
        self.settling = Settling(db, clock)
        self.cleaning = Cleaning(db, self.homes, self.index, self.settling, clock)
        self.grown: list[str] = []
        self.room_jobs = KnowledgeJobs(self.desk(db), self.cleaning)
        self.pipelines = PipelineTable([*self.room_jobs.pipelines])
        self.jobs = JobQueue(db, self.pipelines, JobSettings(), clock)
        self.disk: Disk = {}
        self.adding = Adding(self.jobs, self.settings, clock)
        self.in_stores = StoreFileService(
            db,
            self.files.service,
            self.downloads,
            self.transcripts,
            self.adding,
            self.index,
            self.jobs,
            clock,
        )
        self.batches = BatchService(db, self.in_stores, self.adding, clock)
        self.stores = StoreService(
            db, self.embedding, self.homes, self.in_stores, self.adding, self.jobs, clock
        )

    def desk(self, db: Any) -> Desk:
        """What the steps work with, over a database that may be a dying one."""
        return Desk(
            db=db,
            files=self.files.service,
            downloads=self.downloads,
            embedder=self.embedding,
            homes=self.homes,
            index=self.index,
            read_text=read_plain,
            grown=self._grew,
            settings=self.settings,
            clock=self.clock,
        )

    async def _grew(self, tx: Any, store: Store) -> None:
        self.grown.append(store.id)

    async def close(self) -> None:
        await self.settling.close()
        await self.files.service.close()

    # Ingestions

    async def add(
        self, store_id: str, text: str | bytes, name: str = "a.txt", caller: Caller = ANN, **asked: Any
    ) -> StoreFileRead:
        """A file with a text in a store, not worked on yet."""
        data = text.encode() if isinstance(text, str) else text
        info = await self.files.create(data, caller, name, purpose="assistants")
        return await self.in_stores.add(caller, store_id, FileCreate(file_id=info.id, **asked))

    async def file(self, store_id: str, file_id: str, caller: Caller = ANN) -> StoreFileRead:
        return await self.in_stores.show(caller, store_id, file_id)

    async def texts(self, store_id: str, file_id: str, caller: Caller = ANN) -> list[str]:
        """Passages that are found of a file."""
        return [one.text for one in (await self.in_stores.content(caller, store_id, file_id, None)).data]

    async def work(self) -> list[Job]:
        """Run all jobs that are due, each to its end; they as they were claimed."""
        done: list[Job] = []
        slots = {"gpu": 1, "cpu": 1, "io": 1, "flow": 1}
        while True:
            async with self.db.begin() as tx:
                claimed = await claim(
                    tx,
                    "exe_test",
                    slots,
                    self.pipelines.known,
                    Turns(),
                    self.clock.now_s(),
                    has_suspect=False,
                )
            if not claimed:
                return done
            for job in claimed:
                await (await self.run_of(job)).execute()
            done += claimed

    async def run_of(self, job: Job) -> Run:
        durable = MemoryDurable(self.disk)
        await durable.start()
        return Run(
            job,
            self.pipelines.of(job),
            db=self.db,
            moves=Gathering(self.db, lambda tx, moves: transitions.move_all(tx, moves, self.clock.now_s())),
            durable=durable,
            clock=self.clock,
            folder=self.folder / "jobs" / job.id,
            keep_s=86_400.0,
        )

    async def job_of(self, store_id: str, file_id: str, caller: Caller = ANN) -> Job:
        found = await self.file(store_id, file_id, caller)
        assert found.job_id is not None
        return await self.jobs.get(caller, found.job_id)

    async def event_types(self, store_id: str) -> list[str]:
        async with self.db.read() as tx:
            return [one.type for one in await events.page(tx, "one", store_id, 0, 1000)]

    async def check_whole(self, store_id: str) -> None:
        """Everything is there once: passages by place, a vector of each chunk, one document of a file."""
        async with self.db.read() as tx:
            versions = await indexes.live(tx, store_id)
        found = [row for row in await self.rows(documents_table) if row["store_id"] == store_id]
        visible = [row for row in found if row["state"] == "visible"]
        assert len({row["file_id"] for row in visible}) == len(visible)
        every = await self.rows(passages_table)
        for row in visible:
            mine = sorted(
                (one for one in every if one["document"] == row["number"]), key=lambda one: one["place"]
            )
            assert [one["place"] for one in mine] == list(range(row["passages"]))
            for version in versions:
                kept = self.vectors.rows[version.number].values()
                wanted = {
                    (one["number"], chunk.place)
                    for one in mine
                    for chunk in chunks_of(one["text"], one["kind"])
                }
                assert {(one.passage, one.place) for one in kept if one.document == row["number"]} == wanted

    @property
    def vectors(self) -> MemoryVectors:
        """What is kept in memory, where nothing else was given."""
        return self.homes.vectors

    async def make_store(self, caller: Caller = ANN, **asked: Any) -> StoreRead:
        return await self.stores.create(caller, StoreCreate(**asked))

    async def write_document(
        self,
        store_id: str,
        filename: str,
        passages: Sequence[str | NewPassage],
        *,
        caller: Caller = ANN,
        attributes: dict[str, Any] | None = None,
        content_type: str = "text/plain",
        title: str = "",
        language: str = "en",
        embedded: bool = True,
    ) -> Document:
        """A visible document, as an ingestion leaves it, without an ingestion.

        Args:
            store_id: The store.
            filename: Of the file that is made for it.
            passages: Texts of passages, or passages as a test wants them.
            caller: Whose it is.
            attributes: Of the file in the store.
            content_type: As is told of the file.
            title: Of the document.
            language: Of passages that are texts.
            embedded: Whether each passage gets a vector: one chunk, the whole text.
        """
        made = [
            one if isinstance(one, NewPassage) else self._passage(place, one, passages, language)
            for place, one in enumerate(passages)
        ]
        whole = SEPARATOR.join(one.text for one in made) or "nothing"
        info = await self.files.create(whole.encode(), caller, filename, purpose="assistants")
        now_s = self.clock.now_s()
        async with self.db.begin() as tx:
            store = await stores.get(tx, caller, store_id, lock=True)
            number = await documents.begin(tx, store, info.id, "job_test", info.sha256, now_s)
            values = {"state": "visible", "title": title, "chars": len(whole), "passages": len(made)}
            await documents.change(tx, number, values)
            document = await documents.get(tx, number)
            assert document is not None
            await documents.insert_passages(tx, document, made, now_s)
            await files.insert(tx, self._file(store, info, document, attributes or {}, content_type))
        if embedded:
            await self._embed(store, document)
        return document

    def _passage(self, place: int, text: str, passages: Sequence[Any], language: str) -> NewPassage:
        before = [one if isinstance(one, str) else one.text for one in passages[:place]]
        start = sum(len(one) + len(SEPARATOR) for one in before)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return NewPassage(place, "text", text, start, start + len(text), None, (), language, digest)

    def _file(
        self, store: Store, info: Any, document: Document, attributes: dict[str, Any], content_type: str
    ) -> StoreFile:
        return StoreFile(
            store_id=store.id,
            file_id=info.id,
            site_id=store.site_id,
            user_id=store.user_id,
            app_id=store.app_id,
            filename=info.filename,
            content_type=content_type,
            size_bytes=info.size_bytes,
            status="completed",
            error=None,
            attributes=attributes,
            chunking=store.chunking,
            job_id="job_test",
            source_url=None,
            replaces=None,
            document=document.number,
            usage_bytes=info.size_bytes,
            passages_total=document.passages,
            passages_done=document.passages,
            warnings=[],
            created_at_s=document.created_at_s,
            updated_at_s=document.created_at_s,
        )

    async def _embed(self, store: Store, document: Document) -> None:
        found = await self.passages_of(document.number)
        async with self.db.read() as tx:
            versions = await indexes.live(tx, store.id)
        for version in versions if found else ():
            texts = [one.text for one in found]
            vectors = await self.embedding.embed(store.owner, version.model, texts, "passage")
            rows = [
                VectorRow(one.number, 0, document.number, vector)
                for one, vector in zip(found, vectors, strict=True)
            ]
            async with self.db.begin() as tx:
                home = self.homes.get(version.kind)
                await home.upsert(tx, VectorIndex(version.number, version.dimensions), rows)
            await home.settle()

    async def passages_of(self, document: int) -> list[Passage]:
        async with self.db.read() as tx:
            return await documents.passages_from(tx, document, 0, 10_000)

    async def store(self, store_id: str, caller: Caller = ANN) -> Store:
        return await self.stores.get(caller, store_id)

    async def active_index(self, store_id: str, caller: Caller = ANN) -> IndexVersion:
        store = await self.store(store_id, caller)
        assert store.active_index is not None
        async with self.db.read() as tx:
            return (await indexes.numbered(tx, [store.active_index]))[store.active_index]

    async def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        async with self.db.read() as tx:
            return [dict(row) for row in (await tx.execute(sa.select(table))).mappings()]
