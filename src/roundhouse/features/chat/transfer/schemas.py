"""Wire shapes of imports."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class ImportEntry(BaseModel):
    """What became of one session of the file."""

    place: str = Field(description="Where it stands in the file.")
    title: str
    status: Literal["imported", "skipped", "refused"] = Field(
        description="`skipped`: it is here already. `refused`: it cannot be read."
    )
    session_id: str | None = Field(description="The session here: the new one, or the one that was here.")
    reason: str | None = Field(description="Why it was skipped or refused.")


class ImportReport(BaseModel):
    """What became of a file."""

    object: Literal["import_report"] = "import_report"
    imported: int = Field(description="Sessions that are new.")
    skipped: int = Field(description="Sessions that were here already.")
    refused: int = Field(description="Sessions that could not be read.")
    messages: int = Field(description="Messages of the new sessions.")
    memories: int = Field(description="Long-term memories that are new.")
    complete: bool = Field(description="Whether the file was read to its end.")
    error: str | None = Field(description="Why it was not; what was imported until then stays.")
    entries: list[ImportEntry] = Field(
        description="The first 1,000 of the sessions, those that were not imported before the others."
    )
