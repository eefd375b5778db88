"""Which class an error belongs to: that alone decides what comes next, never its text."""

from __future__ import annotations

from roundhouse.core.errors import (
    AddressRefused,
    BackendBadAnswer,
    BackendBusy,
    BackendDown,
    BackendRefused,
    BackendTimeout,
    BadInput,
    Busy,
    ChildFailed,
    ExecutorLost,
    MissingExtra,
    NotAllowed,
    NotFound,
    NotSignedIn,
    NotSupported,
    RoundhouseError,
    ShuttingDown,
    StepTimeout,
)
from roundhouse.features.tasks.flows.language import ErrorClass

# The first that fits: a class stands before the class that it is a kind of.
_CLASSES: tuple[tuple[tuple[type[RoundhouseError], ...], ErrorClass], ...] = (
    ((NotSignedIn, NotAllowed, AddressRefused), "auth"),
    ((NotFound, NotSupported, MissingExtra), "not_found"),
    ((BadInput, BackendRefused), "invalid_input"),
    ((Busy, BackendBusy), "rate_limited"),
    ((BackendTimeout, StepTimeout), "timeout"),
    ((BackendBadAnswer,), "bad_output"),
    ((ExecutorLost, ChildFailed), "worker_lost"),
    ((BackendDown, ShuttingDown), "unavailable"),
)


def class_of(error: RoundhouseError) -> ErrorClass:
    """The class of an error of a call; what may pass but has no class of its own is `unavailable`."""
    for kinds, found in _CLASSES:
        if isinstance(error, kinds):
            return found
    return "unavailable" if error.retryable else "failed"
