"""Routes of registrations, where the old gateway has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.tasks.importing.gateway.checking import RegistrationChecks
from roundhouse.features.tasks.importing.gateway.schemas import (
    GatewayRegister,
    RegistrationCheck,
    RegistrationDeleted,
    RegistrationList,
    RegistrationRead,
)
from roundhouse.features.tasks.importing.gateway.service import RegistrationService
from roundhouse.infra.auth import require

User = Annotated[Caller, Depends(require("tasks"))]
Manager = Annotated[Caller, Depends(require("capabilities"))]
Name = Annotated[str, Path(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Most rows in one page.")]


def router(registrations: RegistrationService, checks: RegistrationChecks) -> APIRouter:
    """All routes of registrations.

    Args:
        registrations: Keeps them.
        checks: Looks at modules again.
    """
    routes = APIRouter(tags=["gateway"])

    @routes.post("/gateway/register", operation_id="register_module")
    async def register_module(caller: Manager, asked: GatewayRegister) -> RegistrationRead:
        """Register a module with paths of its own: they are served at once, and capabilities `<name>.<route>` made."""
        return await registrations.register(caller, asked)

    @routes.get("/gateway/registrations", operation_id="list_registrations")
    async def list_registrations(caller: User, cursor: Cursor = None, limit: Limit = 100) -> RegistrationList:
        """Registered modules and the paths that they serve, by name."""
        return await registrations.page(caller, cursor, limit)

    @routes.get("/gateway/registrations/{name}", operation_id="get_registration")
    async def get_registration(caller: User, name: Name) -> RegistrationRead:
        """One registered module."""
        return await registrations.show(caller, name)

    @routes.post("/gateway/registrations/{name}/check", operation_id="check_registration")
    async def check_registration(caller: Manager, name: Name) -> RegistrationCheck:
        """Look now whether it answers, and whether its document still says what was approved, as each night."""
        return await checks.check(caller, name)

    @routes.delete("/gateway/registrations/{name}", operation_id="delete_registration")
    async def delete_registration(caller: Manager, name: Name) -> RegistrationDeleted:
        """Serve its paths no more, and forget its capabilities."""
        return await registrations.remove(caller, name)

    return routes
