"""The services of chats over a database of the test, with a fake of what other rooms give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.chat import store
from roundhouse.features.chat.model import Message, NewMessage, Session
from roundhouse.features.chat.schemas import SessionCreate
from roundhouse.features.chat.service import MemoryService, MessageService, SessionService, UpkeepService
from roundhouse.infra.db import Database, Tx

SITE = Caller(key_id="key_site", site_id="site", scopes=frozenset({"chats:read", "chats:write"}))
ADA = Caller(key_id="key_ada", site_id="site", user_id="ada")
BOB = Caller(key_id="key_bob", site_id="site", user_id="bob")
ELSEWHERE = Caller(key_id="key_else", site_id="elsewhere", scopes=frozenset({"admin"}))


class SomeFiles:
    """The one verb of `core.ports.Files` that is used: each user has the files that are named after it."""

    async def get(self, caller: Caller, file_id: str) -> FileInfo:
        if file_id != f"file_{caller.user_id}":
            raise NotFound("No such file.")
        owner = (file_id, caller.site_id, caller.user_id, caller.app_id)
        return FileInfo(*owner, "a.txt", "user_data", "text/plain", 1, "0" * 64, 0.0, None)


class SomeStores:
    """The vector stores that there are: each user has those whose names begin with its own."""

    async def visible(self, caller: Caller, store_ids: Sequence[str]) -> Sequence[str]:
        return [one for one in store_ids if one.startswith(f"vs_{caller.user_id}")]


class HeardIndex:
    """A `ChatIndex` that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    async def session(self, tx: Tx, session: Session) -> None:
        self.told.append(("session", (session.id, session.title, session.tags)))

    async def whole_session(self, tx: Tx, session: Session) -> None:
        self.told.append(("whole_session", (session.id, session.title, session.tags)))

    async def sessions_gone(self, tx: Tx, ids: Sequence[str]) -> None:
        if ids:
            self.told.append(("sessions_gone", ids))

    async def message(self, tx: Tx, message: Message, session: Session) -> None:
        assert message.session_id == session.id
        self.told.append(("message", (message.id, message.content)))

    async def message_gone(self, tx: Tx, message: Message) -> None:
        self.told.append(("message_gone", message.id))


class ChatRoom:
    """All services of the room."""

    def __init__(
        self, db: Database, clock: Any, most_memories: int = 1000, index: Any = None, stores: Any = None
    ) -> None:
        self.db = db
        self.clock = clock
        self.index = index or HeardIndex()
        self.sessions = SessionService(db, self.index, clock, stores)
        self.messages = MessageService(db, self.index, SomeFiles(), clock)
        self.memories = MemoryService(db, clock, most_memories)
        self.upkeep = UpkeepService(db, self.index, clock)

    async def begin(self, caller: Caller = ADA, **asked: Any) -> str:
        """Id of a new session."""
        return (await self.sessions.create(caller, SessionCreate(**asked))).id

    async def say(self, session_id: str, *texts: str, caller: Caller = ADA, **more: Any) -> list[Message]:
        """Write messages, users' and assistants' in turn."""
        said = []
        for place, text in enumerate(texts):
            role = "user" if place % 2 == 0 else "assistant"
            new = NewMessage(**{"role": role, "content": text, **more})
            said.append(await self.messages.add(caller, session_id, new))
        return said

    async def branch(
        self, message_id: str, text: str | None, at: Any = "instead", caller: Caller = ADA
    ) -> Message | None:
        """Fork at a message, and write the first message of the new branch."""
        now_s = self.clock.now_s()
        async with self.db.begin() as tx:
            message = await store.get_message(tx, caller, message_id)
            session = await store.get_session(tx, caller, message.session_id, lock=True)
            forked = await store.fork(tx, session, message, now_s, at=at)
            if text is None:
                return None
            return await store.append_message(tx, forked, NewMessage(message.role, text), now_s)

    async def texts(self, session_id: str, branch: int | None = None, caller: Caller = ADA) -> list[str]:
        """The conversation."""
        async with self.db.read() as tx:
            session = await store.get_session(tx, caller, session_id)
            found = await store.conversation(tx, session, limit=1000, branch=branch)
        return [one.content for one in found]


def contents(messages: Sequence[Message]) -> list[str]:
    return [one.content for one in messages]
