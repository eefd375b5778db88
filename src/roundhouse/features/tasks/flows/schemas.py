"""Wire shapes of flows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.tasks.flows.language import Retried

StepId = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Failure = Literal["invalid_input", "auth", "not_found", "failed", "unknown_outcome"] | Retried


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SimulateAsk(_Input):
    """What is to be pretended; nothing is called and nobody is asked."""

    input: Any = None
    fail: list[StepId] | dict[StepId, Failure] = Field(
        [],
        description="Steps that fail, each time: as `unavailable`, or by the class that is given for each.",
    )
    outputs: dict[StepId, Any] = Field(
        {},
        description="What steps give, people answer and signals bring; else what their schema or draft suggests.",
    )
    reject: list[StepId] = Field([], description="People who say no.")
    silent: list[StepId] = Field(
        [], description="People who do not answer in time, signals that do not come."
    )
    deadline_s: float | None = Field(None, gt=0, le=366 * 86_400)
    spec: dict[str, Any] | None = Field(
        None, description="A flow that is not kept (yet); else the newest version of the one in the address."
    )


class ProblemRead(BaseModel):
    """A fault of a flow."""

    pointer: str = Field(description="JSON pointer into the flow; empty = all of it.")
    message: str


class ValidationRead(BaseModel):
    """What was found."""

    valid: bool
    problems: list[ProblemRead] = Field(description="It cannot be kept with these.")
    warnings: list[ProblemRead] = Field(
        description="It can be kept; a step that needs what is missing is passed over."
    )


class SimulatedStep(BaseModel):
    """One thing that would be done."""

    step: str
    action: Literal["call", "pause", "ask", "wait", "close"]
    n: int | None = None
    target: str | None = None
    at_s: float = Field(description="Seconds after the beginning, by the times the flow allows at most.")
    timeout_s: float | None = Field(None, description="What is left of the step's time at that moment.")
    outcome: str | None = Field(None, description="`ok`, or the class of the error.")


class SimulationRead(BaseModel):
    """The way through a flow."""

    state: Literal["completed", "failed", "waiting"] = Field(
        description="`waiting`: for a signal that does not come, without anything that ends the wait."
    )
    path: list[SimulatedStep]
    output: Any = None
    decided_by: str | None = None
    error: dict[str, Any] | None = None


class FlowRead(BaseModel):
    """A flow, one version of it."""

    id: str | None = Field(description="Null for what is shipped as a template.")
    object: Literal["flow"] = "flow"
    name: str
    version: int
    title: str
    description: str
    source: Literal["own", "shipped"] = Field(
        description="`shipped` comes with the product: it can be run, or kept under its name with changes."
    )
    spec: dict[str, Any]
    warnings: list[ProblemRead] = []
    created_at: datetime | None


class FlowList(BaseModel):
    """Flows, by name."""

    object: Literal["list"] = "list"
    data: list[FlowRead]
    has_more: bool
    next_cursor: str | None


class FlowDeleted(BaseModel):
    """A deleted flow."""

    name: str
    object: Literal["flow.deleted"] = "flow.deleted"
    deleted: bool = True


class BreakerRead(BaseModel):
    """A capability that flows watch."""

    id: str
    object: Literal["breaker"] = "breaker"
    target: str
    state: Literal["closed", "open", "half_open"]
    calls: int = Field(description="In the last minute.")
    failures: int
    opened_at: datetime | None
    probes_at: datetime | None = Field(description="When one call may try it again.")


class BreakerList(BaseModel):
    """Breakers, by capability."""

    object: Literal["list"] = "list"
    data: list[BreakerRead]
    has_more: bool = False
    next_cursor: str | None = None
