"""Failed: what should have been done could not be, here or at a model server, or was stopped."""

from __future__ import annotations

from typing import Any

from roundhouse.core.errors.root import RoundhouseError


class Cancelled(RoundhouseError):
    """The client went away or asked to stop."""

    code = "cancelled"
    kind = "cancelled"
    title = "Cancelled"
    status = 499


class ChildFailed(RoundhouseError):
    """The child process of a heavy step died: killed, out of memory, or a fault in a native library."""

    code = "child_failed"
    title = "Child process failed"
    retryable = True


class ExecutorLost(RoundhouseError):
    """The process or machine that ran the job died or froze, as often as attempts were allowed."""

    code = "executor_lost"
    title = "Executor lost"
    retryable = True


class AttemptsExhausted(RoundhouseError):
    """Every attempt that the task has failed; the detail tells of the last one."""

    code = "attempts_exhausted"
    title = "Attempts exhausted"


class OutcomeUnknown(RoundhouseError):
    """A call that may not be repeated was cut off: nobody knows whether its work was done, a person must decide."""

    code = "unknown_outcome"
    title = "Outcome unknown"


class DeadlineExceeded(RoundhouseError):
    """The job had not ended at its deadline."""

    code = "deadline_exceeded"
    title = "Deadline exceeded"
    status = 504


class StepTimeout(RoundhouseError):
    """A step of a job took longer than it may."""

    code = "step_timeout"
    title = "Step timed out"
    status = 504
    retryable = True


class BackendFailed(RoundhouseError):
    """The model server failed (5xx, reset, cut stream); another target may do.

    Args:
        retry_after_s: Seconds the model server asked to wait.
        status: Status of the model server, kept where it is one a client acts on.
    """

    code = "backend_failed"
    kind = "backend_error"
    title = "Model backend failed"
    status = 502
    retryable = True

    def __init__(
        self,
        detail: str = "",
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(detail, param=param, retry_after_s=retry_after_s)
        if status is not None:
            self.status = status


class BackendBadAnswer(BackendFailed):
    """The model server's answer is not what its protocol says (HTML, broken JSON, broken SSE)."""

    code = "backend_bad_answer"
    title = "Model backend gave a bad answer"


class OutputInvalid(BackendBadAnswer):
    """What a capability answered is not what its output schema says; `raw` is what it answered."""

    code = "output_invalid"
    title = "Output invalid"
    raw: Any = None


class BackendRefused(BackendFailed):
    """The model server refused the request itself (4xx); its status is kept, another try cannot help."""

    code = "backend_refused"
    kind = "invalid_request_error"
    title = "Model backend refused the request"
    retryable = False


class BackendBusy(BackendFailed):
    """The model server says 429; `retry_after_s` is its own."""

    code = "backend_busy"
    kind = "rate_limit_error"
    title = "Model backend is busy"
    status = 429


class BackendDown(BackendFailed):
    """The model server cannot be reached, or its circuit is open."""

    code = "backend_down"
    title = "Model backend is down"
    status = 503


class BackendTimeout(BackendFailed):
    """The model server did not connect, begin, go on or end in time."""

    code = "backend_timeout"
    title = "Model backend timed out"
    status = 504


class MissingExtra(RoundhouseError):
    """The function needs an optional part that is not installed; the detail names the command."""

    code = "missing_extra"
    title = "Optional part not installed"
    status = 501


class EnvironmentFailed(RoundhouseError):
    """The Python environment of a model could not be built; the detail has the installer's last words."""

    code = "environment_failed"
    title = "Environment could not be built"
    status = 502


class ShuttingDown(RoundhouseError):
    """The process drains and takes no new work."""

    code = "shutting_down"
    title = "Shutting down"
    status = 503
    retryable = True


class StorageUnavailable(RoundhouseError):
    """The database does not answer."""

    code = "storage_unavailable"
    title = "Storage unavailable"
    status = 503
    retryable = True


class VectorsUnavailable(RoundhouseError):
    """The server that keeps the vectors does not answer; what is to be written there waits."""

    code = "vectors_unavailable"
    title = "Vectors unavailable"
    status = 503
    retryable = True


class StorageFull(RoundhouseError):
    """The disk is full; reads go on."""

    code = "storage_full"
    title = "Storage full"
    status = 507
    retryable = True
