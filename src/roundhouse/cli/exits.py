"""How a command ends when it does not end well."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
REFUSED = 4
BUSY = 75
INTERRUPTED = 130


class Stop(Exception):
    """Ends a command with a message.

    Args:
        message: What happened; lines are shown as they are.
        code: Exit code.
        fix: What to do, exactly.
        passing: Whether the same may go well in a moment.
        error_code: The code of the server's error; empty = it is none of the server's.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = FAILED,
        fix: str | None = None,
        passing: bool = False,
        error_code: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fix = fix
        self.passing = passing
        self.error_code = error_code
