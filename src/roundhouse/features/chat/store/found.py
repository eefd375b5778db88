"""SQL of what is to be found by a search: everything as it is now, of all tenants, for the index alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from roundhouse.features.chat.rows import messages, session_tags, sessions
from roundhouse.infra.db import Tx


class Text(NamedTuple):
    """A message, or the title of a session.

    Attributes:
        id: Of the message or session.
        site_id: Whose it is.
        user_id: Likewise.
        app_id: Likewise.
        session_id: Of the session.
        role: Of the message; "" for a title.
        text: What is searched.
        at_s: Unix time of its creation.
        tags: Of the session.
    """

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    session_id: str
    role: str
    text: str
    at_s: float
    tags: tuple[str, ...] = ()


_TITLES = sa.select(
    sessions.c.id,
    sessions.c.site_id,
    sessions.c.user_id,
    sessions.c.app_id,
    sessions.c.id.label("session_id"),
    sa.literal("").label("role"),
    sessions.c.title,
    sessions.c.created_at_s,
).where(sessions.c.deleted_at_s.is_(None), sessions.c.id.in_(sa.bindparam("ids", expanding=True)))
# Summaries repeat what is found in the messages themselves.
_MESSAGES = (
    sa.select(
        messages.c.id,
        messages.c.site_id,
        messages.c.user_id,
        messages.c.app_id,
        messages.c.session_id,
        messages.c.role,
        messages.c.content,
        messages.c.created_at_s,
    )
    .join(sessions, sessions.c.id == messages.c.session_id)
    .where(
        sessions.c.deleted_at_s.is_(None),
        messages.c.deleted_at_s.is_(None),
        messages.c.kind == "message",
        messages.c.state != "generating",
        messages.c.content != "",
        messages.c.id.in_(sa.bindparam("ids", expanding=True)),
    )
)
_TAGS = sa.select(session_tags.c.session_id, session_tags.c.tag).where(
    session_tags.c.session_id.in_(sa.bindparam("ids", expanding=True))
)
_PARTS = (
    sa.select(messages.c.seq, messages.c.id)
    .where(messages.c.session_id == sa.bindparam("session"), messages.c.seq > sa.bindparam("after"))
    .order_by(messages.c.seq)
    .limit(sa.bindparam("limit"))
)
_ALL_MESSAGES = (
    sa.select(messages.c.seq, messages.c.id)
    .where(messages.c.seq > sa.bindparam("after"))
    .order_by(messages.c.seq)
    .limit(sa.bindparam("limit"))
)
_ALL_SESSIONS = (
    sa.select(sessions.c.id)
    .where(sessions.c.id > sa.bindparam("after"))
    .order_by(sessions.c.id)
    .limit(sa.bindparam("limit"))
)


async def found_messages(tx: Tx, ids: Sequence[str], *, lock: bool = False) -> list[Text]:
    """Those of the messages that are to be found.

    Args:
        tx: Any transaction; one for writing with `lock`.
        ids: Which.
        lock: Whether nobody may change them until it ends; those that somebody holds are left out.
    """
    query = _MESSAGES.with_for_update(read=True, skip_locked=True) if lock else _MESSAGES
    return await _tagged(tx, (Text(*row) for row in await tx.execute(query, {"ids": ids})))


async def found_titles(tx: Tx, ids: Sequence[str], *, lock: bool = False) -> list[Text]:
    """Those of the sessions that are there; arguments as of `found_messages`."""
    query = _TITLES.with_for_update(read=True, skip_locked=True) if lock else _TITLES
    return await _tagged(tx, (Text(*row) for row in await tx.execute(query, {"ids": ids})))


async def message_ids_after(
    tx: Tx, session_id: str | None, after_seq: int, limit: int
) -> list[tuple[int, str]]:
    """Number and id of messages of a session, or of all (None), in the order of their writing."""
    named = {"after": after_seq, "limit": limit}
    if session_id is None:
        rows = await tx.execute(_ALL_MESSAGES, named)
    else:
        rows = await tx.execute(_PARTS, {"session": session_id, **named})
    return [(int(row.seq), row.id) for row in rows]


async def session_ids_after(tx: Tx, after_id: str, limit: int) -> list[str]:
    """Ids of sessions in their order."""
    return list((await tx.execute(_ALL_SESSIONS, {"after": after_id, "limit": limit})).scalars())


async def is_session(tx: Tx, session_id: str) -> bool:
    """Whether there is such a session, deleted or not."""
    query = sa.select(sessions.c.id).where(sessions.c.id == session_id)
    return (await tx.execute(query)).first() is not None


async def sites_of(tx: Tx, session_ids: Sequence[str]) -> dict[str, list[str]]:
    """Sessions by their tenants."""
    query = sa.select(sessions.c.site_id, sessions.c.id).where(sessions.c.id.in_(session_ids))
    found: dict[str, list[str]] = {}
    for site_id, session_id in await tx.execute(query.order_by(sessions.c.id)):
        found.setdefault(site_id, []).append(session_id)
    return found


async def count_all(tx: Tx) -> tuple[int, int]:
    """How many messages and sessions there are."""
    counted = [sa.select(sa.func.count()).select_from(table) for table in (messages, sessions)]
    first, second = [int((await tx.execute(query)).scalar_one()) for query in counted]
    return first, second


async def _tagged(tx: Tx, texts: Iterable[Text]) -> list[Text]:
    found = list(texts)
    tags: dict[str, list[str]] = {}
    ids = sorted({one.session_id for one in found})
    for row in await tx.execute(_TAGS, {"ids": ids}) if ids else ():
        tags.setdefault(row.session_id, []).append(row.tag)
    return [one._replace(tags=tuple(sorted(tags.get(one.session_id, ())))) for one in found]
