"""SQL of messages and branches.

The conversation of a branch is a chain of stretches, each a range of depths of one branch. Every depth of it is taken,
by a deleted message if need be, so a page is read as a window of depths, whatever the number of branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller
from roundhouse.features.chat.model import Message, NewMessage, Session
from roundhouse.features.chat.rows import branches, messages, sessions
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible

# A window names each of its stretches in one condition; SQLite bounds how deep conditions may be.
_WIDEST = 256

_FIELDS = [messages.c[name] for name in Message.__struct_fields__]
_INSERT = sa.insert(messages).returning(messages.c.id, messages.c.seq)
_TIP = (
    sa.select(messages.c.id, messages.c.depth)
    .where(messages.c.session_id == sa.bindparam("session"), messages.c.branch == sa.bindparam("number"))
    .order_by(messages.c.depth.desc())
    .limit(1)
)
_AT = sa.select(messages.c.id).where(
    messages.c.session_id == sa.bindparam("session"),
    messages.c.branch == sa.bindparam("number"),
    messages.c.depth == sa.bindparam("depth"),
)
_BRANCH = sa.select(branches.c.parent, branches.c.from_depth).where(
    branches.c.session_id == sa.bindparam("session"), branches.c.number == sa.bindparam("number")
)
_GROWN = (
    sa.update(sessions)
    .where(sessions.c.id == sa.bindparam("session"))
    .values(
        message_count=sessions.c.message_count + sa.bindparam("added"),
        version=sessions.c.version + sa.bindparam("added"),
        updated_at_s=sa.bindparam("now_s"),
        last_message_at_s=sa.bindparam("at_s"),
    )
)
SAID = (
    "content",
    "state",
    "finish_reason",
    "error",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "first_token_ms",
    "total_ms",
    "cost_usd",
    "metadata",
)
"""What is known of an answer when it has ended."""

_FINISH = (
    sa.update(messages)
    .where(messages.c.id == sa.bindparam("message"), messages.c.deleted_at_s.is_(None))
    .values(
        version=messages.c.version + 1,
        updated_at_s=sa.bindparam("now_s"),
        **{name: sa.bindparam(f"its_{name}", type_=messages.c[name].type) for name in SAID},
    )
    .returning(*_FIELDS)
)
_WINDOW = (
    sa.select(*_FIELDS)
    .where(
        messages.c.session_id == sa.bindparam("session"),
        messages.c.branch == sa.bindparam("number"),
        messages.c.depth >= sa.bindparam("low"),
        messages.c.depth < sa.bindparam("high"),
        messages.c.deleted_at_s.is_(None),
    )
    .order_by(messages.c.depth)
)


def _chain_query() -> sa.Select[Any]:
    first = (
        sa.select(branches.c.number, branches.c.parent, branches.c.from_depth)
        .where(branches.c.session_id == sa.bindparam("session"), branches.c.number == sa.bindparam("number"))
        .cte("chain", recursive=True)
    )
    above = sa.select(branches.c.number, branches.c.parent, branches.c.from_depth).where(
        branches.c.session_id == sa.bindparam("session"), branches.c.number == first.c.parent
    )
    return sa.select(first.union_all(above))


def _descent_query() -> Any:
    """Branches that leave a branch behind a depth, and those that leave them anywhere."""
    first = (
        sa.select(branches.c.number)
        .where(
            branches.c.session_id == sa.bindparam("session"),
            branches.c.parent == sa.bindparam("number"),
            branches.c.from_depth > sa.bindparam("depth"),
        )
        .cte("descent", recursive=True)
    )
    below = sa.select(branches.c.number).where(
        branches.c.session_id == sa.bindparam("session"), branches.c.parent == first.c.number
    )
    return sa.select(first.union_all(below))


_CHAIN = _chain_query()
_DESCENT = _descent_query()


class Stretch(msgspec.Struct, frozen=True):
    """Messages of one branch from depth `low` up to `high` (excluded)."""

    branch: int
    low: int
    high: int


class Sibling(msgspec.Struct, frozen=True):
    """One of the messages that stand in the same place of a conversation.

    Attributes:
        message: It; its text is empty where it is deleted.
        shown: Whether the shown conversation goes through it.
    """

    message: Message
    shown: bool


def _there(caller: Caller) -> sa.Select[Any]:
    """Messages that the caller may see and that are not deleted, nor their sessions."""
    query = sa.select(*_FIELDS).join(sessions, sessions.c.id == messages.c.session_id)
    gone = (messages.c.deleted_at_s, sessions.c.deleted_at_s)
    return query.where(visible(messages, caller), *(one.is_(None) for one in gone))


async def get_messages(tx: Tx, caller: Caller, ids: Sequence[str]) -> dict[str, Message]:
    """Those of the messages that are there and that the caller may see, by id."""
    query = _there(caller).where(messages.c.id.in_(ids))
    return {one.id: one for one in (Message(*row) for row in await tx.execute(query))}


async def get_message(tx: Tx, caller: Caller, message_id: str, *, lock: bool = False) -> Message:
    """A message that the caller may see and that is not deleted, nor its session.

    Args:
        tx: Any transaction; one for writing with `lock`.
        caller: Who asks.
        message_id: `msg_…`.
        lock: Whether to keep others from changing it until the transaction ends.

    Raises:
        NotFound: There is none.
    """
    query = _there(caller).where(messages.c.id == message_id)
    if lock:
        query = query.with_for_update(of=messages)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound("No such message.", param="message_id")
    return Message(*row)


async def append_message(tx: Tx, session: Session, new: NewMessage, now_s: float) -> Message:
    """Write a message at the end of the shown branch; see `append_messages`."""
    (message,) = await append_messages(tx, session, [new], now_s)
    return message


async def append_messages(tx: Tx, session: Session, new: Sequence[NewMessage], now_s: float) -> list[Message]:
    """Write messages at the end of the shown branch, one behind the other.

    The session's count of messages, version and times change with it; `session` itself stays as it was read, and may
    be used for the next message.

    Args:
        tx: A transaction that holds the session's lock.
        session: Where; its `branch` counts.
        new: The messages, at least one.
        now_s: Unix time.
    """
    depth, parent_id = await _end(tx, session.id, session.branch)
    rows: list[dict[str, Any]] = []
    for one in new:
        at_s = now_s if one.created_at_s is None else one.created_at_s
        row: dict[str, Any] = {
            **msgspec.structs.asdict(one),
            "id": new_id("msg"),
            "site_id": session.site_id,
            "user_id": session.user_id,
            "app_id": session.app_id,
            "session_id": session.id,
            "branch": session.branch,
            "depth": depth,
            "parent_id": parent_id,
            "version": 1,
            "created_at_s": at_s,
            "updated_at_s": at_s,
            "deleted_at_s": None,
        }
        rows.append(row)
        depth, parent_id = depth + 1, row["id"]
    numbers: dict[str, int] = dict((await tx.execute(_INSERT, rows)).all())
    grown = {"session": session.id, "now_s": now_s, "at_s": rows[-1]["created_at_s"], "added": len(rows)}
    await tx.execute(_GROWN, grown)
    return [Message(seq=numbers[row["id"]], **row) for row in rows]


async def fork(
    tx: Tx, session: Session, message: Message, now_s: float, *, at: Literal["instead", "after"]
) -> Session:
    """Begin a new branch at a message and show it; what stands there already stays.

    Args:
        tx: A transaction that holds the session's lock.
        session: Whose message it is.
        message: Where.
        now_s: Unix time.
        at: Whether the new branch leaves before the message, for something in its place, or after it.

    Returns:
        The session with the new branch shown. No branch is begun after a message behind which its own branch has
        nothing yet: then that branch is shown.
    """
    parent: int | None = message.branch
    if at == "after":
        from_depth = message.depth + 1
        if (await _end(tx, session.id, message.branch))[0] == from_depth:
            return await _show(tx, session, message.branch, session.branches, now_s)
    else:
        from_depth = message.depth
        above, own_from = await _branch(tx, session.id, message.branch)
        if from_depth == own_from:
            # The message before it stands in the branch that this one leaves.
            parent = above
    number = session.branches
    row = {"session_id": session.id, "number": number, "parent": parent, "from_depth": from_depth}
    await tx.execute(sa.insert(branches), row)
    return await _show(tx, session, number, number + 1, now_s)


async def change_message(tx: Tx, message_id: str, now_s: float, **changes: Any) -> Message:
    """Change columns of a message; its version rises.

    Raises:
        NotFound: It is not there any more.
    """
    change = sa.update(messages).where(messages.c.id == message_id)
    changed = await _changed(tx, change, now_s, changes)
    if changed is None:
        raise NotFound("No such message.", param="message_id")
    return changed


async def finish_message(tx: Tx, message_id: str, now_s: float, said: dict[str, Any]) -> Message | None:
    """Change all that an answer's end tells, the columns `SAID`; None: it was deleted meanwhile, and stays so."""
    row = (
        await tx.execute(
            _FINISH, {"message": message_id, "now_s": now_s, **{f"its_{name}": said[name] for name in SAID}}
        )
    ).one_or_none()
    return None if row is None else Message(*row)


async def _changed(tx: Tx, change: sa.Update, now_s: float, changes: dict[str, Any]) -> Message | None:
    values = change.values(version=messages.c.version + 1, updated_at_s=now_s, **changes)
    row = (await tx.execute(values.returning(*_FIELDS))).one_or_none()
    return None if row is None else Message(*row)


async def branches_through(tx: Tx, message: Message) -> list[int]:
    """Its branch, and all that were made of that behind it."""
    return [message.branch, *(await tx.execute(_DESCENT, _place(message))).scalars()]


async def conversation(
    tx: Tx,
    session: Session,
    *,
    before_depth: int | None = None,
    after_depth: int | None = None,
    limit: int,
    branch: int | None = None,
) -> list[Message]:
    """Messages of a conversation in order; deleted ones are left out.

    Args:
        tx: Any transaction.
        session: Whose.
        before_depth: Only those of less depth.
        after_depth: The first `limit` of those of greater depth; None = the last `limit` of all.
        limit: Most messages.
        branch: The conversation of this branch; None = of the one that is shown.
    """
    number = session.branch if branch is None else branch
    stretches = await _stretches(tx, session.id, number, before_depth)
    if after_depth is None:
        return await _backwards(tx, session.id, stretches, limit)
    return await _forwards(tx, session.id, stretches, after_depth + 1, limit)


async def path_to(tx: Tx, session: Session, message: Message, limit: int) -> list[Message]:
    """The conversation that ends with a message, the last `limit` messages of it, deleted ones left out."""
    stretches = await _stretches_below(tx, session.id, message.branch, message.depth + 1)
    return await _backwards(tx, session.id, stretches, limit)


async def messages_after(tx: Tx, session_id: str, after_seq: int, limit: int) -> list[Message]:
    """Messages of all branches of a session in the order of their writing, deleted ones as well.

    Args:
        tx: Any transaction.
        session_id: Of a session that the caller may see.
        after_seq: Only those behind this number; 0 = from the first.
        limit: Most messages.
    """
    query = sa.select(*_FIELDS).where(messages.c.session_id == session_id, messages.c.seq > after_seq)
    return [Message(*row) for row in await tx.execute(query.order_by(messages.c.seq).limit(limit))]


async def siblings(tx: Tx, session: Session, message: Message, limit: int) -> list[Sibling]:
    """The messages in the same place behind the same message, the given one among them, oldest first."""
    query = sa.select(*_FIELDS).where(messages.c.session_id == session.id)
    if message.parent_id is not None:
        query = query.where(messages.c.parent_id == message.parent_id)
    else:
        roots = sa.select(branches.c.number).where(
            branches.c.session_id == session.id, branches.c.parent.is_(None)
        )
        query = query.where(
            messages.c.depth == 0, sa.or_(messages.c.branch == 0, messages.c.branch.in_(roots))
        )
    found = [Message(*row) for row in await tx.execute(query.order_by(messages.c.seq).limit(limit))]
    chain = await _stretches(tx, session.id, session.branch, None)
    return [Sibling(one, any(_holds(stretch, one) for stretch in chain)) for one in found]


async def branch_through(tx: Tx, session: Session, message: Message) -> int:
    """The branch whose conversation goes through a message and was written to last."""
    candidates = [message.branch, *(await tx.execute(_DESCENT, _place(message))).scalars()]
    if len(candidates) == 1:
        return message.branch
    newest: tuple[int, int] = (message.seq, message.branch)
    for number in candidates:
        tip = sa.select(messages.c.seq).where(
            messages.c.session_id == session.id, messages.c.branch == number
        )
        seq = (await tx.execute(tip.order_by(messages.c.depth.desc()).limit(1))).scalar_one_or_none()
        if seq is not None:
            newest = max(newest, (int(seq), number))
    return newest[1]


async def _show(tx: Tx, session: Session, number: int, count: int, now_s: float) -> Session:
    change = (
        sa.update(sessions)
        .where(sessions.c.id == session.id)
        .values(branch=number, branches=count, version=sessions.c.version + 1, updated_at_s=now_s)
        .returning(sessions.c.version, sessions.c.message_count, sessions.c.last_message_at_s)
    )
    version, message_count, last_message_at_s = (await tx.execute(change)).one()
    return msgspec.structs.replace(
        session,
        branch=number,
        branches=count,
        version=version,
        updated_at_s=now_s,
        message_count=message_count,
        last_message_at_s=last_message_at_s,
    )


async def _branch(tx: Tx, session_id: str, number: int) -> tuple[int | None, int]:
    """Parent of a branch and the depth at which its own messages begin."""
    if number == 0:
        return None, 0
    row = (await tx.execute(_BRANCH, {"session": session_id, "number": number})).one_or_none()
    if row is None:
        raise NotFound("No such branch.", param="branch")
    return row[0], int(row[1])


async def _end(tx: Tx, session_id: str, number: int) -> tuple[int, str | None]:
    """The depth behind the last message of a branch's conversation, and that message's id (None = there is none)."""
    tip = (await tx.execute(_TIP, {"session": session_id, "number": number})).one_or_none()
    if tip is not None:
        return int(tip[1]) + 1, tip[0]
    parent, from_depth = await _branch(tx, session_id, number)
    if parent is None:
        return from_depth, None
    place = {"session": session_id, "number": parent, "depth": from_depth - 1}
    return from_depth, (await tx.execute(_AT, place)).scalar_one()


async def _stretches(tx: Tx, session_id: str, number: int, before_depth: int | None) -> list[Stretch]:
    """The stretches of a branch's conversation, the last one first, none of them empty."""
    high = (await _end(tx, session_id, number))[0]
    if before_depth is not None:
        high = min(high, before_depth)
    return await _stretches_below(tx, session_id, number, high)


async def _stretches_below(tx: Tx, session_id: str, number: int, high: int) -> list[Stretch]:
    """The same where it is known that the conversation goes to depth `high` (excluded)."""
    chain: list[tuple[int, int]] = [(0, 0)]
    if number != 0:
        rows = await tx.execute(_CHAIN, {"session": session_id, "number": number})
        # A branch begins behind where the one begins that it leaves.
        found = sorted(rows, key=lambda row: row.from_depth, reverse=True)
        chain = [(row.number, row.from_depth) for row in found]
        if found[-1].parent == 0:
            chain.append((0, 0))
    stretches = []
    for branch, low in chain:
        if low < high:
            stretches.append(Stretch(branch, low, high))
            high = low
    return stretches


async def _backwards(tx: Tx, session_id: str, stretches: list[Stretch], limit: int) -> list[Message]:
    found: list[Message] = []
    high = stretches[0].high if stretches else 0
    width = min(limit, _WIDEST)
    while high > 0 and len(found) < limit:
        low = max(0, high - width)
        found[:0] = await _window(tx, session_id, stretches, low, high)
        # Deleted ones leave gaps; long ones are passed in few steps.
        high, width = low, min(2 * width, _WIDEST)
    return found[-limit:] if limit else []


async def _forwards(tx: Tx, session_id: str, stretches: list[Stretch], low: int, limit: int) -> list[Message]:
    found: list[Message] = []
    end = stretches[0].high if stretches else 0
    width = min(limit, _WIDEST)
    while low < end and len(found) < limit:
        high = min(end, low + width)
        found += await _window(tx, session_id, stretches, low, high)
        low, width = high, min(2 * width, _WIDEST)
    return found[:limit]


async def _window(tx: Tx, session_id: str, stretches: list[Stretch], low: int, high: int) -> list[Message]:
    """Messages from depth `low` up to `high` (excluded), by depth."""
    parts = [
        Stretch(one.branch, max(one.low, low), min(one.high, high))
        for one in stretches
        if one.low < high and one.high > low
    ]
    if len(parts) == 1:
        (one,) = parts
        place = {"session": session_id, "number": one.branch, "low": one.low, "high": one.high}
        return [Message(*row) for row in await tx.execute(_WINDOW, place)]
    ranges = [
        sa.and_(
            messages.c.session_id == session_id,
            messages.c.branch == one.branch,
            messages.c.depth >= one.low,
            messages.c.depth < one.high,
        )
        for one in parts
    ]
    query = sa.select(*_FIELDS).where(sa.or_(*ranges), messages.c.deleted_at_s.is_(None))
    return [Message(*row) for row in await tx.execute(query.order_by(messages.c.depth))]


def _place(message: Message) -> dict[str, Any]:
    return {"session": message.session_id, "number": message.branch, "depth": message.depth}


def _holds(stretch: Stretch, message: Message) -> bool:
    return stretch.branch == message.branch and stretch.low <= message.depth < stretch.high
