"""Refused: the request, its sender or its time is the reason (4xx)."""

from __future__ import annotations

from roundhouse.core.errors.root import RoundhouseError

_SOON_S = 60.0
"""A wait that clients take upon themselves."""


class BadInput(RoundhouseError):
    """The request is malformed or a field is out of range."""

    code = "bad_input"
    kind = "invalid_request_error"
    title = "Bad input"
    status = 400


class ContextTooLong(BadInput):
    """The messages do not fit the model's context window."""

    code = "context_length_exceeded"
    title = "Context too long"


class TooLarge(BadInput):
    """The body or a file is larger than the limit."""

    code = "too_large"
    title = "Too large"
    status = 413


class QuotaExceeded(TooLarge):
    """The tenant keeps as much as it may; something must be deleted first."""

    code = "quota_exceeded"
    title = "Quota exceeded"


class RangeNotSatisfiable(BadInput):
    """The requested part lies behind the end of the content."""

    code = "range_not_satisfiable"
    title = "Range not satisfiable"
    status = 416


class UnsupportedMedia(BadInput):
    """The content type of the body or the file is not accepted."""

    code = "unsupported_media_type"
    title = "Unsupported media type"
    status = 415


class Unprocessable(BadInput):
    """Well-formed, but its meaning cannot be carried out."""

    code = "unprocessable"
    title = "Unprocessable"
    status = 422


class RemoteReference(Unprocessable):
    """A schema or a document refers to another one; only references inside of it are followed."""

    code = "remote_reference"
    title = "Remote reference"


class UnsupportedContent(Unprocessable):
    """A message part (image, audio, video) that the chosen model cannot take."""

    code = "unsupported_content"
    title = "Unsupported content"


class DiarizationUnavailable(Unprocessable):
    """Speakers are told apart by the channels of a stereo file only; nothing here does so by their voices."""

    code = "diarization_unavailable"
    title = "Diarization unavailable"


class SummaryInvalid(Unprocessable):
    """No answer of the model fits the template's schema, or it needs a model and there is none; texts are kept."""

    code = "summary_invalid"
    title = "Summary invalid"


class DocumentEncrypted(Unprocessable):
    """The document opens with a password only; save it without one."""

    code = "document_encrypted"
    title = "Document encrypted"


class DocumentUnreadable(Unprocessable):
    """The document is damaged, made to harm, or not read within the limits of memory and time."""

    code = "document_unreadable"
    title = "Document unreadable"


class DocumentEmpty(Unprocessable):
    """Nothing that can be found or cited is in the document."""

    code = "document_empty"
    title = "Document empty"


class IdempotencyMismatch(Unprocessable):
    """The idempotency key was used for a request with another body."""

    code = "idempotency_mismatch"
    title = "Idempotency key used for another request"


class DoesNotFit(Unprocessable):
    """The model is larger than the memory budget; a retry cannot help."""

    code = "does_not_fit"
    title = "Model does not fit in memory"


class NotSupported(BadInput):
    """The chosen model or backend cannot do this operation at all."""

    code = "not_supported"
    title = "Not supported"


class AddressRefused(BadInput):
    """A URL given by a user points to an address that is not public."""

    code = "address_refused"
    title = "Address refused"


class NotSignedIn(RoundhouseError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "not_signed_in"
    kind = "authentication_error"
    title = "Not signed in"
    status = 401


class NotAllowed(RoundhouseError):
    """The credential is good but lacks the scope, model or route."""

    code = "not_allowed"
    kind = "permission_error"
    title = "Not allowed"
    status = 403


class NotLocal(NotAllowed):
    """What would do it is outside, and the task or flow says that nothing may leave the house."""

    code = "not_local"
    title = "Outside the house"


class TargetRefused(NotAllowed):
    """Who does a capability does not take the credential, or does not know the address, that is registered for it."""

    code = "target_refused"
    kind = "backend_error"
    title = "Target refused"
    status = 502


class NotFound(RoundhouseError):
    """No such thing, or not visible to the caller's tenant."""

    code = "not_found"
    kind = "invalid_request_error"
    title = "Not found"
    status = 404


class ModelNotFound(NotFound):
    """No alias, provider or built-in knows the model's name."""

    code = "model_not_found"
    title = "Model not found"


class MethodNotAllowed(RoundhouseError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    kind = "invalid_request_error"
    title = "Method not allowed"
    status = 405


class RequestTimeout(RoundhouseError):
    """The client did not send its request in time."""

    code = "request_timeout"
    kind = "invalid_request_error"
    title = "Request timeout"
    status = 408
    retryable = True


class Conflict(RoundhouseError):
    """The name is taken, or the version is not the current one."""

    code = "conflict"
    kind = "invalid_request_error"
    title = "Conflict"
    status = 409


class AlreadyAnswered(Conflict):
    """Somebody has decided this already; the detail says who and when."""

    code = "already_answered"
    title = "Already answered"


class EmbeddingChanged(Conflict):
    """Another embedding model than the one that made the vectors stands behind its name; a new index is needed."""

    code = "embedding_changed"
    title = "Embedding model changed"


class PipelineRetired(Conflict):
    """The job began under a revision of its pipeline that no executor knows any more; retry starts it anew."""

    code = "pipeline_retired"
    title = "Pipeline retired"


class WeightsMissing(Conflict):
    """The model can be had but its weights are not on this machine; the detail names the command that brings them.

    Args:
        model: What is to be downloaded, `provider/model`.
        by_command: Only a command begins the download, never a request: size or licence must be looked at.
    """

    code = "weights_missing"
    title = "Weights missing"

    def __init__(
        self,
        detail: str = "",
        *,
        model: str = "",
        by_command: bool = False,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail, param=param, retry_after_s=retry_after_s)
        self.model = model
        self.by_command = by_command


class WeightsComing(WeightsMissing):
    """They are being downloaded; the detail names the job."""

    code = "weights_coming"
    kind = "server_error"
    title = "Weights are being downloaded"
    status = 503
    retryable = True


class IdempotencyInFlight(Conflict):
    """A request with the same idempotency key is being answered just now."""

    code = "idempotency_in_flight"
    title = "Request in flight"
    retryable = True


class RejectedByPerson(RoundhouseError):
    """The person who was asked said no; the detail has the comment."""

    code = "rejected"
    kind = "invalid_request_error"
    title = "Rejected"
    status = 409


class RequestExpired(RoundhouseError):
    """It could be answered until its due time, or the end of its task; that is over."""

    code = "expired"
    kind = "invalid_request_error"
    title = "Expired"
    status = 410


class Busy(RoundhouseError):
    """A queue or the memory of a device is full; `retry_after_s` says when to come back."""

    code = "busy"
    kind = "rate_limit_error"
    title = "Busy"
    status = 429
    retryable = True


class RateLimited(Busy):
    """The key used up its requests or tokens per minute."""

    code = "rate_limit_exceeded"
    title = "Rate limit exceeded"


class BudgetExceeded(Busy):
    """The key used up its budget of money or tokens for the period."""

    code = "budget_exceeded"
    kind = "insufficient_quota"
    title = "Budget exceeded"
    retryable = False


class PlanExceeded(Busy):
    """A quota plan has no room for the task; `resets_at` says when it has, where it is known.

    Args:
        resets_at_s: Unix time at which there is room again; None = when something that runs has ended, or never.
        headers: What the answer tells besides, lower-case names.
    """

    code = "plan_exceeded"
    title = "Quota plan exceeded"

    def __init__(
        self,
        detail: str = "",
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        resets_at_s: float | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail, param=param, retry_after_s=retry_after_s)
        self.resets_at_s = resets_at_s
        self.headers = headers
        self.retryable = retry_after_s is not None and retry_after_s <= _SOON_S


class QueueFull(Busy):
    """As many jobs wait as may wait; `retry_after_s` comes from the measured speed of the queue."""

    code = "queue_full"
    title = "Queue full"
