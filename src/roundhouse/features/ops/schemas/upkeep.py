"""Wire shapes of cleaning and of the disk."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Part = Literal["logs", "audio", "cache"]
"""What can be cleaned by itself."""

PARTS: tuple[Part, ...] = ("logs", "audio", "cache")
"""All of them, in the order in which they are cleaned."""

Kind = Literal[
    "log", "recording", "job_folder", "upload", "partial_model", "partial_environment", "responses"
]


class Removal(BaseModel):
    """One thing that is, or would be, deleted."""

    kind: Kind
    name: str = Field(description="Its id, or its path.")
    size_bytes: int = Field(ge=0)
    at: datetime | None = Field(
        description="The time by which its age is judged; null when its age does not matter."
    )
    label: str = Field("", description="What people call it.")


class Kept(BaseModel):
    """Something that could not be deleted, or looked at."""

    kind: Kind
    name: str
    reason: str


class CleanRead(BaseModel):
    """What a clean-up did, or would do."""

    dry_run: bool
    removed: list[Removal] = Field(description="In the order in which they go.")
    removed_bytes: int
    kept: list[Kept] = Field(description="What should have gone and could not.")


class CleanAsk(BaseModel):
    """What is to be cleaned."""

    model_config = ConfigDict(extra="forbid")

    parts: list[Part] = Field(list(PARTS), min_length=1, max_length=len(PARTS))
    days: float | None = Field(
        None, ge=0, le=36_500, description="Older than so many days; null = as each part's setting says."
    )


class KindSum(BaseModel):
    """All things of one kind."""

    kind: Kind
    count: int
    size_bytes: int


class CleanPlan(BaseModel):
    """What a clean-up would delete now."""

    object: Literal["cleanup.plan"] = "cleanup.plan"
    count: int
    size_bytes: int
    kinds: list[KindSum] = Field(description="Kinds of which something would go.")
    first: list[Removal] = Field(description="The first things that would go, at most 200.")
    kept: list[Kept] = Field(description="What should go and cannot be looked at.")


class PartUse(BaseModel):
    """What one part of the service takes."""

    name: Literal["database", "files", "jobs", "logs", "models", "cache"]
    place: str = Field(description="Folder, file or server.")
    size_bytes: int | None = Field(description="null when it cannot be told.")
    percent: float | None = Field(description="Share of its disk; null when it is not on this machine.")


class DiskUse(BaseModel):
    """One disk that the service writes to."""

    path: str
    total_bytes: int
    used_bytes: int
    free_bytes: int
    percent: float = Field(description="How full it is, as `df` tells it.")
    over: bool = Field(description="Whether that is more than the threshold.")


class DiskReport(BaseModel):
    """How full the disks are, and who fills them."""

    threshold_percent: float
    over: bool
    disks: list[DiskUse]
    parts: list[PartUse]
    cleaned: CleanRead | None = Field(
        None, description="What the emergency clean-up did; null when there was none."
    )
