"""Every error Roundhouse can answer with.

Each class holds its public face as class constants: `code` (machine-readable, stable), `kind` (OpenAI's
`error.type`), `status` (HTTP), `title` (one line) and `retryable` (may the same request succeed later, or at
another target?). Rooms, engine and backends raise them; only `infra/web.py` and the job runner catch them.

`roundhouse errors` shows the tree as a table, `docs/reference/errors.md` too.
"""

from __future__ import annotations

from roundhouse.core.errors.failed import (
    AttemptsExhausted,
    BackendBadAnswer,
    BackendBusy,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    Cancelled,
    ChildFailed,
    DeadlineExceeded,
    EnvironmentFailed,
    ExecutorLost,
    MissingExtra,
    OutcomeUnknown,
    OutputInvalid,
    ShuttingDown,
    StepTimeout,
    StorageFull,
    StorageUnavailable,
    VectorsUnavailable,
)
from roundhouse.core.errors.refused import (
    AddressRefused,
    AlreadyAnswered,
    BadInput,
    BudgetExceeded,
    Busy,
    Conflict,
    ContextTooLong,
    DiarizationUnavailable,
    DocumentEmpty,
    DocumentEncrypted,
    DocumentUnreadable,
    DoesNotFit,
    EmbeddingChanged,
    IdempotencyInFlight,
    IdempotencyMismatch,
    MethodNotAllowed,
    ModelNotFound,
    NotAllowed,
    NotFound,
    NotSignedIn,
    NotSupported,
    PipelineRetired,
    PlanExceeded,
    QueueFull,
    QuotaExceeded,
    RangeNotSatisfiable,
    RateLimited,
    RejectedByPerson,
    RemoteReference,
    RequestExpired,
    RequestTimeout,
    SummaryInvalid,
    TargetRefused,
    TooLarge,
    Unprocessable,
    UnsupportedContent,
    UnsupportedMedia,
    WeightsComing,
    WeightsMissing,
)
from roundhouse.core.errors.root import RoundhouseError

__all__ = [
    "AddressRefused",
    "AlreadyAnswered",
    "AttemptsExhausted",
    "BackendBadAnswer",
    "BackendBusy",
    "BackendDown",
    "BackendFailed",
    "BackendRefused",
    "BackendTimeout",
    "BadInput",
    "BudgetExceeded",
    "Busy",
    "Cancelled",
    "ChildFailed",
    "Conflict",
    "ContextTooLong",
    "DeadlineExceeded",
    "DiarizationUnavailable",
    "DocumentEmpty",
    "DocumentEncrypted",
    "DocumentUnreadable",
    "DoesNotFit",
    "EmbeddingChanged",
    "EnvironmentFailed",
    "ExecutorLost",
    "IdempotencyInFlight",
    "IdempotencyMismatch",
    "MethodNotAllowed",
    "MissingExtra",
    "ModelNotFound",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "NotSupported",
    "OutcomeUnknown",
    "OutputInvalid",
    "PipelineRetired",
    "PlanExceeded",
    "QueueFull",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RateLimited",
    "RejectedByPerson",
    "RemoteReference",
    "RequestExpired",
    "RequestTimeout",
    "RoundhouseError",
    "ShuttingDown",
    "StepTimeout",
    "StorageFull",
    "StorageUnavailable",
    "SummaryInvalid",
    "TargetRefused",
    "TooLarge",
    "Unprocessable",
    "UnsupportedContent",
    "UnsupportedMedia",
    "VectorsUnavailable",
    "WeightsComing",
    "WeightsMissing",
    "tree",
]


def tree() -> list[type[RoundhouseError]]:
    """Every class of the tree, the root first, children in order of definition."""
    found, waiting = list[type[RoundhouseError]](), [RoundhouseError]
    while waiting:
        kind = waiting.pop(0)
        found.append(kind)
        waiting[:0] = kind.__subclasses__()
    return found
