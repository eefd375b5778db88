"""The language of flows: what a flow's JSON may say, as structs. `reading.py` makes them of JSON."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ErrorClass = Literal[
    "invalid_input",
    "auth",
    "not_found",
    "rate_limited",
    "timeout",
    "unavailable",
    "worker_lost",
    "bad_output",
    "rejected",
    "breaker_open",
    "unknown_outcome",
    "lost_race",
    "failed",
]
"""How a try ended, as far as what comes next is concerned.

`invalid_input` ends the flow; `auth` and `not_found` pass over the target; `rate_limited`, `timeout`, `unavailable`,
`worker_lost`, `bad_output` and `rejected` (by the accept rule) may be tried again; `breaker_open` was not tried;
`unknown_outcome` was cut off in the middle of what may not be repeated; `lost_race` was overtaken by its hedge;
`failed` is everything else.
"""

Retried = Literal["timeout", "unavailable", "rate_limited", "worker_lost", "bad_output", "rejected"]
Outcome = Literal["ok", "failed", "rejected", "unknown"]
Privacy = Literal["local_only"]
Backoff = Literal["exp_jitter", "fixed"]
HumanKind = Literal["approve", "edit", "answer", "choose", "do"]
OnTimeout = Literal["fail", "default_answer", "next_level", "reject"]
Channel = Literal["inbox", "email", "webhook"]

AFTER_CALL: tuple[Outcome, ...] = ("failed", "rejected")
AFTER_ANY: tuple[Outcome, ...] = ("ok", "failed", "rejected", "unknown")
FOR_PERSON: tuple[Outcome, ...] = ("failed", "rejected", "unknown")
AFTER_GOOD: tuple[Outcome, ...] = ("ok",)


class Retry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a step is tried again.

    Attributes:
        max: Tries in all, the first one included.
        backoff: `exp_jitter` doubles the pause each time and spreads it, `fixed` keeps it.
        base_s: First pause.
        cap_s: Longest pause.
        on: Classes of errors that are tried again.
    """

    max: int = 2
    backoff: Backoff = "exp_jitter"
    base_s: float = 1.0
    cap_s: float = 30.0
    on: tuple[Retried, ...] = ("timeout", "unavailable", "rate_limited", "worker_lost", "bad_output")


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What holds for steps that do not say otherwise; `timeout_s` None = the capability's own."""

    timeout_s: float | None = None
    retry: Retry = Retry()


class Accept(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When an output is taken.

    Attributes:
        schema: Whether it must fit the capability's output schema.
        expr: Expression over `output`, `input`, `steps`, `last` that must be true.
    """

    schema: bool = True
    expr: str | None = None


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may do it: labels that the capability must have."""

    labels: dict[str, Any] = {}


class Breaker(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a capability is left alone for a while, by all flows of the tenant.

    Attributes:
        failure_ratio: Share of failures among the calls of the last minute, above 0, at most 1.
        min_requests: Calls in the last minute before the ratio counts.
        open_s: Time until one call probes it again.
    """

    failure_ratio: float = 0.5
    min_requests: int = 5
    open_s: float = 30.0


class Escalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is asked besides, so many seconds after the request."""

    after_s: float
    to: tuple[str, ...]


class Human(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person is asked.

    Attributes:
        kind: `approve` yes or no, `edit` a draft, `answer` a question, `choose` one of the options, `do` something.
        assignees: `user:<id>`, `group:<name>`, or a template that gives them; empty = whoever may answer.
        title: One line; a template.
        instructions: Markdown; a template.
        form: JSON Schema of the answer, `#cap/<name>/input` or `/output`, or a path that leads to one; None = anything.
        prefill: Draft of the answer; a template.
        options: What can be chosen.
        due_s: Time to answer.
        remind_s: Seconds after the request at which it is told again.
        escalate: Further people.
        on_timeout: `fail`, take `default_answer`, ask the `next_level`, or `reject`.
        default_answer: For `on_timeout: default_answer`.
        channels: Where it is told.
    """

    kind: HumanKind = "edit"
    assignees: tuple[str, ...] | str = ()
    title: str = ""
    instructions: str = ""
    form: dict[str, Any] | str | None = None
    prefill: Any = None
    options: tuple[Any, ...] = ()
    due_s: float = 86_400.0
    remind_s: tuple[float, ...] = ()
    escalate: tuple[Escalation, ...] = ()
    on_timeout: OnTimeout = "fail"
    default_answer: Any = None
    channels: tuple[Channel, ...] = ("inbox",)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step: a capability, a person or a signal.

    Attributes:
        id: Unique in the flow.
        use: Name of a capability, `name` or `name@version`.
        human: A person instead.
        signal: Instead the name of a signal that is waited for; of a flow's steps one waits for it.
        target: Who may do it.
        timeout_s: Longest time of one try, None = the defaults'; of a signal the longest wait, None = to the deadline.
        retry: None = the defaults'.
        accept: When its output is taken.
        when: After which outcomes of the step before it is done; None = `failed` and `rejected`, for a person
            `unknown` as well, for a signal `ok`.
        only_if: Expression that must be true, or `idempotent`: only if its capability may be repeated.
        map: Template of its input; None = the flow's input.
        after_ms: With `race_with`: time after which it is begun besides.
        race_with: Step that it races: the first good output wins.
        breaker: When its capability is left alone.
    """

    id: str
    use: str | None = None
    human: Human | None = None
    signal: str | None = None
    target: Target = Target()
    timeout_s: float | None = None
    retry: Retry | None = None
    accept: Accept = Accept()
    when: tuple[Outcome, ...] | None = None
    only_if: str | None = None
    map: Any = None
    after_ms: int | None = None
    race_with: str | None = None
    breaker: Breaker | None = None

    @property
    def follows(self) -> tuple[Outcome, ...]:
        """Outcomes of the step before after which it is done."""
        if self.when is not None:
            return self.when
        if self.signal is not None:
            return AFTER_GOOD
        return AFTER_CALL if self.human is None else FOR_PERSON


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A flow as it is written.

    Attributes:
        name: As in the address, if it is given.
        version: The version that this is a change of, if it is given.
        title: One line.
        description: Markdown.
        input_schema: JSON Schema of the flow's input, or a reference `{"$ref": "#cap/<name>/input"}`.
        defaults: For all steps.
        steps: In order.
        deadline_s: Longest time of the whole flow; None = the task's.
        privacy: `local_only` = steps whose capability is outside the house are passed over.
        output: Template of the flow's result.
        examples: Inputs to try.
        compensate: Must be empty: what was done is not undone.
    """

    steps: tuple[Step, ...]
    name: str | None = None
    version: int | None = None
    title: str = ""
    description: str = ""
    input_schema: dict[str, Any] | None = None
    defaults: Defaults = Defaults()
    deadline_s: float | None = None
    privacy: Privacy | None = None
    output: Any = "$.last.output"
    examples: tuple[Any, ...] = ()
    compensate: tuple[Any, ...] = ()
