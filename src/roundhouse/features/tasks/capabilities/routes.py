"""Routes of capabilities."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from roundhouse.core.errors import BadInput, TooLarge
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.schemas import (
    CapabilityCreate,
    CapabilityDeleted,
    CapabilityList,
    CapabilityPatch,
    CapabilityRead,
    Filter,
    ToolList,
    Trial,
    TryAsk,
    VersionList,
)
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.capabilities.trying import Trials
from roundhouse.features.tasks.capabilities.validating import MOST_INPUT_BYTES
from roundhouse.features.tasks.model import CapabilityState, Origin, Registry, Runner
from roundhouse.infra.auth import require

User = Annotated[Caller, Depends(require("tasks"))]
Manager = Annotated[Caller, Depends(require("capabilities"))]
Name = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next_cursor`: the page behind the one that told it.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="Most rows in one page.")]
Word = Annotated[str | None, Query(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="A second request with the same key and body is answered with the first one's task; with another "
        "body 422, while the first is being answered 409."
    ),
]
Prefer = Annotated[
    str | None, Header(max_length=200, description="`wait=20`: seconds that the client waits at most.")
]
Privacy = Annotated[
    Literal["local_only"] | None,
    Header(
        alias="X-Roundhouse-Privacy",
        description="`local_only`: nothing is asked that is outside the house, neither a module nor a model.",
    ),
]
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?:$|[,;])", re.IGNORECASE)
_ANY: dict[str, Any] = {
    "requestBody": {
        "description": "Valid by the capability's input schema.",
        "content": {"application/json": {"schema": {}}},
    }
}


def capability_routes(service: CapabilityService, trials: Trials) -> APIRouter:
    """The routes of what is registered.

    Args:
        service: Its verbs.
        trials: Tries it.
    """
    routes = APIRouter(tags=["capabilities"])
    _reading(routes, service)
    _writing(routes, service)

    @routes.post("/v1/capabilities/{name}/try", operation_id="try_capability")
    async def try_capability(caller: User, name: Name, body: TryAsk) -> Trial:
        """Call it once, by an example or an input, and see what is sent and what comes back."""
        return await trials.attempt(caller, name, body)

    return routes


def _reading(routes: APIRouter, service: CapabilityService) -> None:
    @routes.get(
        "/v1/capabilities", operation_id="list_capabilities", response_model=CapabilityList | ToolList
    )
    async def list_capabilities(
        caller: User,
        format: Annotated[
            Literal["json", "openai_tools"],
            Query(description="`openai_tools`: `data` is what chat completions take as `tools`."),
        ] = "json",
        tag: Word = None,
        label: Annotated[
            str | None,
            Query(max_length=300, pattern=r"^[^\x00]+$", description="`name`, or `name:value`."),
        ] = None,
        origin: Origin | None = None,
        enabled: bool | None = None,
        state: CapabilityState | None = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> CapabilityList | ToolList:
        """What can be done here, by name: the tenant's own, those that are public, those of the house."""
        wanted = Filter(tag, label, origin, enabled, state)
        if format == "openai_tools":
            return service.tools(caller, wanted, cursor, limit)
        return service.page(caller, wanted, cursor, limit)

    @routes.get("/v1/capabilities/{name}", operation_id="get_capability")
    async def get_capability(
        caller: User,
        name: Name,
        version: Annotated[
            int | None, Query(ge=1, le=2**31 - 1, description="The newest by default.")
        ] = None,
    ) -> CapabilityRead:
        """One capability."""
        if version is not None:
            return await service.show_version(caller, name, version)
        return service.show(caller, name)

    @routes.get("/v1/capabilities/{name}/versions", operation_id="list_capability_versions")
    async def list_capability_versions(
        caller: User, name: Name, cursor: Cursor = None, limit: Limit = 100
    ) -> VersionList:
        """What it said before: versions, the newest first."""
        return await service.versions(caller, name, cursor, limit)


def _writing(routes: APIRouter, service: CapabilityService) -> None:
    @routes.post("/v1/capabilities", operation_id="create_capability", status_code=201)
    async def create_capability(caller: Manager, body: CapabilityCreate) -> CapabilityRead:
        """Register what a module can do; it can be called at once, everywhere."""
        return await service.register(caller, body.new())

    @routes.patch("/v1/capabilities/{name}", operation_id="update_capability")
    async def update_capability(caller: Manager, name: Name, body: CapabilityPatch) -> CapabilityRead:
        """Change it; new schemas or a new endpoint make a new version, and tasks that run keep theirs."""
        return await service.change(caller, name, body.changes(), body.headers)

    @routes.delete("/v1/capabilities/{name}", operation_id="delete_capability")
    async def delete_capability(caller: Manager, name: Name) -> CapabilityDeleted:
        """Forget it with all its versions."""
        await service.remove(caller, name)
        return CapabilityDeleted(name=name)


def run_routes(registry: Registry, runner: Runner) -> APIRouter:
    """The route that runs what is registered.

    Args:
        registry: Knows capabilities.
        runner: Runs them.
    """
    routes = APIRouter(tags=["capabilities"])

    @routes.post("/v1/run/{capability}", operation_id="run_capability", openapi_extra=_ANY)
    async def run_capability(
        request: Request,
        caller: User,
        capability: Name,
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
        privacy: Privacy = None,
    ) -> Response:
        """Do it and answer with its output; the body is its input."""
        caller = msgspec.structs.replace(caller, local_only=privacy is not None)
        one = await registry.find(caller, capability)
        given = await read_input(request)
        reply = await runner.run(
            caller, one, given, idempotency_key=idempotency_key, wait_s=read_wait_s(prefer)
        )
        return Response(
            msgspec.json.encode(reply.body), reply.status, reply.headers, media_type="application/json"
        )

    return routes


async def read_input(request: Request) -> Any:
    """The JSON value of a request's body; an empty body is an empty object.

    Raises:
        TooLarge: It is larger than an input may be.
        BadInput: It is no JSON, or nested too deep to be read.
    """
    body = await request.body()
    if len(body) > MOST_INPUT_BYTES:
        raise TooLarge(f"An input has at most {MOST_INPUT_BYTES} bytes; send files as ids.")
    try:
        return msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadInput("The body is not JSON.") from None
    except RecursionError:
        raise BadInput("The body is nested too deep.") from None


def read_wait_s(prefer: str | None) -> float | None:
    """Seconds of `Prefer: wait=…` (RFC 7240), None = not told; one that cannot be read is none."""
    found = _WAIT.search(prefer or "")
    return None if found is None else float(found.group(1))
