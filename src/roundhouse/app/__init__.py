"""The front door: builds every part once, in order, and hands it to the rooms.

`create_app(settings)` makes the API process, `create_executor(settings)` a process that runs jobs, `create_embedded`
chats inside somebody else's program; any number of each in one Python process, for nothing is global. Each loads only
what it needs: the API no job runner, the others no web framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roundhouse.app.api import Roundhouse, create_app
    from roundhouse.app.embedded import EmbeddedChats, create_embedded
    from roundhouse.app.executor import ExecutorProcess, create_executor

__all__ = [
    "EmbeddedChats",
    "ExecutorProcess",
    "Roundhouse",
    "create_app",
    "create_embedded",
    "create_executor",
]


def __getattr__(name: str) -> Any:
    """Load the kind of process that is asked for."""
    if name in ("Roundhouse", "create_app"):
        from roundhouse.app import api

        return getattr(api, name)
    if name in ("EmbeddedChats", "create_embedded"):
        from roundhouse.app import embedded

        return getattr(embedded, name)
    if name in ("ExecutorProcess", "create_executor"):
        from roundhouse.app import executor

        return getattr(executor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
