"""The verbs of numbers and of clean-up."""

from __future__ import annotations

from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.rights import owner
from roundhouse.features.chat.schemas import (
    CleanupAsk,
    CleanupRead,
    ModelTally,
    RoleTally,
    SessionsStats,
    SessionStats,
    SessionTally,
    UserTally,
)
from roundhouse.features.chat.shapes import read_tally, tally_fields
from roundhouse.features.chat.store import Action, Ended, Old, Span
from roundhouse.features.chat.telling import tell_stops
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.events import store as events
from roundhouse.infra.moments import moment_or_none

_DAY_S = 86_400.0
_BATCH = 200
_MOST_GROUPS = 100
_MOST_NAMED = 100


class UpkeepService:
    """Numbers about sessions, and the end of old ones.

    Args:
        db: The database.
        index: Is told of sessions that are gone.
        clock: Time.
    """

    def __init__(self, db: Database, index: ChatIndex, clock: Clock) -> None:
        self._db = db
        self._index = index
        self._clock = clock

    async def session_stats(self, caller: Caller, session_id: str) -> SessionStats:
        """Numbers about one session; raises NotFound."""
        async with self._db.read() as tx:
            session = await store.get_session(tx, caller, session_id)
            total = await store.tally_session(tx, session.id)
            roles = await store.tally_session_by(tx, session.id, "role", _MOST_GROUPS)
            models = await store.tally_session_by(tx, session.id, "model", _MOST_GROUPS)
            first_s, last_s = await store.first_and_last(tx, session.id)
        return SessionStats(
            session_id=session.id,
            branches=session.branches,
            first_message_at=moment_or_none(first_s),
            last_message_at=moment_or_none(last_s),
            total=read_tally(total),
            by_role=[RoleTally.model_validate({"role": name, **tally_fields(one)}) for name, one in roles],
            by_model=[
                ModelTally.model_validate({"model": name, **tally_fields(one)}) for name, one in models
            ],
        )

    async def stats(self, caller: Caller, span: Span) -> SessionsStats:
        """Numbers about all sessions that the caller may see, created in a span."""
        async with self._db.read() as tx:
            counts = await store.count_sessions(tx, caller, span)
            total = await store.tally(tx, caller, span)
            models = await store.tally_by(tx, caller, span, "model", _MOST_GROUPS)
            users = await store.tally_by(tx, caller, span, "user_id", _MOST_GROUPS)
            largest = await store.tally_sessions(tx, caller, span, _MOST_GROUPS)
        return SessionsStats(
            sessions=counts.sessions,
            archived=counts.archived,
            pinned=counts.pinned,
            deleted=counts.deleted,
            total=read_tally(total),
            by_model=[
                ModelTally.model_validate({"model": name, **tally_fields(one)}) for name, one in models
            ],
            by_user=[UserTally.model_validate({"user_id": name, **tally_fields(one)}) for name, one in users],
            by_session=[
                SessionTally.model_validate({"session_id": one_id, "title": title, **tally_fields(one)})
                for one_id, title, one in largest
            ],
        )

    async def clean_up(self, caller: Caller, asked: CleanupAsk) -> CleanupRead:
        """Archive or delete the caller's old sessions, or only tell which they are.

        Raises:
            NotAllowed: The caller stands for one user and names another.
            StorageUnavailable, StorageFull: What was done so far is done.
        """
        before_s = self._clock.now_s() - asked.days * _DAY_S
        old = Old(asked.action, before_s, caller, owner(caller, asked.user_id))
        if asked.dry_run:
            async with self._db.read() as tx:
                sessions, messages = await store.count_old(tx, old)
                named = await store.some_old(tx, old, _MOST_NAMED)
            return CleanupRead(
                action=asked.action, dry_run=True, sessions=sessions, messages=messages, session_ids=named
            )
        ended = await self._end_all(old, caller)
        return CleanupRead(
            action=asked.action,
            dry_run=False,
            sessions=len(ended),
            messages=sum(one.message_count for one in ended),
            session_ids=[one.id for one in ended[:_MOST_NAMED]],
        )

    async def clean_up_house(self, days: float, action: Action) -> int:
        """Archive or delete the old sessions of every tenant, for the schedule; how many they were."""
        old = Old(action, self._clock.now_s() - days * _DAY_S, None)
        return len(await self._end_all(old, None))

    async def remove_deleted(self, days: float) -> int:
        """Remove sessions of every tenant for good that were deleted so many days ago; how many they were."""
        before_s = self._clock.now_s() - days * _DAY_S
        removed = 0
        while True:
            async with self._db.begin() as tx:
                ids = await store.remove_deleted(tx, before_s, _BATCH)
            removed += len(ids)
            if len(ids) < _BATCH:
                return removed

    async def _end_all(self, old: Old, caller: Caller | None) -> list[Ended]:
        """In batches, each a transaction: others write in between."""
        ended: list[Ended] = []
        while True:
            now_s = self._clock.now_s()
            async with self._db.begin() as tx:
                batch = await store.end_old(tx, old, now_s, _BATCH)
                stopped: list[tuple[str, str]] = []
                if old.action == "delete":
                    ids = [one.id for one in batch]
                    stopped = await store.request_stops(tx, ids)
                    await self._index.sessions_gone(tx, ids)
                if caller is not None and batch:
                    detail = {"action": old.action, "sessions": len(batch)}
                    await audit.append(
                        tx,
                        caller,
                        action="session.cleanup",
                        object_id=caller.site_id,
                        detail=detail,
                        at_s=now_s,
                    )
                await events.append(tx, *(_told(one, old.action, now_s) for one in batch))
                await tell_stops(tx, stopped, now_s)
            ended += batch
            if len(batch) < _BATCH:
                return ended


def _told(one: Ended, action: Action, at_s: float) -> events.NewEvent:
    kind = "session.updated" if action == "archive" else "session.deleted"
    data = {"session_id": one.id, "user_id": one.user_id}
    return events.NewEvent(one.site_id, one.id, kind, data, at_s)
