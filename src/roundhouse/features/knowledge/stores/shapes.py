"""From rows to the wire, and back."""

from __future__ import annotations

from typing import Any, Literal

from roundhouse.features.knowledge.documents import Chunking
from roundhouse.features.knowledge.stores.model import (
    Batch,
    FileCounts,
    IndexVersion,
    Passage,
    Store,
    StoreFile,
)
from roundhouse.features.knowledge.stores.schemas import (
    AutoChunking,
    AutoChunkingRead,
    BatchRead,
    ContentRead,
    ExpiresAfterRead,
    FileCountsRead,
    IndexRead,
    LastErrorRead,
    ProgressRead,
    StaticChunking,
    StaticChunkingRead,
    StaticSizesRead,
    StoreFileRead,
    StoreRead,
)

_UNSUPPORTED = frozenset({"unsupported_media_type", "unsupported_content"})
_INVALID = frozenset(
    {
        "bad_input",
        "too_large",
        "quota_exceeded",
        "unprocessable",
        "document_encrypted",
        "document_unreadable",
        "document_empty",
        "address_refused",
        "not_found",
    }
)
"""Our codes of what is the file's own fault."""


def chunking_of(asked: AutoChunking | StaticChunking | None) -> Chunking | None:
    """A strategy as it is kept; None for none."""
    if isinstance(asked, StaticChunking):
        sizes = asked.static
        return Chunking("static", sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens)
    return None if asked is None else Chunking()


def read_chunking(chunking: Chunking) -> AutoChunkingRead | StaticChunkingRead:
    """A strategy as it is shown."""
    if chunking.type == "auto":
        return AutoChunkingRead()
    sizes = StaticSizesRead(
        max_chunk_size_tokens=chunking.max_tokens, chunk_overlap_tokens=chunking.overlap_tokens
    )
    return StaticChunkingRead(static=sizes)


def read_counts(counts: FileCounts) -> FileCountsRead:
    """Numbers of files as they are shown."""
    return FileCountsRead(
        in_progress=counts.in_progress,
        completed=counts.completed,
        failed=counts.failed,
        cancelled=counts.cancelled,
        total=counts.total,
    )


def read_index(version: IndexVersion | None) -> IndexRead | None:
    """An index version as it is shown with its store."""
    if version is None:
        return None
    return IndexRead(
        number=version.number,
        embedding_model=version.model,
        dimensions=version.dimensions,
        takes_images=version.takes_images,
        vectors=version.kind,
    )


def read_store(store: Store, counts: FileCounts, index: IndexVersion | None, now_s: float) -> StoreRead:
    """A store as it is shown."""
    expired = is_expired(store, now_s)
    days = store.expires_after_days
    return StoreRead(
        id=store.id,
        name=store.name,
        description=store.description,
        created_at=int(store.created_at_s),
        status="expired" if expired else "in_progress" if counts.in_progress else "completed",
        file_counts=read_counts(counts),
        usage_bytes=counts.usage_bytes,
        last_active_at=int(store.last_active_at_s),
        expires_after=None if days is None else ExpiresAfterRead(days=days),
        expires_at=None if store.expires_at_s is None else int(store.expires_at_s),
        metadata=store.metadata,
        chunking_strategy=read_chunking(store.chunking),
        index=read_index(index),
    )


def is_expired(store: Store, now_s: float) -> bool:
    """Whether its time is over."""
    return store.expires_at_s is not None and store.expires_at_s <= now_s


def read_file(file: StoreFile) -> StoreFileRead:
    """A file in a store as it is shown."""
    return StoreFileRead(
        id=file.file_id,
        vector_store_id=file.store_id,
        created_at=int(file.created_at_s),
        status=file.status,
        last_error=_read_error(file.error),
        usage_bytes=file.usage_bytes,
        attributes=file.attributes,
        chunking_strategy=read_chunking(file.chunking),
        filename=file.filename,
        content_type=file.content_type,
        bytes=file.size_bytes,
        searchable=file.document is not None,
        progress=ProgressRead(
            stage=_stage(file), passages_total=file.passages_total, passages_done=file.passages_done
        ),
        job_id=file.job_id,
        source_url=file.source_url,
        replaces=file.replaces,
        warnings=file.warnings,
    )


def read_batch(batch: Batch, counts: FileCounts) -> BatchRead:
    """A batch as it is shown."""
    status: Literal["in_progress", "completed", "cancelled", "failed"] = "completed"
    if counts.in_progress:
        status = "in_progress"
    elif batch.cancelled:
        status = "cancelled"
    elif counts.failed and counts.failed == counts.total:
        status = "failed"
    return BatchRead(
        id=batch.id,
        vector_store_id=batch.store_id,
        created_at=int(batch.created_at_s),
        status=status,
        file_counts=read_counts(counts),
    )


def read_passage(passage: Passage) -> ContentRead:
    """A passage as it is shown."""
    return ContentRead(
        text=passage.text,
        kind=passage.kind,
        page=passage.page,
        headings=passage.headings,
        language=passage.language,
        start=passage.start_char,
        end=passage.end_char,
    )


def _stage(file: StoreFile) -> Literal["parse", "embed", "publish", "done"]:
    if file.status == "completed":
        return "done"
    if not file.passages_total:
        return "parse"
    return "embed" if file.passages_done < file.passages_total else "publish"


def _read_error(error: dict[str, Any] | None) -> LastErrorRead | None:
    """An error in OpenAI's words and in ours."""
    if error is None:
        return None
    code = str(error["code"])
    told: Literal["server_error", "unsupported_file", "invalid_file"] = "server_error"
    if code in _UNSUPPORTED:
        told = "unsupported_file"
    elif code in _INVALID:
        told = "invalid_file"
    return LastErrorRead(code=told, message=str(error["message"]), error_code=code)
