"""Routes of templates."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from roundhouse.features.audio.routes.asking import Cursor, InLanguage, Limit, Reader, TemplateId, Writer
from roundhouse.features.audio.schemas import (
    TemplateCreate,
    TemplateDeleted,
    TemplateList,
    TemplatePatch,
    TemplateRead,
)
from roundhouse.features.audio.service import TemplateService

OneVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="An older one; unset = the newest.")]


def template_routes(templates: TemplateService) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["templates"])

    @routes.get("/v1/templates", operation_id="list_templates")
    async def list_templates(
        caller: Reader, language: InLanguage = None, cursor: Cursor = None, limit: Limit = 50
    ) -> TemplateList:
        """Templates of the house, then your own."""
        return await templates.page(caller, cursor=cursor, limit=limit, language=language)

    @routes.post("/v1/templates", operation_id="create_template", status_code=201)
    async def create_template(caller: Writer, body: TemplateCreate, response: Response) -> TemplateRead:
        """Write a template of your own."""
        made = await templates.create(caller, body)
        response.headers["location"] = f"/v1/templates/{made.id}"
        return made

    @routes.get("/v1/templates/{template_id}", operation_id="get_template")
    async def get_template(
        caller: Reader, template_id: TemplateId, language: InLanguage = None, version: OneVersion = None
    ) -> TemplateRead:
        """One template, by its id or its name."""
        return await templates.get(caller, template_id, version=version, language=language)

    @routes.get("/v1/templates/{template_id}/schema", operation_id="get_template_schema")
    async def get_template_schema(caller: Reader, template_id: TemplateId) -> dict[str, Any]:
        """The JSON Schema that its summaries fit."""
        return await templates.schema(caller, template_id)

    @routes.get("/v1/templates/{template_id}/versions", operation_id="list_template_versions")
    async def list_template_versions(caller: Reader, template_id: TemplateId) -> TemplateList:
        """All its versions, the newest first."""
        return await templates.versions(caller, template_id)

    @routes.patch("/v1/templates/{template_id}", operation_id="update_template")
    async def update_template(caller: Writer, template_id: TemplateId, body: TemplatePatch) -> TemplateRead:
        """Write its next version; older ones stay."""
        return await templates.change(caller, template_id, body)

    @routes.delete("/v1/templates/{template_id}", operation_id="delete_template")
    async def delete_template(caller: Writer, template_id: TemplateId) -> TemplateDeleted:
        """Delete a template of your own; summaries that were written in it stay."""
        return await templates.delete(caller, template_id)

    return routes
