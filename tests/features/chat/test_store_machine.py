"""Sessions, branches, edits and deletions against a model in memory: a tree of messages and the path that is shown."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conftest import TurnedClock
from features.chat.rooms import ChatRoom
from roundhouse.core.errors import Conflict, NotFound
from roundhouse.core.ids import new_id
from roundhouse.core.settings import DbSettings
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.pages import Turn
from roundhouse.features.chat.schemas import MessagePatch, SessionPatch
from roundhouse.features.chat.store import SessionFilter
from roundhouse.infra.db import Database

TEXTS = st.text("ab\né世ש", min_size=1, max_size=5)
TAGS = st.lists(st.sampled_from(["red", "blue", "green"]), max_size=3, unique=True).map(sorted)
ANY = st.integers(0, 10**6)
TITLES = st.text("xyz", max_size=3)


class Node:
    """A message of the model."""

    def __init__(self, node_id: str, parent: Node | None, text: str) -> None:
        self.id = node_id
        self.parent = parent
        self.text = text
        self.version = 1
        self.deleted = False

    @property
    def path(self) -> list[Node]:
        found: list[Node] = []
        one: Node | None = self
        while one is not None:
            found.insert(0, one)
            one = one.parent
        return found


class Talk:
    """A session of the model."""

    def __init__(self, title: str, tags: list[str]) -> None:
        self.title = title
        self.tags = tags
        self.version = 1
        self.pinned = False
        self.archived = False
        self.deleted = False
        self.nodes: list[Node] = []
        self.shown: list[Node] = []

    @property
    def living(self) -> list[Node]:
        return [one for one in self.nodes if not one.deleted]


class Chats(RuleBasedStateMachine):
    """One tenant of its own per run."""

    def __init__(self, runner: asyncio.Runner, db: Database) -> None:
        super().__init__()
        self.run = runner.run
        self.clock = TurnedClock()
        self.room = ChatRoom(db, self.clock)
        self.caller = Caller(key_id="key", site_id=new_id("site"), user_id="ada")
        self.talks: dict[str, Talk] = {}

    # What is there

    def pick(self, place: int, *, deleted: bool = False) -> tuple[str, Talk]:
        ids = [one_id for one_id, talk in self.talks.items() if talk.deleted is deleted]
        one_id = ids[place % len(ids)]
        return one_id, self.talks[one_id]

    def pick_node(self, place: int) -> tuple[str, Talk, Node]:
        found = [
            (one_id, talk, node)
            for one_id, talk in self.talks.items()
            if not talk.deleted
            for node in talk.living
        ]
        return found[place % len(found)]

    @property
    def some(self) -> bool:
        return any(not talk.deleted for talk in self.talks.values())

    @property
    def some_node(self) -> bool:
        return any(talk.living for talk in self.talks.values() if not talk.deleted)

    @property
    def some_deleted(self) -> bool:
        return any(talk.deleted for talk in self.talks.values())

    # Rules

    @initialize()
    def first(self) -> None:
        self.create("", [])

    @rule(title=TITLES, tags=TAGS)
    def create(self, title: str, tags: list[str]) -> None:
        self.clock.turn(1.0)
        made = self.run(self.room.begin(self.caller, title=title, tags=tags))
        self.talks[made] = Talk(title, tags)

    @precondition(lambda self: self.some)
    @rule(place=ANY, texts=st.lists(TEXTS, min_size=1, max_size=3))
    def say(self, place: int, texts: list[str]) -> None:
        self.clock.turn(1.0)
        session_id, talk = self.pick(place)
        for text in texts:
            (said,) = self.run(self.room.say(session_id, text, caller=self.caller))
            self.grow(talk, said.id, text)

    def grow(self, talk: Talk, message_id: str, text: str) -> None:
        node = Node(message_id, talk.shown[-1] if talk.shown else None, text)
        talk.nodes.append(node)
        talk.shown = [*talk.shown, node]
        talk.version += 1

    @precondition(lambda self: self.some_node)
    @rule(place=ANY, text=st.none() | TEXTS, after=st.booleans())
    def fork(self, place: int, text: str | None, after: bool) -> None:
        self.clock.turn(1.0)
        _, talk, node = self.pick_node(place)
        at = "after" if after else "instead"
        made = self.run(self.room.branch(node.id, text, at, self.caller))
        talk.shown = node.path if after else node.path[:-1]
        talk.version += 1
        if made is not None and text is not None:
            self.grow(talk, made.id, text)

    @precondition(lambda self: self.some_node)
    @rule(place=ANY)
    def show(self, place: int) -> None:
        self.clock.turn(1.0)
        _, talk, node = self.pick_node(place)
        newest = next(one for one in reversed(talk.nodes) if node in one.path)
        shown = self.run(self.room.sessions.show_message(self.caller, node.id))
        if talk.shown != newest.path or shown.version != talk.version:
            # An empty branch may show the same path; showing the other is a change.
            talk.version += 1
        talk.shown = newest.path
        assert shown.version == talk.version

    @precondition(lambda self: self.some_node)
    @rule(place=ANY, text=TEXTS, stale=st.booleans())
    def edit(self, place: int, text: str, stale: bool) -> None:
        _, _, node = self.pick_node(place)
        asked = MessagePatch(content=text, version=node.version + stale)
        if stale:
            with pytest.raises(Conflict):
                self.run(self.room.messages.update(self.caller, node.id, asked))
            return
        node.version += text != node.text
        node.text = text
        assert self.run(self.room.messages.update(self.caller, node.id, asked)).version == node.version

    @precondition(lambda self: self.some_node)
    @rule(place=ANY)
    def delete_message(self, place: int) -> None:
        self.clock.turn(1.0)
        _, talk, node = self.pick_node(place)
        self.run(self.room.messages.delete(self.caller, node.id))
        node.deleted = True
        talk.version += 1
        with pytest.raises(NotFound):
            self.run(self.room.messages.get(self.caller, node.id))

    @precondition(lambda self: self.some)
    @rule(place=ANY, title=TITLES, tags=TAGS, pinned=st.booleans(), behind=st.integers(0, 1))
    def change(self, place: int, title: str, tags: list[str], pinned: bool, behind: int) -> None:
        self.clock.turn(1.0)
        session_id, talk = self.pick(place)
        asked = SessionPatch(title=title, tags=tags, pinned=pinned, version=talk.version + behind)
        if behind:
            with pytest.raises(Conflict):
                self.run(self.room.sessions.update(self.caller, session_id, asked))
            return
        before = self.run(self.room.sessions.get(self.caller, session_id))
        after = self.run(self.room.sessions.update(self.caller, session_id, asked))
        changed = after.model_dump(exclude={"version", "updated_at"}) != before.model_dump(
            exclude={"version", "updated_at"}
        )
        talk.version += changed
        talk.title, talk.tags, talk.pinned = title, tags, pinned

    @precondition(lambda self: self.some)
    @rule(place=ANY, away=st.booleans())
    def archive(self, place: int, away: bool) -> None:
        self.clock.turn(1.0)
        session_id, talk = self.pick(place)
        verb = self.room.sessions.archive if away else self.room.sessions.unarchive
        self.run(verb(self.caller, session_id))
        talk.version += talk.archived != away
        talk.archived = away

    @precondition(lambda self: self.some)
    @rule(place=ANY)
    def delete(self, place: int) -> None:
        self.clock.turn(1.0)
        session_id, talk = self.pick(place)
        self.run(self.room.sessions.delete(self.caller, session_id))
        talk.deleted = True
        talk.version += 1

    @precondition(lambda self: self.some_deleted)
    @rule(place=ANY, for_good=st.booleans())
    def end_or_restore(self, place: int, for_good: bool) -> None:
        self.clock.turn(1.0)
        session_id, talk = self.pick(place, deleted=True)
        if for_good:
            self.run(self.room.sessions.delete(self.caller, session_id, permanent=True))
            del self.talks[session_id]
            with pytest.raises(NotFound):
                self.run(self.room.sessions.get(self.caller, session_id))
        else:
            self.run(self.room.sessions.restore(self.caller, session_id))
            talk.deleted = False
            talk.version += 1

    # What must hold

    @precondition(lambda self: self.some)
    @rule(place=ANY, limit=st.integers(1, 4), descending=st.booleans())
    def read_a_conversation_in_pages(self, place: int, limit: int, descending: bool) -> None:
        session_id, talk = self.pick(place)
        wanted = [one.text for one in talk.shown if not one.deleted]
        if descending:
            wanted.reverse()
        turn = Turn(descending=descending, limit=limit)

        async def page(turn: Turn) -> Any:
            return await self.room.messages.page(self.caller, session_id, turn)

        there, back = self.run(both_ways(page, turn))
        assert [one.content for one in there] == wanted
        assert [one.content for one in back] == wanted

    @rule(limit=st.integers(1, 3), descending=st.booleans(), deleted=st.booleans())
    def read_the_list_in_pages(self, limit: int, descending: bool, deleted: bool) -> None:
        async def page(turn: Turn) -> Any:
            return await self.room.sessions.page(self.caller, SessionFilter(deleted=deleted), turn)

        there, back = self.run(both_ways(page, Turn(descending=descending, limit=limit)))
        assert [one.id for one in there] == [one.id for one in back]
        assert {one.id for one in there} == {
            key for key, talk in self.talks.items() if talk.deleted is deleted
        }
        times = [(one.updated_at, one.id) for one in there]
        assert times == sorted(times, reverse=descending)

    @precondition(lambda self: self.some_node)
    @rule(place=ANY, limit=st.integers(1, 5))
    def read_a_path_and_its_siblings(self, place: int, limit: int) -> None:
        session_id, talk, node = self.pick_node(place)

        async def read() -> tuple[list[str], list[tuple[str, bool]]]:
            async with self.room.db.read() as tx:
                session = await store.get_session(tx, self.caller, session_id)
                message = await store.get_message(tx, self.caller, node.id)
                path = await store.path_to(tx, session, message, limit)
                places = await store.siblings(tx, session, message, 1000)
            return [one.id for one in path], [(one.message.id, one.shown) for one in places]

        path, places = self.run(read())
        assert path == [one.id for one in node.path if not one.deleted][-limit:]
        assert places == [(one.id, one in talk.shown) for one in talk.nodes if one.parent is node.parent]

    @invariant()
    def sessions_are_as_the_model_says(self) -> None:
        for session_id, talk in self.talks.items():
            found = self.run(self.room.sessions.get(self.caller, session_id))
            assert (found.title, found.tags, found.pinned) == (talk.title, talk.tags, talk.pinned)
            assert (found.archived, found.deleted_at is not None) == (talk.archived, talk.deleted)
            assert (found.message_count, found.version) == (len(talk.living), talk.version)


async def both_ways(page: Any, turn: Turn) -> tuple[list[Any], list[Any]]:
    """All rows of a list, read page by page to its end, and back from there to its begin."""
    there: list[Any] = []
    now = await page(turn)
    last = now
    while True:
        there += now.data
        assert len(now.data) <= turn.limit
        last = now
        if now.next_cursor is None:
            break
        now = await page(msgspec.structs.replace(turn, cursor=now.next_cursor))
    back = list(last.data)
    while last.prev_cursor is not None:
        last = await page(msgspec.structs.replace(turn, before=last.prev_cursor))
        back[:0] = last.data
    return there, back


def test_chats_against_a_model(db_url: str) -> None:
    with asyncio.Runner() as runner:
        db = Database(DbSettings(), db_url)
        try:
            run_state_machine_as_test(
                lambda: Chats(runner, db),
                settings=settings(
                    max_examples=25,
                    stateful_step_count=20,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(db.close())
