"""The verbs of keys: make, list, change, revoke, rotate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from roundhouse.core.errors import Conflict, RoundhouseError, Unprocessable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, Limits
from roundhouse.features.access import store
from roundhouse.features.access.credentials import KeyHasher, new_key
from roundhouse.features.access.rights import Grant, check_covered, inherit
from roundhouse.features.access.schemas import KeyCreate, KeyCreated, KeyList, KeyPatch, KeyRead, KeyRotate
from roundhouse.infra.audit import append
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.paging import decode_cursor, encode_cursor
from roundhouse.infra.revision import RevisionWatcher, bump

_LIMITS = Limits.__struct_fields__
_LATEST_S = 221_845_392_000.0
"""The year 9000: later times cannot be shown in every time zone."""
_SYSTEM = Caller(key_id="system", scopes=frozenset({"admin"}))

_log = structlog.get_logger(__name__)


class KeyService:
    """Keys. A caller without `admin` sees and makes keys of its own tenant only.

    Args:
        db: The database.
        hasher: Digests of keys.
        clock: Time.
        watcher: Told of changes; None where nobody serves (command line).
    """

    def __init__(
        self, db: Database, hasher: KeyHasher, clock: Clock, watcher: RevisionWatcher | None = None
    ) -> None:
        self._db = db
        self._hasher = hasher
        self._watcher = watcher
        self._clock = clock

    async def create(self, caller: Caller, wanted: KeyCreate) -> KeyCreated:
        """Make a key; its text is in the answer and nowhere else.

        Raises:
            NotAllowed: It would be wider than the caller.
            Unprocessable: It would have ended already.
        """
        limits = {name: getattr(wanted, name) for name in _LIMITS}
        limits["budget_period"] = wanted.budget_period or _period_of(caller)
        grant = inherit(
            caller,
            Grant(
                site_id=wanted.site_id or caller.site_id,
                user_id=wanted.user_id,
                app_id=wanted.app_id,
                scopes=frozenset(wanted.scopes),
                models=tuple(wanted.models),
                routes=tuple(wanted.routes),
                limits=Limits(**limits),
                expires_at_s=_unix(wanted.expires_at),
            ),
        )
        check_covered(caller, grant)
        self._check_end(grant)
        row = self._row(wanted.name, grant)
        text = self._mint(row)
        async with self._db.begin() as tx:
            await self._insert(tx, caller, row)
        await self._announce()
        return KeyCreated(key=text, **self._read(row).model_dump())

    async def create_first(self, keep: Callable[[str], None]) -> str | None:
        """Make the first key, an admin's, unless there ever was one; returns its text, None = there was.

        Args:
            keep: Writes the text down; runs in a thread before the key is in the database, so that a crash in
                between cannot leave a key that nobody knows.
        """
        async with self._db.begin() as tx:
            # The lock first: of two processes that start at once only one may make it.
            await bump(tx)
            if await store.any_key(tx):
                return None
            scopes = frozenset({"admin"})
            row = self._row("first admin key", Grant("default", None, None, scopes, (), (), Limits(), None))
            text = self._mint(row)
            await asyncio.to_thread(keep, text)
            await self._insert(tx, _SYSTEM, row)
        await self._announce()
        return text

    async def list(self, caller: Caller, *, site_id: str | None, cursor: str | None, limit: int) -> KeyList:
        """Keys, newest first.

        Args:
            caller: Who asks.
            site_id: Tenant, for admins; None = all that the caller may see.
            cursor: Of the page before.
            limit: Most keys returned.

        Raises:
            BadInput: The cursor is not one of this list.
        """
        async with self._db.read() as tx:
            rows = await store.list_keys(
                tx,
                site_id=_site(caller) or site_id,
                before_id=decode_cursor(cursor, str),
                limit=limit + 1,
            )
        page = rows[:limit]
        more = len(rows) > limit
        return KeyList(
            data=[self._read(row) for row in page],
            has_more=more,
            next_cursor=encode_cursor(page[-1].id) if more else None,
        )

    async def get(self, caller: Caller, key_id: str) -> KeyRead:
        """One key; raises NotFound."""
        async with self._db.read() as tx:
            return self._read(await store.get_key(tx, key_id, site_id=_site(caller)))

    async def update(self, caller: Caller, key_id: str, patch: KeyPatch) -> KeyRead:
        """Change a key.

        Raises:
            NotFound: The caller sees no such key.
            NotAllowed: It is wider than the caller, or would become so.
            Conflict: It was revoked.
            Unprocessable: It would have ended already.
        """
        changes = patch.model_dump(exclude_unset=True)
        async with self._db.begin() as tx:
            row = await store.get_key(tx, key_id, site_id=_site(caller), lock=True)
            check_covered(caller, _grant(row))
            if row.revoked_at_s is not None:
                raise Conflict("The key was revoked.")
            grant = inherit(caller, _changed(row, changes))
            check_covered(caller, grant)
            if "expires_at" in changes:
                self._check_end(grant)
            columns = _columns(grant) | ({"name": changes["name"]} if changes.get("name") else {})
            await store.update_key(tx, key_id, **columns)
            before, row = row, await store.get_key(tx, key_id, site_id=None)
            detail = {
                when: self._read(one).model_dump(mode="json", include=set(changes))
                for when, one in (("before", before), ("after", row))
            }
            await self._audit(tx, caller, "key.update", row, detail)
        await self._announce()
        return self._read(row)

    async def revoke(self, caller: Caller, key_id: str) -> KeyRead:
        """End a key for good, in every process within a second; again is no error.

        Raises:
            NotFound: The caller sees no such key.
            NotAllowed: It is wider than the caller.
        """
        async with self._db.begin() as tx:
            row = await store.get_key(tx, key_id, site_id=_site(caller), lock=True)
            check_covered(caller, _grant(row))
            if row.revoked_at_s is None:
                await store.update_key(tx, key_id, revoked_at_s=self._clock.now_s())
                await self._audit(tx, caller, "key.revoke", row, {})
                row = await store.get_key(tx, key_id, site_id=None)
        await self._announce()
        return self._read(row)

    async def rotate(self, caller: Caller, key_id: str, wanted: KeyRotate) -> KeyCreated:
        """Replace a key by one with the same rights, limits and budget; the old one works for the overlap.

        Raises:
            NotFound: The caller sees no such key.
            NotAllowed: It is wider than the caller.
            Conflict: It has ended or was revoked.
        """
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            old = await store.get_key(tx, key_id, site_id=_site(caller), lock=True)
            check_covered(caller, _grant(old))
            if self._status(old) != "active":
                raise Conflict("The key has ended or was revoked; make a new one.")
            ends_s = min(now_s + wanted.overlap_s, old.expires_at_s or float("inf"))
            ended = {"expires_at_s": ends_s} if wanted.overlap_s else {"revoked_at_s": now_s}
            await store.update_key(tx, key_id, **ended)
            row = self._row(old.name, _grant(old), rotated_from=old.id, root_id=old.root_id)
            text = self._mint(row)
            await store.insert_key(tx, row)
            await self._audit(tx, caller, "key.rotate", old, {"to": row.id, "overlap_s": wanted.overlap_s})
        await self._announce()
        return KeyCreated(key=text, **self._read(row).model_dump())

    def _check_end(self, grant: Grant) -> None:
        if grant.expires_at_s is not None and not self._clock.now_s() < grant.expires_at_s < _LATEST_S:
            raise Unprocessable(
                "expires_at must lie in the future, before the year 9000.", param="expires_at"
            )

    def _row(
        self, name: str, grant: Grant, *, rotated_from: str | None = None, root_id: str | None = None
    ) -> store.KeyRow:
        key_id = new_id("key")
        return store.KeyRow(
            id=key_id,
            name=name,
            digest="",
            site_id=grant.site_id,
            user_id=grant.user_id,
            app_id=grant.app_id,
            created_at_s=self._clock.now_s(),
            revoked_at_s=None,
            rotated_from=rotated_from,
            root_id=root_id or key_id,
            last_used_at_s=None,
            **_columns(grant),
        )

    def _mint(self, row: store.KeyRow) -> str:
        text = new_key(row.id)
        row.digest = self._hasher.digest(text)
        return text

    async def _insert(self, tx: Tx, caller: Caller, row: store.KeyRow) -> None:
        await store.insert_key(tx, row)
        detail = {"name": row.name, **_columns(_grant(row))}
        await self._audit(tx, caller, "key.create", row, detail)

    async def _audit(
        self, tx: Any, caller: Caller, action: str, row: store.KeyRow, detail: dict[str, Any]
    ) -> None:
        await append(
            tx,
            caller,
            action=action,
            object_id=row.id,
            detail=detail,
            at_s=self._clock.now_s(),
            site_id=row.site_id,
        )

    async def _announce(self) -> None:
        """Put the change in force here at once; the change itself is done, whatever happens now."""
        if self._watcher is None:
            return
        try:
            await self._watcher.check_now()
        except RoundhouseError as error:
            _log.warning("change_not_yet_in_force", error=error.detail)

    def _status(self, row: store.KeyRow) -> str:
        if row.revoked_at_s is not None:
            return "revoked"
        ended = row.expires_at_s is not None and row.expires_at_s <= self._clock.now_s()
        return "expired" if ended else "active"

    def _read(self, row: store.KeyRow) -> KeyRead:
        limits = msgspec.structs.asdict(msgspec.convert(row.limits, Limits))
        return KeyRead.model_validate(
            {
                **limits,
                "id": row.id,
                "name": row.name,
                "status": self._status(row),
                "site_id": row.site_id,
                "user_id": row.user_id,
                "app_id": row.app_id,
                "scopes": row.scopes,
                "models": row.models,
                "routes": row.routes,
                "created_at": _time(row.created_at_s),
                "expires_at": _time(row.expires_at_s),
                "revoked_at": _time(row.revoked_at_s),
                "last_used_at": _time(row.last_used_at_s),
                "rotated_from": row.rotated_from,
            }
        )


def _site(caller: Caller) -> str | None:
    """The tenant whose rows a caller sees, None = all."""
    return None if "admin" in caller.scopes else caller.site_id


def _period_of(caller: Caller) -> str:
    own = caller.limits
    bounded = own.budget_usd is not None or own.budget_tokens is not None
    return own.budget_period if bounded else "month"


def _grant(row: store.KeyRow) -> Grant:
    return Grant(
        site_id=row.site_id,
        user_id=row.user_id,
        app_id=row.app_id,
        scopes=frozenset(row.scopes),
        models=tuple(row.models),
        routes=tuple(row.routes),
        limits=msgspec.convert(row.limits, Limits),
        expires_at_s=row.expires_at_s,
    )


def _changed(row: store.KeyRow, changes: dict[str, Any]) -> Grant:
    """The grant of a row with the changes of a patch; null is 'no bound' where there can be one, else no change."""
    grant = _grant(row)
    limits = {name: changes[name] for name in _LIMITS if name in changes}
    if limits.get("budget_period", "") is None:
        del limits["budget_period"]
    scopes = changes.get("scopes")
    return msgspec.structs.replace(
        grant,
        scopes=grant.scopes if scopes is None else frozenset(scopes),
        models=tuple(changes["models"] or ()) if "models" in changes else grant.models,
        routes=tuple(changes["routes"] or ()) if "routes" in changes else grant.routes,
        limits=msgspec.structs.replace(grant.limits, **limits),
        expires_at_s=_unix(changes["expires_at"]) if "expires_at" in changes else grant.expires_at_s,
    )


def _columns(grant: Grant) -> dict[str, Any]:
    return {
        "scopes": sorted(grant.scopes),
        "models": list(grant.models),
        "routes": list(grant.routes),
        "limits": msgspec.structs.asdict(grant.limits),
        "expires_at_s": grant.expires_at_s,
    }


def _unix(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _time(unix_s: float | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)
