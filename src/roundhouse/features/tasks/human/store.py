"""SQL of questions to people, of their histories and links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller
from roundhouse.features.tasks.human.model import HumanRequest, Level, Note, RequestState
from roundhouse.features.tasks.human.rows import human_assignees, human_links, human_notes, human_requests
from roundhouse.infra.db import Tx, insert_if_new

_COLUMNS = [human_requests.c[name] for name in HumanRequest.__struct_fields__]
_SELECT = sa.select(*_COLUMNS)


class Wanted(msgspec.Struct, frozen=True):
    """Which questions a list shows.

    Attributes:
        states: In one of these.
        assignees: Asked of one of these, or claimed by it; None = of anybody.
        unassigned: With `assignees`, those of nobody in particular as well.
        job_id: Of this task.
        by_due: The most urgent first; else the newest.
        behind: Sort keys of the last one of the page before: due time (0 without `by_due`) and id.
    """

    states: tuple[RequestState, ...]
    assignees: tuple[str, ...] | None = None
    unassigned: bool = False
    job_id: str | None = None
    by_due: bool = True
    behind: tuple[float, str] | None = None


class Link(msgspec.Struct, frozen=True):
    """A link that lets whoever has it decide once."""

    token_hash: str
    site_id: str
    request_id: str
    assignee: str
    expires_at_s: float
    used_at_s: float | None


async def insert(tx: Tx, new: HumanRequest) -> bool:
    """Enter a question; False when its task and step have one already."""
    statement = insert_if_new(tx, human_requests).values(**_plain(new)).returning(human_requests.c.id)
    if (await tx.execute(statement)).first() is None:
        return False
    await _insert_assignees(tx, new, new.assignees)
    return True


async def of_step(tx: Tx, job_id: str, step: str, *, lock: bool = False) -> HumanRequest | None:
    """The question of a task's step."""
    query = _SELECT.where(human_requests.c.job_id == job_id, human_requests.c.step == step)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else _read(row)


async def of_job(tx: Tx, site_id: str, job_id: str) -> list[HumanRequest]:
    """All questions of a task, in the order in which they were asked."""
    query = _SELECT.where(human_requests.c.site_id == site_id, human_requests.c.job_id == job_id)
    return [_read(row) for row in (await tx.execute(query.order_by(human_requests.c.id))).mappings()]


async def get(tx: Tx, caller: Caller, request_id: str, *, lock: bool = False) -> HumanRequest:
    """A question that the caller may see; raises NotFound."""
    query = _SELECT.where(human_requests.c.id == request_id, _visible(caller))
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"No request {request_id!r}.")
    return _read(row)


async def page(tx: Tx, caller: Caller, wanted: Wanted, limit: int) -> list[HumanRequest]:
    """Questions that the caller may see."""
    table = human_requests.c
    query = _SELECT.where(_visible(caller), table.state.in_(wanted.states))
    if wanted.job_id is not None:
        query = query.where(table.job_id == wanted.job_id)
    if wanted.assignees is not None:
        mine = [_assigned(wanted.assignees), table.claimed_by.in_(wanted.assignees)]
        query = query.where(sa.or_(*mine, *([~_anybody()] if wanted.unassigned else [])))
    if wanted.by_due:
        if wanted.behind is not None:
            due_at_s, last = wanted.behind
            later = sa.and_(table.due_at_s == due_at_s, table.id > last)
            query = query.where(sa.or_(table.due_at_s > due_at_s, later))
        query = query.order_by(table.due_at_s, table.id)
    else:
        if wanted.behind is not None:
            query = query.where(table.id < wanted.behind[1])
        query = query.order_by(table.id.desc())
    return [_read(row) for row in (await tx.execute(query.limit(limit))).mappings()]


async def save(tx: Tx, before: HumanRequest, after: HumanRequest, now_s: float) -> HumanRequest:
    """Write what changed of a question that is locked; its version rises."""
    after = msgspec.structs.replace(after, version=before.version + 1, updated_at_s=now_s)
    old, new = _plain(before), _plain(after)
    changes = {name: value for name, value in new.items() if value != old[name]}
    await tx.execute(sa.update(human_requests).where(human_requests.c.id == after.id).values(**changes))
    if after.assignees != before.assignees:
        this = human_assignees.c.request_id == after.id
        await tx.execute(sa.delete(human_assignees).where(this))
        await _insert_assignees(tx, after, after.assignees)
    return after


async def forget(tx: Tx, job_id: str) -> None:
    """Have the questions of a task keep only who was asked and how it ended."""
    empty: dict[str, Any] = {
        "title": "",
        "instructions": "",
        "draft": None,
        "context": {},
        "answer": None,
        "comment": "",
    }
    this = human_requests.c.job_id == job_id
    await tx.execute(sa.update(human_requests).where(this).values(**empty))
    asked = sa.select(human_requests.c.id).where(this)
    await tx.execute(sa.update(human_notes).where(human_notes.c.request_id.in_(asked)).values(data={}))


async def add_notes(tx: Tx, request: HumanRequest, notes: Sequence[Note]) -> None:
    """Write lines of a question's history."""
    rows = [
        {
            "id": new_id("not"),
            "site_id": request.site_id,
            "request_id": request.id,
            **msgspec.structs.asdict(one),
        }
        for one in notes
    ]
    for row in rows:
        await tx.execute(sa.insert(human_notes).values(**row))


async def notes_of(tx: Tx, site_id: str, request_id: str) -> list[Note]:
    """A question's history, in order."""
    this = (human_notes.c.site_id == site_id, human_notes.c.request_id == request_id)
    columns = [human_notes.c[name] for name in Note.__struct_fields__]
    rows = await tx.execute(sa.select(*columns).where(*this).order_by(human_notes.c.id))
    return [Note(*row) for row in rows]


async def open_of_ended_jobs(tx: Tx, job_ids: Sequence[str]) -> list[HumanRequest]:
    """Undecided questions of these tasks, locked."""
    query = _SELECT.where(
        human_requests.c.job_id.in_(job_ids), human_requests.c.state.in_(("open", "claimed"))
    )
    return [_read(row) for row in (await tx.execute(query.with_for_update())).mappings()]


async def add_link(tx: Tx, link: Link, now_s: float) -> None:
    """Write a link."""
    await tx.execute(sa.insert(human_links).values(**msgspec.structs.asdict(link), created_at_s=now_s))


async def link(tx: Tx, token_hash: str, *, lock: bool = False) -> Link | None:
    """A link by the digest of its token."""
    columns = [human_links.c[name] for name in Link.__struct_fields__]
    query = sa.select(*columns).where(human_links.c.token_hash == token_hash)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else Link(*row)


async def use_link(tx: Tx, token_hash: str, now_s: float) -> None:
    """Have a link be used up."""
    this = human_links.c.token_hash == token_hash
    await tx.execute(sa.update(human_links).where(this).values(used_at_s=now_s))


async def _insert_assignees(tx: Tx, request: HumanRequest, assignees: Sequence[str]) -> None:
    rows = [
        {"site_id": request.site_id, "assignee": one, "request_id": request.id}
        for one in dict.fromkeys(assignees)
    ]
    if rows:
        await tx.execute(sa.insert(human_assignees), rows)


def _visible(caller: Caller) -> sa.ColumnElement[bool]:
    """The caller's tenant and app. One with a user sees what is asked of it, of a group, or of nobody in particular.

    Groups belong to the outer system, so who is in one is not known here.
    """
    table = human_requests.c
    conditions = [table.site_id == caller.site_id]
    if caller.app_id is not None:
        conditions.append(table.app_id == caller.app_id)
    if caller.user_id is not None:
        mine = (f"user:{caller.user_id}", f"key:{caller.key_id}")
        seen = [table.user_id == caller.user_id, table.claimed_by == mine[0], _assigned(mine)]
        conditions.append(sa.or_(*seen, _of_group(), ~_anybody()))
    return sa.and_(*conditions)


def _assigned(assignees: Sequence[str]) -> sa.ColumnElement[bool]:
    return _assignee_rows(human_assignees.c.assignee.in_(assignees))


def _of_group() -> sa.ColumnElement[bool]:
    return _assignee_rows(human_assignees.c.assignee.like("group:%"))


def _anybody() -> sa.ColumnElement[bool]:
    return _assignee_rows(sa.true())


def _assignee_rows(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    of_this = human_assignees.c.request_id == human_requests.c.id
    return sa.exists().where(human_assignees.c.site_id == human_requests.c.site_id, of_this, condition)


def _plain(request: HumanRequest) -> dict[str, Any]:
    values = msgspec.structs.asdict(request)
    for name in ("assignees", "options", "channels", "remind_at_s", "escalate"):
        values[name] = msgspec.to_builtins(values[name])
    return values


def _read(row: Mapping[Any, Any]) -> HumanRequest:
    values = {name: row[name] for name in HumanRequest.__struct_fields__}
    for name in ("assignees", "options", "channels", "remind_at_s"):
        values[name] = tuple(values[name])
    values["escalate"] = msgspec.convert(values["escalate"], tuple[Level, ...])
    return HumanRequest(**values)
