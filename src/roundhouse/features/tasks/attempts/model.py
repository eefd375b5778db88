"""What is known of one try."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

AttemptState = Literal["started", "ok", "failed", "abandoned", "late"]
"""`abandoned`: its process died or was told to stop before the answer; `late`: the answer came when somebody else had
the task already, and counts no more."""

CUT_OFF_CODES = ("backend_timeout", "step_timeout", "cancelled")
"""Errors after which nobody knows whether the work was done."""


class Attempt(msgspec.Struct, frozen=True):
    """One try of one step.

    Attributes:
        job_id: The task.
        site_id: Tenant.
        step: Name of the step; `call` where the task is a single call.
        n: From 1, within the step.
        target: What was called, `<capability>@<version>`.
        state: What came of it.
        idempotency_key: What whoever does it can tell repetitions by: the same where it is not known what came of the
            try before.
        request: What was sent, without secrets; None = the input of the task as it stands, or not kept.
        response: What came back, without secrets.
        error: `{"code", "message", …}`.
        started_at_s: Unix time, written before the call.
        ended_at_s: Unix time.
        cost: Cost units of the call, from when it is about to be made; 0 = it was refused before it was made, None =
            it is older than costs are.
    """

    job_id: str
    site_id: str
    step: str
    n: int
    target: str
    state: AttemptState
    idempotency_key: str
    request: dict[str, Any] | None
    response: dict[str, Any] | None
    error: dict[str, Any] | None
    started_at_s: float
    ended_at_s: float | None
    cost: float | None

    @property
    def undecided(self) -> bool:
        """Whether it was cut off, and nobody has decided yet what that means."""
        return self.state in ("started", "abandoned") and self.error is None

    @property
    def outcome_unknown(self) -> bool:
        """Whether nobody knows if the work was done."""
        if self.state == "failed":
            return self.error is not None and self.error.get("code") in CUT_OFF_CODES
        return self.state in ("started", "abandoned")


class Told(msgspec.Struct, frozen=True):
    """What is to be kept of a try that ended, without secrets and with what is large in files.

    Attributes:
        request: What was sent; None = nothing is known of it beyond the input.
        response: What came back.
        error: Why it failed.
        cost: See `Attempt`; None = as it was begun.
    """

    request: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    cost: float | None = None
