"""Wire shapes of index versions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
VectorKind = Literal["embedded", "pgvector", "milvus"]
Switch = Annotated[
    Literal["auto", "manual"],
    Field(
        description="`auto`: it is searched as soon as it is complete, unless the store's own questions find less "
        "with it than before; `manual`: when it is activated."
    ),
]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ReindexAsk(_Input):
    """A new index version."""

    embedding_model: ModelName | None = Field(None, description="As it is by default.")
    vectors: VectorKind | None = Field(None, description="Where its vectors are kept; as it is by default.")
    switch: Switch = "auto"


class MoveAsk(_Input):
    """The same vectors elsewhere."""

    vectors: VectorKind
    switch: Switch = "auto"


class PassageCount(BaseModel):
    """How far it is."""

    total: int
    done: int


class IndexVersionRead(BaseModel):
    """An index version: the vectors of one model, in one kind of vector store."""

    object: Literal["vector_store.index_version"] = "vector_store.index_version"
    id: int
    vector_store_id: str
    state: Literal["building", "ready", "active", "retired", "failed"]
    vectors: str = Field(description="Where they are kept: `embedded`, `pgvector`, `milvus`.")
    embedding_model: str
    dimensions: int
    takes_images: bool
    analyser: int = Field(description="Version of the full text analyser it was measured with.")
    calibration: dict[str, Any] | None = Field(
        description="What was measured on questions made of the store's own passages: `dense` and `lexical` are the "
        "MRR@10 of vectors and of words alone, `alpha` is what vectors count beside words, `languages` the same by "
        "language. A `dense` far below `lexical` says that the model does not know the language."
    )
    probe: dict[str, Any] | None = Field(
        description="recall@10 of the version that was searched (`before`) and of this one (`after`) on the same "
        "questions, and what came of a copy."
    )
    error: dict[str, Any] | None
    job_id: str | None = Field(description="The job that fills it, or did so last.")
    passages: PassageCount
    created_at: int
    activated_at: int | None


class IndexVersionList(BaseModel):
    """All index versions of a store, the newest first."""

    object: Literal["list"] = "list"
    data: list[IndexVersionRead]
    has_more: Literal[False] = False
    next_cursor: None = None


class IndexVersionDeleted(BaseModel):
    """It is not kept any longer."""

    object: Literal["vector_store.index_version.deleted"] = "vector_store.index_version.deleted"
    id: int
    deleted: Literal[True] = True


class EvaluateAsk(_Input):
    """How well a store is searched, by questions made of its own passages."""

    questions: int = Field(120, ge=1, le=500, description="Most questions.")
    passages: int = Field(
        1000, ge=10, le=5000, description="Among so many passages, drawn by chance, they are asked."
    )


class QualityRead(BaseModel):
    """Figures of one way of searching."""

    questions: int
    recall_at_1: float
    recall_at_3: float
    recall_at_5: float
    recall_at_10: float
    ndcg_at_10: float
    mrr_at_10: float


class EvaluationRead(BaseModel):
    """What questions gave that were made of the store's own passages.

    A sentence is taken out of a passage, on both sides, and a part of it is the question; right is the passage.
    """

    object: Literal["vector_store.evaluation"] = "vector_store.evaluation"
    vector_store_id: str
    index_version: int
    passages: int
    results: dict[str, dict[str, QualityRead]] = Field(
        description="By language, and `all`; each with `hybrid`, `dense` and `lexical`."
    )
    alpha: float = Field(description="What vectors count beside words, as these questions give it.")
