"""The root of the tree."""

from __future__ import annotations

from typing import ClassVar


class RoundhouseError(Exception):
    """Root of the tree; raised itself only for a fault of ours.

    Args:
        detail: What happened and what to do, for the caller; holds no secret and no stack.
        param: Name of the offending field, where there is one.
        retry_after_s: Seconds after which a retry is sensible, where known.
    """

    code: ClassVar[str] = "internal_error"
    kind: ClassVar[str] = "server_error"
    title: ClassVar[str] = "Internal error"
    retryable: bool = False
    status: int = 500
    resets_at_s: float | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(
        self, detail: str = "", *, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.param = param
        self.retry_after_s = retry_after_s
