"""Settings of documents, their search, and answers from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from roundhouse.core.settings_section import Section


class KnowledgeSettings(Section):
    """Vector stores: how documents are read, found and cited."""

    embedding_model: str = Field(
        "minilm",
        min_length=1,
        max_length=200,
        description="Embedding model of new vector stores. The built-in `minilm` knows English; other languages are "
        "found by their words until a model is configured that knows them.",
    )
    rerank_model: str | None = Field(
        None,
        max_length=200,
        description="Reranker of searches that do not name one; none by default.",
    )
    vectors: Literal["auto", "embedded", "pgvector", "milvus"] = Field(
        "auto",
        description="Where vectors of new vector stores are kept: `embedded` in the database, searched in memory; "
        "`pgvector` by PostgreSQL's extension; `milvus` on a Milvus server; `auto`: `pgvector` where the database has "
        "it, else `embedded`.",
    )
    milvus_url: str | None = Field(
        None,
        description="Address of a Milvus server. A path opens Milvus Lite, which one process has to itself: for tests "
        "alone, since requests and jobs are served by several.",
    )
    milvus_token: SecretStr | None = Field(None, description="Its token, or `user:password`.")
    milvus_prefix: str = Field(
        "roundhouse",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$",
        description="What the names of its collections begin with; two installations on one server need two.",
    )
    matrix_mib: int = Field(
        1024,
        ge=1,
        description="Most memory of `embedded` vectors per process; what was not searched for longest leaves first. "
        "An index that is larger is read from the database for each search.",
    )
    max_files: int = Field(100_000, ge=1, description="Most files of one vector store.")
    parse_timeout_s: float = Field(900.0, gt=0, description="Longest time of reading one file.")
    parse_memory_mib: int = Field(1024, ge=256, description="Most memory of the process that reads one file.")
    max_pages: int = Field(
        20_000, ge=1, description="Pages, or slides, of one document; one that has more is refused."
    )
    max_chars: int = Field(
        50_000_000, ge=1000, description="Characters of one document; a longer one is refused."
    )
    max_download_mib: int = Field(
        256, ge=1, description="Largest file that is fetched from an address which a user gives."
    )
    download_timeout_s: float = Field(300.0, gt=0, description="Longest time of fetching it.")
    watch_every_s: float = Field(
        5.0, gt=0, le=3600.0, description="Pause between two looks at the `watched_documents`."
    )
    job_timeout_s: float = Field(12 * 3600.0, gt=0, description="Longest time of taking in one file.")
