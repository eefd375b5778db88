"""Routes of models, providers and aliases. The inference routes are in `inference.py`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from roundhouse.core.types import Caller
from roundhouse.engine.demand import Complexity, Task
from roundhouse.features.gateway.schemas import (
    PRINTABLE,
    AliasCreate,
    AliasList,
    AliasRead,
    AliasWrite,
    ModelAction,
    ModelList,
    ModelRead,
    ModelsStatus,
    ModelState,
    ProviderCreate,
    ProviderList,
    ProviderPatch,
    ProviderRead,
    ProviderTest,
    Recommendations,
)
from roundhouse.features.gateway.service import ModelService, ProviderService, PullService
from roundhouse.infra.auth import require
from roundhouse.infra.jobs.shapes import JobRead

Reader = Annotated[Caller, Depends(require("models:read"))]
Operator = Annotated[Caller, Depends(require("models:write"))]
ProviderAdmin = Annotated[Caller, Depends(require("providers"))]
Name = Annotated[str, Path(max_length=400)]
AliasName = Annotated[str, Path(min_length=1, max_length=200, pattern=PRINTABLE)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="A second request with the same key is the first one, also after its job has ended.",
    ),
]


def router(models: ModelService, providers: ProviderService, pulls: PullService) -> APIRouter:
    """The room's routes."""
    routes = APIRouter()
    _model_routes(routes, models)
    _pull_routes(routes, pulls)
    _provider_routes(routes, providers)
    _alias_routes(routes, providers)
    return routes


def _model_routes(routes: APIRouter, models: ModelService) -> None:
    @routes.get("/v1/models", operation_id="list_models", tags=["models"])
    async def list_models(caller: Reader) -> ModelList:
        """Every model and alias the caller may use."""
        return ModelList(data=await models.every(caller))

    @routes.get("/v1/models/status", operation_id="models_status", tags=["models"])
    async def models_status(caller: Reader) -> ModelsStatus:
        """Which models are in memory, where, how large, in use or waited for."""
        return await models.status(caller)

    @routes.get("/v1/models/recommend", operation_id="recommend_model", tags=["models"])
    async def recommend_model(
        caller: Reader,
        task: Task = "chat",
        language: Annotated[str, Query(pattern="^[a-z]{2,3}$", description="ISO 639 code.")] = "en",
        complexity: Complexity = "medium",
    ) -> Recommendations:
        """Models for a task, best first, each with the reason."""
        return await models.recommend(caller, task, language, complexity)

    @routes.post("/v1/models/load", operation_id="load_model", tags=["models"])
    async def load_model(caller: Operator, action: ModelAction) -> ModelState:
        """Bring a model into memory, making room if needed."""
        return await models.load(caller, action.name, pin=action.pin)

    @routes.post("/v1/models/unload", operation_id="unload_model", tags=["models"])
    async def unload_model(caller: Operator, action: ModelAction) -> ModelState:
        """Take a model out of memory."""
        return await models.unload(caller, action.name)

    @routes.get("/v1/models/{model:path}", operation_id="get_model", tags=["models"])
    async def get_model(caller: Reader, model: Name) -> ModelRead:
        """One model or alias."""
        return await models.get(caller, model)


def _pull_routes(routes: APIRouter, pulls: PullService) -> None:
    @routes.post(
        "/v1/models/pull",
        operation_id="pull_model",
        tags=["models"],
        status_code=202,
        response_model=JobRead,
        responses={
            200: {
                "description": "With `stream`: `PullRead` objects, or one with `error`, then `[DONE]`.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
    )
    async def pull_model(
        caller: Operator, action: ModelAction, response: Response, idempotency_key: IdempotencyKey = None
    ) -> Response | JobRead:
        """Have a model downloaded by a job; with `stream`, the answer is its progress instead of the job."""
        job = await pulls.pull(caller, action.name, idempotency_key)
        response.headers["location"] = f"/v1/jobs/{job.id}"
        if not action.stream:
            return job
        headers = {"location": f"/v1/jobs/{job.id}", "cache-control": "no-cache", "x-accel-buffering": "no"}
        lines = pulls.lines(caller, job.id)
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


def _provider_routes(routes: APIRouter, providers: ProviderService) -> None:
    @routes.get("/v1/providers", operation_id="list_providers", tags=["providers"])
    async def list_providers(caller: ProviderAdmin) -> ProviderList:
        """All providers, in order of preference."""
        return ProviderList(data=await providers.every(caller))

    @routes.post("/v1/providers", operation_id="create_provider", tags=["providers"], status_code=201)
    async def create_provider(caller: ProviderAdmin, body: ProviderCreate) -> ProviderRead:
        """Add a provider; in force when the answer is there."""
        return await providers.create(caller, body)

    @routes.post("/v1/providers/discover", operation_id="discover_providers", tags=["providers"])
    async def discover_providers(caller: ProviderAdmin) -> ProviderList:
        """Look for Ollama, vLLM, llama.cpp and their like on this machine again."""
        return ProviderList(data=await providers.discover(caller))

    @routes.get("/v1/providers/{name}", operation_id="get_provider", tags=["providers"])
    async def get_provider(caller: ProviderAdmin, name: Name) -> ProviderRead:
        """One provider."""
        return await providers.get(caller, name)

    @routes.patch("/v1/providers/{name}", operation_id="update_provider", tags=["providers"])
    async def update_provider(caller: ProviderAdmin, name: Name, body: ProviderPatch) -> ProviderRead:
        """Change a provider; running requests end on the old settings."""
        return await providers.update(caller, name, body)

    @routes.delete(
        "/v1/providers/{name}", operation_id="delete_provider", tags=["providers"], status_code=204
    )
    async def delete_provider(caller: ProviderAdmin, name: Name) -> None:
        """Remove a provider."""
        await providers.delete(caller, name)

    @routes.post("/v1/providers/{name}/test", operation_id="test_provider", tags=["providers"])
    async def test_provider(caller: ProviderAdmin, name: Name) -> ProviderTest:
        """Ask a provider for its models now and say what happened."""
        return await providers.test(caller, name)


def _alias_routes(routes: APIRouter, providers: ProviderService) -> None:
    @routes.get("/v1/aliases", operation_id="list_aliases", tags=["aliases"])
    async def list_aliases(caller: Reader) -> AliasList:
        """All aliases."""
        return AliasList(data=await providers.list_aliases(caller))

    @routes.post("/v1/aliases", operation_id="create_alias", tags=["aliases"], status_code=201)
    async def create_alias(caller: ProviderAdmin, body: AliasCreate) -> AliasRead:
        """Give one or more models a name; in force when the answer is there."""
        return await providers.create_alias(caller, body)

    @routes.get("/v1/aliases/{name:path}", operation_id="get_alias", tags=["aliases"])
    async def get_alias(caller: Reader, name: Name) -> AliasRead:
        """One alias."""
        return await providers.get_alias(caller, name)

    @routes.put("/v1/aliases/{name:path}", operation_id="replace_alias", tags=["aliases"])
    async def replace_alias(caller: ProviderAdmin, name: AliasName, body: AliasWrite) -> AliasRead:
        """Put other models behind a name, or make it."""
        return await providers.replace_alias(caller, name, body)

    @routes.delete("/v1/aliases/{name:path}", operation_id="delete_alias", tags=["aliases"], status_code=204)
    async def delete_alias(caller: ProviderAdmin, name: Name) -> None:
        """Remove an alias."""
        await providers.delete_alias(caller, name)
