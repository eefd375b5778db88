"""The verbs of templates. Those of the house can be read by everybody and changed by nobody."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, NotAllowed, NotFound, Unprocessable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.audio.model import Template
from roundhouse.features.audio.schemas import (
    TemplateCreate,
    TemplateDeleted,
    TemplateList,
    TemplatePatch,
    TemplateRead,
)
from roundhouse.features.audio.shapes import read_template
from roundhouse.features.audio.store import templates
from roundhouse.features.audio.templating.house import house_templates
from roundhouse.features.audio.templating.schemas import check_schema, expanded, faults
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx, is_unique_violation
from roundhouse.infra.paging import decode_cursor, encode_cursor


class TemplateService:
    """Templates of the house and of tenants.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._house = house_templates()

    async def page(
        self, caller: Caller, *, cursor: str | None, limit: int, language: str | None
    ) -> TemplateList:
        """Templates of the house on the first page, then the caller's own; raises BadInput for the cursor."""
        behind = decode_cursor(cursor, str)
        async with self._db.read() as tx:
            own = await templates.page(tx, caller, behind=behind, limit=limit + 1)
        shown, more = own[:limit], len(own) > limit
        found = [*(self._house.values() if cursor is None else ()), *shown]
        return TemplateList(
            data=[read_template(one, language) for one in found],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].id) if more else None,
        )

    async def get(
        self, caller: Caller, template_id: str, *, version: int | None, language: str | None
    ) -> TemplateRead:
        """One template, by its id or its name; raises NotFound."""
        return read_template(await self._find(caller, template_id, version), language)

    async def schema(self, caller: Caller, template_id: str) -> dict[str, Any]:
        """The JSON Schema of a template's newest version; raises NotFound."""
        return (await self._find(caller, template_id, None)).schema

    async def versions(self, caller: Caller, template_id: str) -> TemplateList:
        """All versions of a template, the newest first; raises NotFound."""
        house = self._house.get(template_id)
        if house is not None:
            return TemplateList(data=[read_template(house)], has_more=False, next_cursor=None)
        async with self._db.read() as tx:
            newest = await templates.get(tx, caller, template_id)
            found = await templates.versions(tx, newest.id)
        return TemplateList(data=[read_template(one) for one in found], has_more=False, next_cursor=None)

    async def create(self, caller: Caller, asked: TemplateCreate) -> TemplateRead:
        """Write a template of one's own.

        Raises:
            Conflict: The name is taken.
            Unprocessable: Schema or prompt cannot be taken, or the example does not fit.
        """
        self._check_own(asked.name)
        now_s = self._clock.now_s()
        new = Template(
            id=new_id("tpl"),
            name=asked.name,
            version=1,
            title={"": asked.title or asked.name},
            description={"": asked.description},
            schema=asked.schema_,
            prompt={"": asked.prompt},
            example={} if asked.example is None else {"": asked.example},
            builtin=False,
            created_at_s=now_s,
        )
        _check(new)
        try:
            async with self._db.begin() as tx:
                await templates.insert(tx, caller, new, now_s)
                await self._audit(tx, caller, "create", new, now_s)
        except sa.exc.IntegrityError as error:
            if not is_unique_violation(error):
                raise
            raise Conflict(f"There is a template {asked.name!r} already.", param="name") from None
        return read_template(new)

    async def change(self, caller: Caller, template_id: str, asked: TemplatePatch) -> TemplateRead:
        """Write the next version of a template; the older ones stay.

        Raises:
            NotFound: There is none.
            NotAllowed: It is one of the house.
            Conflict: There is a newer version than the one that the caller knows.
            Unprocessable: Schema or prompt cannot be taken, or the example does not fit.
        """
        self._check_changeable(template_id)
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            old = await templates.get(tx, caller, template_id, lock=True)
            if asked.version is not None and asked.version != old.version:
                raise Conflict(
                    f"It was changed meanwhile: its version is {old.version} now.", param="version"
                )
            changes = _changes(asked)
            new = msgspec.structs.replace(old, **changes, version=old.version + 1, created_at_s=now_s)
            if (
                not changes
                or msgspec.structs.replace(new, version=old.version, created_at_s=old.created_at_s) == old
            ):
                return read_template(old)
            _check(new)
            await templates.add_version(tx, new, now_s)
            await self._audit(tx, caller, "update", new, now_s)
        return read_template(new)

    async def delete(self, caller: Caller, template_id: str) -> TemplateDeleted:
        """Delete a template with its versions; summaries that were written in it stay. Raises like `change`."""
        self._check_changeable(template_id)
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            found = await templates.get(tx, caller, template_id, lock=True)
            await templates.delete(tx, found.id)
            await self._audit(tx, caller, "delete", found, now_s)
        return TemplateDeleted(id=found.id)

    async def check_known(self, caller: Caller, template_id: str) -> None:
        """Raise Unprocessable unless there is such a template for the caller."""
        try:
            await self._find(caller, template_id, None)
        except NotFound:
            raise Unprocessable(f"There is no template {template_id[:100]!r}.", param="template_id") from None

    async def misfits(
        self, tx: Tx, caller: Caller, template_id: str, version: int, value: dict[str, Any]
    ) -> list[str]:
        """Why a value does not fit a version of a template; empty = it fits, or that version is no more."""
        found = self._house.get(template_id)
        try:
            if found is None:
                found = await templates.get(tx, caller, template_id, version=version)
        except NotFound:
            return []
        return faults(expanded(found.schema), value) if found.version == version else []

    async def _find(self, caller: Caller, template_id: str, version: int | None) -> Template:
        house = self._house.get(template_id)
        if house is not None:
            if version not in (None, house.version):
                raise NotFound("No such version.", param="version")
            return house
        async with self._db.read() as tx:
            return await templates.get(tx, caller, template_id, version=version)

    def _check_own(self, name: str) -> None:
        if name in self._house:
            raise Conflict(f"{name!r} is a template of the house; choose another name.", param="name")

    def _check_changeable(self, template_id: str) -> None:
        if template_id in self._house:
            raise NotAllowed(
                "Templates of the house are not changed: create one of your own with its schema and prompt."
            )

    @staticmethod
    async def _audit(tx: Tx, caller: Caller, verb: str, template: Template, now_s: float) -> None:
        detail = {"name": template.name, "version": template.version}
        await audit.append(
            tx, caller, action=f"template.{verb}", object_id=template.id, detail=detail, at_s=now_s
        )


def _changes(asked: TemplatePatch) -> dict[str, Any]:
    given = {name: getattr(asked, name) for name in asked.model_fields_set}
    found: dict[str, Any] = {}
    for name in ("title", "description", "prompt"):
        if given.get(name) is not None:
            found[name] = {"": given[name]}
    if given.get("schema_") is not None:
        found["schema"] = given["schema_"]
    if "example" in given:
        found["example"] = {} if given["example"] is None else {"": given["example"]}
    return found


def _check(template: Template) -> None:
    # Not at the top: the product starts without Jinja.
    from roundhouse.features.audio.templating.rendering import check_prompt

    schema = check_schema(template.schema)
    check_prompt(template.prompt[""])
    example = template.example.get("")
    if example is None:
        return
    wrong = faults(expanded(schema), example)
    if wrong:
        raise Unprocessable(f"The example does not fit the schema: {wrong[0]}", param="example")
