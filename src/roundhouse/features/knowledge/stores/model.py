"""Vector stores, their files and what was read from them, as the room works with them; times are Unix seconds."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.documents import Chunking

FileStatus = Literal["in_progress", "completed", "cancelled", "failed"]
IndexState = Literal["building", "ready", "active", "retired", "failed", "gone"]

LIVE_INDEXES: tuple[IndexState, ...] = ("building", "ready", "active")
"""Index versions that get the vectors of new documents."""


class Store(msgspec.Struct, frozen=True):
    """A vector store.

    Attributes:
        id: `vs_…`.
        site_id: Tenant.
        user_id: User it belongs to, if its creator had one.
        app_id: App it belongs to, likewise.
        name: As its owner calls it.
        description: What is in it; told to models that may search it.
        metadata: Its owner's.
        chunking: How files are cut that say nothing of it themselves.
        active_index: Number of the index version that is searched.
        deleted: Whether it is being deleted.
        expires_after_days: Days after its last use; None = never.
        last_active_at_s: Last use.
        expires_at_s: When it ends unless it is used.
        created_at_s: Creation.
        updated_at_s: Last change by its owner.
    """

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    name: str
    description: str
    metadata: dict[str, str]
    chunking: Chunking
    active_index: int | None
    deleted: bool
    expires_after_days: int | None
    last_active_at_s: float
    expires_at_s: float | None
    created_at_s: float
    updated_at_s: float

    @property
    def owner(self) -> Caller:
        """Whoever may see it, for work that nobody waits for."""
        return Caller(key_id="system", site_id=self.site_id, user_id=self.user_id, app_id=self.app_id)


class StoreFile(msgspec.Struct, frozen=True):
    """A file in a vector store.

    Attributes:
        store_id: Its store.
        file_id: The file.
        site_id: Tenant.
        user_id: Of the store.
        app_id: Of the store.
        filename: The file's name; "" = it is not fetched yet.
        content_type: What its bytes are.
        size_bytes: Its size.
        status: How its ingestion stands.
        error: `{"code", "message"}` of a failure.
        attributes: Its owner's, for filters.
        chunking: How it is cut.
        job_id: The job that works on it, or did so last.
        source_url: Where it is fetched from.
        replaces: The file that leaves the store when this one is found.
        document: Number of the document that is found; None = none yet.
        usage_bytes: What it takes up in the store.
        passages_total: Of the document that is worked on.
        passages_done: How many of them have their vectors.
        warnings: What its owner should know of its content.
        created_at_s: When it came into the store.
        updated_at_s: Last change.
    """

    store_id: str
    file_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    filename: str
    content_type: str
    size_bytes: int
    status: FileStatus
    error: dict[str, Any] | None
    attributes: dict[str, str | int | float | bool]
    chunking: Chunking
    job_id: str | None
    source_url: str | None
    replaces: str | None
    document: int | None
    usage_bytes: int
    passages_total: int
    passages_done: int
    warnings: list[str]
    created_at_s: float
    updated_at_s: float


class Batch(msgspec.Struct, frozen=True):
    """Files that were added with one request.

    Attributes:
        id: `vsfb_…`.
        store_id: Their store.
        site_id: Tenant.
        user_id: Of the store.
        app_id: Of the store.
        cancelled: Whether it was cancelled.
        created_at_s: Creation.
    """

    id: str
    store_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    cancelled: bool
    created_at_s: float


class Document(msgspec.Struct, frozen=True):
    """What was read from a file at one time.

    Attributes:
        number: Never used again.
        store_id: Its store.
        file_id: Its file.
        site_id: Tenant.
        user_id: Of the store.
        app_id: Of the store.
        job_id: The job that read it.
        sha256: Of the file's bytes.
        state: `writing`, `visible`, or `gone`: to be deleted.
        title: As the document says.
        pages: How many; None = it has none.
        chars: Length of its whole text.
        passages: How many.
        embedded: How many passages, from the first on, have their vectors.
        indexes: In which index versions.
        usage_bytes: Of its text and its vectors.
        created_at_s: When it was begun.
    """

    number: int
    store_id: str
    file_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    job_id: str
    sha256: str
    state: Literal["writing", "visible", "gone"]
    title: str
    pages: int | None
    chars: int
    passages: int
    embedded: int
    indexes: list[int]
    usage_bytes: int
    created_at_s: float


class IndexVersion(msgspec.Struct, frozen=True):
    """The vectors of one embedding model, in one kind of vector store, over the passages of a store.

    Attributes:
        number: Never used again.
        store_id: Its store.
        site_id: Tenant.
        user_id: Of the store.
        app_id: Of the store.
        state: Where it stands.
        kind: Of the vector store: `embedded`, `pgvector`, `milvus`.
        model: `provider/model`.
        fingerprint: Tells another model of that name.
        dimensions: Numbers in each vector.
        takes_images: Whether pictures have vectors in it.
        analyser: Version of the full text analyser it was calibrated with.
        calibration: `{"alpha", "dense", "lexical", "questions", "passages", "at_s"}`; None = not measured yet.
        probe: What its own probe questions gave.
        error: `{"code", "message"}` of a failure.
        job_id: The job that builds it, or did so.
        passages_total: Of the building.
        passages_done: Of the building.
        created_at_s: Creation.
        activated_at_s: When it was searched first.
    """

    number: int
    store_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    state: IndexState
    kind: str
    model: str
    fingerprint: str
    dimensions: int
    takes_images: bool
    analyser: int
    calibration: dict[str, Any] | None
    probe: dict[str, Any] | None
    error: dict[str, Any] | None
    job_id: str | None
    passages_total: int
    passages_done: int
    created_at_s: float
    activated_at_s: float | None


class FileCounts(msgspec.Struct, frozen=True):
    """Files of a store or of a batch, by how their ingestion stands; and what they take up."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    usage_bytes: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.in_progress + self.completed + self.failed + self.cancelled


class Passage(msgspec.Struct, frozen=True):
    """What is found and cited, as it is kept.

    Attributes:
        number: Never used again.
        document: Number of its document.
        store_id: Its store.
        place: From 0, within its document.
        kind: `text`, `table`, `code`, or `image` where a picture is what is found.
        text: As it stands in the document's whole text.
        start_char: Where there.
        end_char: Behind its last character.
        page: Where it begins, from 1; None = there are no pages.
        headings: The headings it stands under, the outermost first.
        language: ISO 639-1 code; "" = not known.
        sha256: Of what is embedded.
        image: Of a picture, its file's name in the folder of the parsing.
    """

    number: int
    document: int
    store_id: str
    place: int
    kind: Literal["text", "table", "code", "image"]
    text: str
    start_char: int
    end_char: int
    page: int | None
    headings: list[str]
    language: str
    sha256: str
    image: str | None
