"""What is known of a running flow: its input, every try, what people said, what signals brought, the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from roundhouse.features.tasks.flows.language import ErrorClass

TryState = Literal["started", "abandoned", "ok", "failed"]
SaidState = Literal["answered", "rejected", "expired"]


class Try(msgspec.Struct, frozen=True):
    """One call of one step.

    Attributes:
        step: Which.
        n: From 1.
        state: `started` and `abandoned`: its end was not seen, for the process that made it died.
        error_class: Why it failed.
        code: Code of the error tree.
        message: In words.
        output: What it gave, also if that was not taken.
        retry_after_s: What who does it asked for.
        ended_at_s: Unix time.
    """

    step: str
    n: int
    state: TryState
    error_class: ErrorClass | None = None
    code: str = ""
    message: str = ""
    output: Any = None
    retry_after_s: float | None = None
    ended_at_s: float | None = None

    @property
    def cut_off(self) -> bool:
        """Whether nobody knows what came of it."""
        return self.state in ("started", "abandoned")


class Said(msgspec.Struct, frozen=True):
    """What came of a question to a person, or of a wait for a signal; `by` is who said it, e.g. `human:user:an`."""

    state: SaidState
    output: Any = None
    by: str = ""
    comment: str = ""


class Facts(msgspec.Struct, frozen=True):
    """Everything that decides.

    Attributes:
        task_id: Of the task.
        input: Of the flow.
        now_s: Unix time.
        tries: In the order of their beginning.
        people: What people said, by step; who has not said anything is not in it.
        idempotent: By step, whether its capability may be repeated; not in it = no.
        deadline_s: Unix time at which the flow has failed, None = never.
        signals: What signals brought, by step; `expired` where they did not come in time.
    """

    task_id: str
    input: Any
    now_s: float
    tries: tuple[Try, ...] = ()
    people: Mapping[str, Said] = {}
    idempotent: Mapping[str, bool] = {}
    deadline_s: float | None = None
    signals: Mapping[str, Said] = {}

    def tries_of(self, step: str) -> list[Try]:
        """Tries of one step, by number."""
        return sorted((one for one in self.tries if one.step == step), key=lambda one: one.n)
