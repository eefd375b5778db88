"""Wire shapes of vector stores: OpenAI's, with members of ours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MOST_BATCH_FILES = 2000
MOST_FIRST_FILES = 500
"""Files with which a store is made; more go into batches."""

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00]*$"
_MOST_KEYS = 16

Name = Annotated[str, StringConstraints(max_length=256, pattern=_PRINTABLE)]
Description = Annotated[str, StringConstraints(max_length=4000, pattern=_TEXT)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE)]
Value = Annotated[str, StringConstraints(max_length=512, pattern=_TEXT)]
FileId = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]


Url = Annotated[
    str, StringConstraints(min_length=1, max_length=2000, pattern=r"^https?://[^\x00-\x20\x7f]+$")
]


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) > _MOST_KEYS:
        raise ValueError(f"holds more than {_MOST_KEYS} keys")
    return value


Metadata = Annotated[dict[Key, Value], AfterValidator(_storable)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Attributes = Annotated[dict[Key, bool | Value | Whole | Number], AfterValidator(_storable)]
VectorKind = Literal["auto", "embedded", "pgvector", "milvus"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ExpiresAfter(_Input):
    """When a store ends that nobody uses."""

    anchor: Literal["last_active_at"]
    days: int = Field(ge=1, le=365)


class AutoChunking(_Input):
    """Passages of whole sentences within a section; each part of one that has a vector is shorter still."""

    type: Literal["auto"]


class StaticSizes(_Input):
    """Sizes of passages."""

    max_chunk_size_tokens: int = Field(800, ge=100, le=4096)
    chunk_overlap_tokens: int = Field(400, ge=0, description="At most half of `max_chunk_size_tokens`.")

    @model_validator(mode="after")
    def _at_most_half(self) -> StaticSizes:
        if self.chunk_overlap_tokens * 2 > self.max_chunk_size_tokens:
            raise ValueError("chunk_overlap_tokens must be at most half of max_chunk_size_tokens")
        return self


class StaticChunking(_Input):
    """Passages of so many tokens, with an overlap."""

    type: Literal["static"]
    static: StaticSizes


ChunkingStrategy = Annotated[AutoChunking | StaticChunking, Field(discriminator="type")]


class StoreCreate(_Input):
    """A vector store to make; all of it may be left out."""

    name: Name | None = None
    description: Description | None = Field(
        None, description="What is in it; told to models that may search it."
    )
    file_ids: list[FileId] = Field([], max_length=MOST_FIRST_FILES, description="Files to begin with.")
    chunking_strategy: ChunkingStrategy | None = Field(
        None, description="Of files that are added without one; null = `auto`."
    )
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None
    embedding_model: ModelName | None = Field(None, description="Null = the setting.")
    vectors: VectorKind = Field("auto", description="Where its vectors are kept; `auto` = the setting.")


class StorePatch(_Input):
    """Changes of a vector store; what is left out stays."""

    name: Name | None = None
    description: Description | None = None
    expires_after: ExpiresAfter | None = Field(None, description="Null = it does not end any more.")
    metadata: Metadata | None = Field(None, description="Instead of all that was there.")


class FileCountsRead(BaseModel):
    """Files by how their ingestion stands."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class ExpiresAfterRead(BaseModel):
    """When a store ends that nobody uses."""

    anchor: Literal["last_active_at"] = "last_active_at"
    days: int


class IndexRead(BaseModel):
    """The index that is searched."""

    number: int
    embedding_model: str = Field(description="`provider/model`.")
    dimensions: int
    takes_images: bool = Field(description="Whether pictures are found as well.")
    vectors: str = Field(description="Where they are kept: `embedded`, `pgvector`, `milvus`.")


class AutoChunkingRead(BaseModel):
    """Passages of whole sentences within a section."""

    type: Literal["auto"] = "auto"


class StaticSizesRead(BaseModel):
    """Sizes of passages."""

    max_chunk_size_tokens: int
    chunk_overlap_tokens: int


class StaticChunkingRead(BaseModel):
    """Passages of so many tokens, with an overlap."""

    type: Literal["static"] = "static"
    static: StaticSizesRead


class StoreRead(BaseModel):
    """A vector store; times are Unix seconds, as everywhere in OpenAI's API."""

    object: Literal["vector_store"] = "vector_store"
    id: str
    name: str
    description: str
    created_at: int
    status: Literal["expired", "in_progress", "completed"] = Field(
        description="`in_progress` while files are worked on; what is there is found all the time."
    )
    file_counts: FileCountsRead
    usage_bytes: int
    last_active_at: int
    expires_after: ExpiresAfterRead | None
    expires_at: int | None
    metadata: dict[str, str]
    chunking_strategy: AutoChunkingRead | StaticChunkingRead = Field(
        description="Of files that are added without one."
    )
    index: IndexRead | None = Field(description="What is searched.")


class StoreList(BaseModel):
    """Vector stores by creation."""

    object: Literal["list"] = "list"
    data: list[StoreRead]
    has_more: bool
    first_id: str | None
    last_id: str | None
    next_cursor: str | None = Field(description="For `after`; the same as `last_id` where there is more.")


class StoreDeleted(BaseModel):
    """A vector store that is no more."""

    object: Literal["vector_store.deleted"] = "vector_store.deleted"
    id: str
    deleted: Literal[True] = True


class FileCreate(_Input):
    """A file to add: one of the house by its id, or one that is fetched."""

    file_id: FileId | None = None
    url: Url | None = Field(None, description="Instead: it is fetched and becomes a file of its own.")
    recording_id: FileId | None = Field(
        None, description="Instead: the transcript of a recording becomes a file of its own."
    )
    attributes: Attributes | None = Field(None, description="For filters; at most 16.")
    chunking_strategy: ChunkingStrategy | None = Field(None, description="Null = the store's.")
    replaces: FileId | None = Field(
        None, description="A file of this store that leaves it in the moment in which this one is found."
    )

    @model_validator(mode="after")
    def _one_source(self) -> FileCreate:
        named = [self.file_id, self.url, self.recording_id]
        if sum(one is not None for one in named) != 1:
            raise ValueError("needs one of file_id, url and recording_id")
        return self


class FilePatch(_Input):
    """Changes of a file in a store."""

    attributes: Attributes | None = Field(description="Instead of all that were there.")


class BatchFile(_Input):
    """A file of a batch."""

    file_id: FileId
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None


class BatchCreate(_Input):
    """Files to add with one request."""

    file_ids: Annotated[list[FileId], Field(min_length=1, max_length=MOST_BATCH_FILES)] | None = None
    files: Annotated[list[BatchFile], Field(min_length=1, max_length=MOST_BATCH_FILES)] | None = Field(
        None, description="Instead: each with attributes of its own."
    )
    attributes: Attributes | None = Field(None, description="Of all `file_ids`.")
    chunking_strategy: ChunkingStrategy | None = Field(None, description="Of all `file_ids`.")

    @model_validator(mode="after")
    def _one_list(self) -> BatchCreate:
        if (self.file_ids is None) == (self.files is None):
            raise ValueError("needs one of file_ids and files")
        if self.files is not None and (self.attributes is not None or self.chunking_strategy is not None):
            raise ValueError("with files, attributes and chunking_strategy stand with each file")
        return self


class LastErrorRead(BaseModel):
    """Why a file failed."""

    code: Literal["server_error", "unsupported_file", "invalid_file"] = Field(description="OpenAI's.")
    message: str
    error_code: str = Field(description="Ours: one of the codes in the reference of errors.")


class ProgressRead(BaseModel):
    """How far the ingestion is."""

    stage: Literal["parse", "embed", "publish", "done"]
    passages_total: int = Field(description="0 = not known yet.")
    passages_done: int


class StoreFileRead(BaseModel):
    """A file in a vector store; times are Unix seconds."""

    object: Literal["vector_store.file"] = "vector_store.file"
    id: str
    vector_store_id: str
    created_at: int
    status: Literal["in_progress", "completed", "cancelled", "failed"]
    last_error: LastErrorRead | None
    usage_bytes: int
    attributes: dict[str, str | int | float | bool]
    chunking_strategy: AutoChunkingRead | StaticChunkingRead
    filename: str = Field(description="Empty as long as it is not fetched.")
    content_type: str
    bytes: int
    searchable: bool = Field(
        description="Whether something of it is found: also what was read before, while it is read anew."
    )
    progress: ProgressRead
    job_id: str | None = Field(description="Its events tell the progress: `/v1/jobs/{id}/events`.")
    source_url: str | None
    replaces: str | None
    warnings: list[str] = Field(description="What was left out or could not be read.")


class StoreFileList(BaseModel):
    """Files of a store or a batch, by the time of their making."""

    object: Literal["list"] = "list"
    data: list[StoreFileRead]
    has_more: bool
    first_id: str | None
    last_id: str | None
    next_cursor: str | None = Field(description="For `after`; the same as `last_id` where there is more.")


class StoreFileDeleted(BaseModel):
    """A file that is no more in its store; the file itself stays."""

    object: Literal["vector_store.file.deleted"] = "vector_store.file.deleted"
    id: str
    deleted: Literal[True] = True


class BatchRead(BaseModel):
    """Files that were added with one request."""

    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    id: str
    vector_store_id: str
    created_at: int
    status: Literal["in_progress", "completed", "cancelled", "failed"]
    file_counts: FileCountsRead


class ContentRead(BaseModel):
    """A passage of a document."""

    type: Literal["text"] = "text"
    text: str
    kind: Literal["text", "table", "code", "image"]
    page: int | None = Field(description="From 1; null = there are no pages.")
    headings: list[str]
    language: str = Field(description="ISO 639-1; empty = not known.")
    start: int = Field(description="In characters of the document's whole text.")
    end: int


class ContentPage(BaseModel):
    """What was read from a file, passage by passage."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[ContentRead]
    has_more: bool
    next_page: str | None = Field(description="For `page`.")
