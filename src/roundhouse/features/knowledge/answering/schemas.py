"""Wire shapes of answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.knowledge.answering.model import Asked
from roundhouse.features.knowledge.answering.standalone import Turn

_TEXT = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=_TEXT)]
Id = Annotated[str, StringConstraints(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TurnAsk(_Input):
    """Something that was said before."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[str, StringConstraints(max_length=100_000, pattern=_TEXT)]


class AskCreate(_Input):
    """A question to documents."""

    question: Text
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Who answers; null = the default model. `extractive` quotes and never writes."
    )
    history: list[TurnAsk] = Field(
        [], max_length=200, description="What was said before; a follow-up is made whole from it."
    )
    max_passages: Annotated[int, Field(ge=1, le=50)] = Field(
        8, description="Most passages the model is told."
    )
    file_ids: Annotated[list[Id], Field(max_length=1000)] | None = Field(
        None, description="Only these files of the store."
    )
    filters: dict[str, Any] | None = Field(None, description="On attributes of files, as in a search.")
    min_similarity: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Only passages whose vectors are at least this near."
    )
    stream: bool = Field(False, description="Answer with server-sent events as the answer is written.")
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = (
        Field(None, description="Language of the answer: `en`, `vi`, `zh`, `he`; null = the question's.")
    )
    explain: bool = Field(False, description="Tell what was found, its scores, and the evidence.")

    def asked(self) -> Asked:
        """For the service."""
        return Asked(
            question=self.question,
            model=self.model,
            history=tuple(Turn(turn.role, turn.content) for turn in self.history),
            max_passages=self.max_passages,
            file_ids=None if self.file_ids is None else tuple(self.file_ids),
            filters=self.filters,
            min_similarity=self.min_similarity,
            language=self.language,
            explain=self.explain,
        )


class QuotedRead(BaseModel):
    """A piece of a document, word for word."""

    text: str
    start: int = Field(description="Where it begins in its document, in characters.")
    end: int = Field(description="Behind its last character.")


class CitationRead(BaseModel):
    """A passage that an answer cites."""

    number: int = Field(description="As in its mark: [1].")
    passage_id: str
    vector_store_id: str
    file_id: str
    filename: str
    page: int | None = Field(description="Where the passage begins, from 1; null = there are no pages.")
    headings: list[str]
    start: int = Field(description="Where the passage begins in its document, in characters.")
    end: int = Field(description="Behind its last character.")
    text: str
    quotes: list[QuotedRead] = Field(description="What of it the answer rests on.")
    score: float


class CheckRead(BaseModel):
    """A sentence of the answer, compared with the passages."""

    sentence: str
    start: int = Field(description="Where it begins in the answer, in characters.")
    end: int = Field(description="Behind its last character.")
    supported: bool | None = Field(description="Whether a passage says it; null = it cannot be told.")
    passages: list[int] = Field(description="Numbers of the passages that say it.")


class AnswerUsage(BaseModel):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerRead(BaseModel):
    """An answer from documents."""

    object: Literal["vector_store.answer"] = "vector_store.answer"
    vector_store_id: str
    question: str
    standalone_question: str = Field(description="As it was searched for.")
    answer: str
    found: bool = Field(description="Whether the documents answer the question.")
    language: str
    model: str = Field(description="`provider/model` that answered; of a refusal without a call, its name.")
    citations: list[CitationRead]
    checks: list[CheckRead]
    finish_reason: str
    usage: AnswerUsage
    warnings: list[str]
    explain: dict[str, Any] | None = None
