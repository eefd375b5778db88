"""The verbs of the inbox."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from roundhouse.core.errors import BadInput, NotFound, RequestExpired
from roundhouse.core.ports import Clock, Jobs
from roundhouse.core.types import Caller
from roundhouse.features.tasks.human import store
from roundhouse.features.tasks.human.deciding import (
    Decision,
    Forms,
    check_claim,
    check_person,
    check_undecided,
    decide,
)
from roundhouse.features.tasks.human.model import UNDECIDED, HumanRequest, Note, RequestState, who_is
from roundhouse.features.tasks.human.schemas import (
    AnswerAsk,
    ClaimAsk,
    CommentAsk,
    HumanRequestList,
    HumanRequestRead,
    LinkAsk,
    LinkRead,
    ReassignAsk,
    RejectAsk,
)
from roundhouse.features.tasks.human.shapes import read_request
from roundhouse.features.tasks.human.store import Link, Wanted
from roundhouse.features.tasks.human.telling import events_of
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import append
from roundhouse.infra.moments import moment
from roundhouse.infra.paging import decode_cursor, encode_cursor

LINK_PATH = "/v1/human/links/"
_TOKEN_BYTES = 32
_ALL: tuple[RequestState, ...] = ("open", "claimed", "answered", "rejected", "expired", "cancelled")

StateFilter = Literal["open", "claimed", "answered", "rejected", "expired", "cancelled", "all"]
Sort = Literal["due", "newest"]


class Inbox:
    """Questions to people.

    Args:
        db: The database.
        jobs: The tasks that wait for answers.
        forms: Checks answers.
        clock: Time.
    """

    def __init__(self, db: Database, jobs: Jobs[Tx], forms: Forms, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._forms = forms
        self._clock = clock

    async def page(
        self,
        caller: Caller,
        *,
        state: StateFilter,
        assignees: Sequence[str],
        task_id: str | None,
        sort: Sort,
        cursor: str | None,
        limit: int,
    ) -> HumanRequestList:
        """Questions that the caller may see; `me` among the assignees is the caller, and what anybody may answer."""
        states = UNDECIDED if state == "open" else _ALL if state == "all" else (state,)
        own = (who_is(caller), f"key:{caller.key_id}") if "me" in assignees else ()
        people = (*(one for one in assignees if one != "me"), *own)
        by_due = sort == "due"
        wanted = Wanted(states, people or None, bool(own), task_id, by_due, _behind(cursor))
        async with self._db.read() as tx:
            found = await store.page(tx, caller, wanted, limit + 1)
        shown, more = found[:limit], len(found) > limit
        after = encode_cursor(f"{shown[-1].due_at_s if by_due else 0.0!r}|{shown[-1].id}") if more else None
        return HumanRequestList(data=[read_request(one) for one in shown], has_more=more, next_cursor=after)

    async def get(self, caller: Caller, request_id: str) -> HumanRequestRead:
        """One question with its history; raises NotFound."""
        async with self._db.read() as tx:
            found = await store.get(tx, caller, request_id)
            notes = await store.notes_of(tx, found.site_id, found.id)
        return read_request(found, notes)

    async def claim(self, caller: Caller, request_id: str, asked: ClaimAsk) -> HumanRequestRead:
        """Say that the caller works on it. Raises like `deciding.decide`."""

        def change(found: HumanRequest, now_s: float) -> tuple[HumanRequest, list[Note]]:
            if not asked.take_over:
                check_claim(who_is(caller), found)
            who = who_is(caller)
            changed = msgspec.structs.replace(found, state="claimed", claimed_by=who)
            return changed, [] if changed == found else [Note("claimed", who, {}, now_s)]

        return await self._change(caller, request_id, change)

    async def reassign(self, caller: Caller, request_id: str, asked: ReassignAsk) -> HumanRequestRead:
        """Ask others instead; who had claimed it has not any more. Raises like `deciding.decide`."""

        def change(found: HumanRequest, now_s: float) -> tuple[HumanRequest, list[Note]]:
            people = tuple(dict.fromkeys(asked.assignees))
            changed = msgspec.structs.replace(found, assignees=people, state="open", claimed_by=None)
            data = {"to": list(people), **({"comment": asked.comment} if asked.comment else {})}
            return changed, [Note("reassigned", who_is(caller), data, now_s)]

        return await self._change(caller, request_id, change, audited="human.reassign")

    async def comment(self, caller: Caller, request_id: str, asked: CommentAsk) -> HumanRequestRead:
        """Add a word to its history, also behind its end; raises NotFound."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            found = await store.get(tx, caller, request_id)
            await store.add_notes(
                tx, found, [Note("commented", who_is(caller), {"comment": asked.comment}, now_s)]
            )
            notes = await store.notes_of(tx, found.site_id, found.id)
        return read_request(found, notes)

    async def answer(self, caller: Caller, request_id: str, asked: AnswerAsk) -> HumanRequestRead:
        """Answer it; the task goes on. Raises like `deciding.decide`."""
        said = Decision("answer", asked.answer, asked.comment, asked.version)
        return await self._decide(caller, request_id, said)

    async def reject(self, caller: Caller, request_id: str, asked: RejectAsk) -> HumanRequestRead:
        """Say no; the task goes on with what its flow has for that. Raises like `deciding.decide`."""
        said = Decision("reject", None, asked.comment, asked.version)
        return await self._decide(caller, request_id, said)

    # Links

    async def make_link(self, caller: Caller, request_id: str, asked: LinkAsk) -> LinkRead:
        """A link with which one person can decide without a key, once; only its digest is kept.

        Raises:
            NotFound, AlreadyAnswered, RequestExpired: There is nothing to decide.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            found = await store.get(tx, caller, request_id)
            check_undecided(found, now_s)
            check_person(caller, found)
            expires_at_s = found.due_at_s if asked.expires_in_s is None else now_s + asked.expires_in_s
            link = Link(_digest(token), found.site_id, found.id, asked.assignee, expires_at_s, None)
            await store.add_link(tx, link, now_s)
            detail = {"assignee": asked.assignee}
            await audit.append(tx, caller, action="human.link", object_id=found.id, detail=detail, at_s=now_s)
        return LinkRead(path=LINK_PATH + token, assignee=asked.assignee, expires_at=moment(expires_at_s))

    async def look(self, token: str) -> HumanRequest:
        """The question behind a link, as long as it can be decided with it. It changes nothing.

        Raises:
            NotFound, AlreadyAnswered, RequestExpired: There is nothing to decide.
        """
        now_s = self._clock.now_s()
        async with self._db.read() as tx:
            link = await store.link(tx, _digest(token))
            found = await _behind_link(tx, link, now_s)
        check_undecided(found, now_s)
        return found

    async def decide_by_link(self, token: str, said: Decision) -> HumanRequest:
        """Decide with a link, which is used up by it. Raises like `look` and `deciding.decide`."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            link = await store.link(tx, _digest(token), lock=True)
            found = await _behind_link(tx, link, now_s, lock=True)
            if link is None:
                raise NotFound("There is no such link.")
            await store.use_link(tx, link.token_hash, now_s)
            if found.claimed_by is not None:
                # Whoever has the link was asked by name; a claim is to keep colleagues from doing work twice.
                found = msgspec.structs.replace(found, claimed_by=None)
            said = msgspec.structs.replace(said, by=link.assignee)
            holder = Caller("link", link.site_id)
            return await decide(tx, holder, found, said, self._jobs, self._forms, now_s)

    # Inside

    async def _decide(self, caller: Caller, request_id: str, said: Decision) -> HumanRequestRead:
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            found = await store.get(tx, caller, request_id, lock=True)
            after = await decide(tx, caller, found, said, self._jobs, self._forms, now_s)
        return await self.get(caller, after.id)

    async def _change(
        self,
        caller: Caller,
        request_id: str,
        change: Callable[[HumanRequest, float], tuple[HumanRequest, list[Note]]],
        audited: str | None = None,
    ) -> HumanRequestRead:
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            found = await store.get(tx, caller, request_id, lock=True)
            check_undecided(found, now_s)
            check_person(caller, found)
            changed, notes = change(found, now_s)
            after = found if changed == found else await store.save(tx, found, changed, now_s)
            await store.add_notes(tx, after, notes)
            history = await store.notes_of(tx, after.site_id, after.id)
            if audited is not None:
                detail = {"assignees": list(after.assignees)}
                await audit.append(tx, caller, action=audited, object_id=after.id, detail=detail, at_s=now_s)
            await append(tx, *events_of(after, notes, now_s))
        return read_request(after, history)


async def _behind_link(tx: Tx, link: Link | None, now_s: float, *, lock: bool = False) -> HumanRequest:
    if link is None:
        raise NotFound("There is no such link.")
    found = await store.get(tx, Caller("link", link.site_id), link.request_id, lock=lock)
    if link.used_at_s is None and link.expires_at_s <= now_s:
        raise RequestExpired("The link could be used until its time was over.")
    if link.used_at_s is not None:
        check_undecided(found, now_s)
        raise RequestExpired("The link was used already.")
    return found


def _behind(cursor: str | None) -> tuple[float, str] | None:
    last = decode_cursor(cursor, str)
    if last is None:
        return None
    due, _, request_id = last.partition("|")
    try:
        return float(due), request_id
    except ValueError:
        raise BadInput("The cursor is not one of this list.", param="cursor") from None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
