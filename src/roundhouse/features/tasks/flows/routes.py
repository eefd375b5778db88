"""Routes of flows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.tasks.flows.faults import NAME
from roundhouse.features.tasks.flows.schemas import (
    BreakerList,
    FlowDeleted,
    FlowList,
    FlowRead,
    SimulateAsk,
    SimulationRead,
    ValidationRead,
)
from roundhouse.features.tasks.flows.service import FlowService
from roundhouse.infra.auth import require

FlowCaller = Annotated[Caller, Depends(require("flows"))]
Name = Annotated[str, Path(max_length=100, pattern=f"^{NAME}$")]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next_cursor`: the page behind the one that told it.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="Most rows in one page.")]
OneVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="An older one; unset = the newest.")]
FlowBody = Annotated[
    dict[str, Any],
    Body(
        description="A flow: `steps`, `defaults`, `input_schema`, `deadline_s`, `output`; see docs/flows.md.",
        examples=[
            {
                "title": "Answer, or ask a person",
                "steps": [
                    {"id": "answer", "use": "chat", "map": {"prompt": "$.input.question"}, "timeout_s": 30},
                    {"id": "person", "human": {"kind": "answer", "title": "{{ $.input.question }}"}},
                ],
            }
        ],
    ),
]


def router(flows: FlowService) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["flows"])

    @routes.get("/v1/flows", operation_id="list_flows")
    async def list_flows(caller: FlowCaller, cursor: Cursor = None, limit: Limit = 50) -> FlowList:
        """Flows that come with the product, then your own by name."""
        return await flows.page(caller, cursor=cursor, limit=limit)

    @routes.get("/v1/flows/{name}", operation_id="get_flow")
    async def get_flow(caller: FlowCaller, name: Name, version: OneVersion = None) -> FlowRead:
        """One flow; `warnings` tell what is missing for it as things stand."""
        return await flows.get(caller, name, version)

    @routes.get("/v1/flows/{name}/versions", operation_id="list_flow_versions")
    async def list_flow_versions(
        caller: FlowCaller, name: Name, cursor: Cursor = None, limit: Limit = 50
    ) -> FlowList:
        """Its versions, the newest first; a running task keeps the one that it began with."""
        return await flows.versions(caller, name, cursor=cursor, limit=limit)

    @routes.put("/v1/flows/{name}", operation_id="put_flow")
    async def put_flow(caller: FlowCaller, name: Name, body: FlowBody) -> FlowRead:
        """Keep a flow, as a new one or as the next version; `version` in it guards against changes meanwhile."""
        return await flows.put(caller, name, body)

    @routes.delete("/v1/flows/{name}", operation_id="delete_flow")
    async def delete_flow(caller: FlowCaller, name: Name) -> FlowDeleted:
        """Delete a flow; tasks that run go on."""
        return await flows.delete(caller, name)

    @routes.post("/v1/flows/{name}/validate", operation_id="validate_flow")
    async def validate_flow(
        caller: FlowCaller, name: Name, body: Annotated[dict[str, Any] | None, Body()] = None
    ) -> ValidationRead:
        """Check a flow without keeping it, or the one that is kept: every fault with a JSON pointer."""
        return await flows.validate(caller, name, body)

    @routes.post("/v1/flows/{name}/simulate", operation_id="simulate_flow")
    async def simulate_flow(caller: FlowCaller, name: Name, body: SimulateAsk) -> SimulationRead:
        """The way it would take where these steps fail. Nothing is called and nobody is asked."""
        return await flows.simulate(caller, name, body)

    @routes.get("/v1/breakers", operation_id="list_breakers")
    async def list_breakers(caller: FlowCaller) -> BreakerList:
        """Capabilities that flows watch, and which of them are left alone now."""
        return await flows.breakers(caller)

    return routes
