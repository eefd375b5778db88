"""SQL of templates and their versions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.audio.model import Template
from roundhouse.features.audio.rows import template_versions, templates
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible

_SELECT = sa.select(templates.c.id, templates.c.name, template_versions).join_from(
    templates, template_versions, template_versions.c.template_id == templates.c.id
)
_NEWEST = template_versions.c.version == templates.c.version


async def get(
    tx: Tx, caller: Caller, template: str, *, version: int | None = None, lock: bool = False
) -> Template:
    """A template that the caller may see, by its id or its name; of two with one name the newest.

    Args:
        tx: Any transaction.
        caller: Who asks.
        template: Id or name.
        version: Which one; None = the newest.
        lock: Whether to keep others from changing it until the transaction ends.

    Raises:
        NotFound: There is none.
    """
    named = sa.or_(templates.c.id == template, templates.c.name == template)
    wanted = _NEWEST if version is None else template_versions.c.version == version
    query = _SELECT.where(visible(templates, caller), named, wanted).order_by(templates.c.id.desc()).limit(1)
    if lock:
        query = query.with_for_update(of=templates)
    row = (await tx.execute(query)).mappings().first()
    if row is None:
        raise NotFound("No such template.", param="template_id")
    return _read(row)


async def page(tx: Tx, caller: Caller, *, behind: str | None, limit: int) -> list[Template]:
    """The caller's templates in their newest versions, the oldest first."""
    query = _SELECT.where(visible(templates, caller), _NEWEST).order_by(templates.c.id).limit(limit)
    if behind is not None:
        query = query.where(templates.c.id > behind)
    return [_read(row) for row in (await tx.execute(query)).mappings()]


async def versions(tx: Tx, template_id: str) -> list[Template]:
    """All versions of a template, the newest first."""
    query = _SELECT.where(templates.c.id == template_id).order_by(template_versions.c.version.desc())
    return [_read(row) for row in (await tx.execute(query)).mappings()]


async def insert(tx: Tx, caller: Caller, new: Template, now_s: float) -> None:
    """Enter a template in its first version.

    Raises:
        IntegrityError: The owner has one of this name.
    """
    owner = {"site_id": caller.site_id, "user_id": caller.user_id, "app_id": caller.app_id}
    row = {
        **owner,
        "id": new.id,
        "name": new.name,
        "owner_digest": digest(caller, new.name),
        "version": new.version,
        "created_at_s": now_s,
        "updated_at_s": now_s,
    }
    await tx.execute(sa.insert(templates).values(**row))
    await _insert_version(tx, owner, new)


async def add_version(tx: Tx, new: Template, now_s: float) -> None:
    """Enter a further version of a template that is held by a lock."""
    query = sa.select(templates.c.site_id, templates.c.user_id, templates.c.app_id)
    owner = (await tx.execute(query.where(templates.c.id == new.id))).mappings().one()
    await _insert_version(tx, owner, new)
    change = sa.update(templates).where(templates.c.id == new.id)
    await tx.execute(change.values(version=new.version, updated_at_s=now_s))


async def delete(tx: Tx, template_id: str) -> None:
    """Delete a template with all its versions."""
    await tx.execute(sa.delete(templates).where(templates.c.id == template_id))


def digest(caller: Caller, name: str) -> str:
    """By which two templates of one name and owner are known."""
    place = [caller.site_id, caller.user_id, caller.app_id, name]
    return hashlib.sha256(msgspec.json.encode(place)).hexdigest()


async def _insert_version(tx: Tx, owner: Mapping[Any, Any], new: Template) -> None:
    row = {
        **owner,
        "template_id": new.id,
        "version": new.version,
        "title": new.title.get("", ""),
        "description": new.description.get("", ""),
        "schema": new.schema,
        "prompt": new.prompt.get("", ""),
        "example": new.example.get(""),
        "created_at_s": new.created_at_s,
    }
    await tx.execute(sa.insert(template_versions).values(**row))


def _read(row: Mapping[Any, Any]) -> Template:
    return Template(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        title={"": row["title"]},
        description={"": row["description"]},
        schema=row["schema"],
        prompt={"": row["prompt"]},
        example={} if row["example"] is None else {"": row["example"]},
        builtin=False,
        created_at_s=row["created_at_s"],
    )
