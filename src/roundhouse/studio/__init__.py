"""Chats from Python, without HTTP: sessions, messages, models and answers of a data folder, beside a server or without.

A thin face over the services and the database of the server. All calls are synchronous and may come from any thread,
but for `ChatService.stream_message`, an asynchronous generator for any event loop. Importing this loads neither a model
nor a web framework; a house is opened by the first call that needs one.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from roundhouse.studio.chat import ChatService
from roundhouse.studio.door import Door
from roundhouse.studio.history import ChatHistoryService
from roundhouse.studio.models import LLMService
from roundhouse.studio.records import (
    ChatResponse,
    ChatSession,
    ConnectionTest,
    LLMModel,
    LLMProvider,
    Message,
    MessageRole,
    SessionStatus,
)
from roundhouse.studio.sessions import SessionService

__all__ = [
    "ChatHistoryService",
    "ChatResponse",
    "ChatService",
    "ChatSession",
    "ConnectionTest",
    "LLMModel",
    "LLMProvider",
    "LLMService",
    "Message",
    "MessageRole",
    "SessionService",
    "SessionStatus",
    "Studio",
]


class Studio:
    """The four services of one data folder, in one house; a context manager.

    Args:
        data_dir: Data folder; None = the settings', as for `roundhouse run`.
        config: Settings file; None = `roundhouse.toml` of the working folder, where there is one.
        site_id: Tenant whose sessions it sees; a server's keys belong to `default` unless they say otherwise.

    Attributes:
        llm: Models.
        sessions: Sessions.
        history: Messages.
        chat: Questions and answers.

    Raises:
        BadInput: The settings are wrong; a line for each.
    """

    def __init__(
        self,
        data_dir: str | Path | None = None,
        *,
        config: str | Path | None = None,
        site_id: str = "default",
    ) -> None:
        door = Door(data_dir, config, site_id)
        self.llm = LLMService(door=door)
        self.sessions = SessionService(door=door)
        self.history = ChatHistoryService(door=door)
        self.chat = ChatService(self.llm, self.sessions, self.history)

    def close(self) -> None:
        """Close all four: what is being answered is interrupted and kept. Again is no error."""
        for one in (self.chat, self.history, self.sessions, self.llm):
            one.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
