"""Routes of models, providers and aliases. The inference routes are in `inference.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import Caller, PullProgress
from roundhouse.core.wire import DONE, event
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
    PullRead,
    Recommendations,
)
from roundhouse.features.gateway.service import ModelService, ProviderService
from roundhouse.infra.auth import require
from roundhouse.infra.web import error_object

Reader = Annotated[Caller, Depends(require("models:read"))]
Operator = Annotated[Caller, Depends(require("models:write"))]
ProviderAdmin = Annotated[Caller, Depends(require("providers"))]
Name = Annotated[str, Path(max_length=400)]
AliasName = Annotated[str, Path(min_length=1, max_length=200, pattern=PRINTABLE)]


def router(models: ModelService, providers: ProviderService) -> APIRouter:
    """The room's routes."""
    routes = APIRouter()
    _model_routes(routes, models)
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

    @routes.post("/v1/models/pull", operation_id="pull_model", tags=["models"], response_model=PullRead)
    async def pull_model(caller: Operator, action: ModelAction) -> Response:
        """Download a model; progress comes as server-sent events unless `stream` is false."""
        steps = await models.pull(caller, action.name)
        if action.stream:
            return StreamingResponse(_progress(steps), media_type="text/event-stream")
        last = PullProgress("nothing to do")
        async for step in steps:
            last = step
        return JSONResponse(PullRead.of(last).model_dump())

    @routes.get("/v1/models/{model:path}", operation_id="get_model", tags=["models"])
    async def get_model(caller: Reader, model: Name) -> ModelRead:
        """One model or alias."""
        return await models.get(caller, model)


async def _progress(steps: AsyncIterator[PullProgress]) -> AsyncIterator[bytes]:
    try:
        async for step in steps:
            yield event(PullRead.of(step).model_dump())
    except RoundhouseError as error:
        yield event({"error": error_object(error)})
    yield DONE


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
