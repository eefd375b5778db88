"""The verbs of models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from roundhouse import __version__
from roundhouse.core.errors import ModelNotFound
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, ModelInfo
from roundhouse.engine.demand import Complexity, Task
from roundhouse.engine.engine import AUTO, Engine
from roundhouse.engine.own import BUILTIN_PROVIDER
from roundhouse.engine.patterns import matches
from roundhouse.features.gateway import store
from roundhouse.features.gateway.schemas import (
    BudgetRead,
    ModelRead,
    ModelsStatus,
    ModelState,
    RecommendationRead,
    Recommendations,
    ResidentRead,
)
from roundhouse.infra import audit
from roundhouse.infra.db import Database


class Footprints:
    """Measured memory of models, in the database.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def load(self) -> Mapping[str, int]:
        """MiB by `provider/model`."""
        async with self._db.read() as tx:
            return await store.list_footprints(tx)

    async def save(self, target: str, footprint_mib: int) -> None:
        """Remember one measurement."""
        async with self._db.begin() as tx:
            await store.save_footprint(tx, target, footprint_mib, self._clock.now_s())


class ModelService:
    """Models as clients and operators see them.

    Args:
        engine: The door to the models.
        db: For the audit log.
        clock: Time.
    """

    def __init__(self, engine: Engine, db: Database, clock: Clock) -> None:
        self._engine = engine
        self._db = db
        self._clock = clock
        self._started_s = int(clock.now_s())

    async def every(self, caller: Caller) -> list[ModelRead]:
        """Every model and alias the caller may use, aliases first."""
        models = [self._model(provider, info) for provider, info in await self._engine.listed(caller)]
        return self._alias_models(caller) + models

    async def get(self, caller: Caller, name: str) -> ModelRead:
        """One model by the name a client would write; raises ModelNotFound."""
        models = await self.every(caller)
        for model in models:
            if model.id == name:
                return model
        provider, _, bare = name.partition("/")
        for model in models:
            if model.id.partition("/")[2] == name or (model.provider == provider and model.id == bare):
                return model
        raise ModelNotFound(f"No model is called {name!r}.", param="model")

    async def status(self, caller: Caller) -> ModelsStatus:
        """Who is in memory, and how much of it is left."""

        def sees(target: str) -> bool:
            if not caller.models:
                return True
            return matches(caller.models, target) or matches(caller.models, target.partition("/")[2])

        residents = [
            ResidentRead(
                model_id=resident.target.partition("/")[2],
                provider=resident.target.partition("/")[0],
                state=resident.state,
                device=resident.device,
                footprint_mib=resident.footprint_mib,
                footprint_measured=resident.measured,
                leases=resident.leases,
                pinned=resident.pinned,
                last_used_at=_rfc3339(resident.last_used_at),
                expires_at=_rfc3339(resident.expires_at),
                queue_length=resident.queue_length,
            )
            for resident in self._engine.residency.status()
            if sees(resident.target)
        ]
        budgets = [
            BudgetRead(
                device=use.device,
                budget_mib=use.budget_mib,
                used_mib=use.used_mib,
                unmanaged_mib=use.unmanaged_mib,
                queue_length=use.queue_length,
                queue=[target if sees(target) else None for target in use.queue],
            )
            for use in self._engine.residency.devices()
        ]
        return ModelsStatus(data=residents, devices=budgets)

    async def recommend(
        self, caller: Caller, task: Task, language: str, complexity: Complexity
    ) -> Recommendations:
        """Models for a task, best first; raises ModelNotFound when there is none."""
        await self._engine.catalog.refresh()
        found = self._engine.chooser.recommend(caller, task=task, language=language, complexity=complexity)
        if not found:
            raise ModelNotFound(f"No model here does the task {task!r}.", param="task")
        data = [
            RecommendationRead(model_id=choice.target, score=choice.score, reason=choice.reason)
            for choice in found
        ]
        return Recommendations(recommended_model=data[0].model_id, reason=data[0].reason, data=data)

    async def load(self, caller: Caller, name: str, *, pin: bool | None) -> ModelState:
        """Bring a model into memory. Raises ModelNotFound, DoesNotFit, Busy, NotSupported."""
        await self._check(caller, name)
        target = await self._engine.load(name, pin=pin)
        await self._audit(caller, "model.load", target.name)
        return self._state(target.name)

    async def unload(self, caller: Caller, name: str) -> ModelState:
        """Take a model out of memory. Raises ModelNotFound, Busy (in use), NotSupported."""
        await self._check(caller, name)
        target = await self._engine.unload(name)
        await self._audit(caller, "model.unload", target.name)
        return self._state(target.name)

    async def _check(self, caller: Caller, name: str) -> None:
        """Raise NotAllowed unless the caller may use the model; what a key may not ask it may not unload."""
        if caller.models:
            route = await self._engine.find(name)
            self._engine.router.check_allowed(caller, name, route)

    def _state(self, name: str) -> ModelState:
        for resident in self._engine.residency.status():
            if resident.target == name:
                return ModelState(
                    model_id=name,
                    state=resident.state,
                    device=resident.device,
                    footprint_mib=resident.footprint_mib,
                )
        return ModelState(model_id=name, state="absent")

    def _model(self, provider: str, info: ModelInfo) -> ModelRead:
        name = f"{provider}/{info.id}"
        return ModelRead(
            id=name,
            created=info.created_s or self._started_s,
            owned_by="roundhouse" if provider == BUILTIN_PROVIDER.name else provider,
            provider=provider,
            aliases=[alias.name for alias in self._engine.router.aliases.values() if name in alias.targets],
            operations=list(info.operations),
            inputs=list(info.inputs),
            context_tokens=info.context_tokens,
            parameters_b=info.parameters_b,
            size_bytes=info.size_bytes,
            quantization=info.quantization,
            family=info.family,
        )

    def _alias_models(self, caller: Caller) -> list[ModelRead]:
        found = [
            ModelRead(
                id=alias.name,
                created=self._started_s,
                owned_by="alias",
                targets=list(alias.targets),
            )
            for alias in self._engine.router.aliases.values()
            if not caller.models or matches(caller.models, alias.name)
        ]
        if AUTO not in self._engine.router.aliases and (not caller.models or matches(caller.models, AUTO)):
            found.append(ModelRead(id=AUTO, created=self._started_s, owned_by="roundhouse"))
        return found

    async def _audit(self, caller: Caller, action: str, name: str) -> None:
        async with self._db.begin() as tx:
            detail = {"version": __version__}
            await audit.append(
                tx, caller, action=action, object_id=name, detail=detail, at_s=self._clock.now_s()
            )


def _rfc3339(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
