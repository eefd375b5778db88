"""Jobs of the room: `model.pull` downloads a model through its provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from roundhouse.core.errors import BackendDown
from roundhouse.core.jobs import Pipeline, RetryPolicy, Step, StepContext
from roundhouse.core.types import PullProgress
from roundhouse.engine.engine import Engine
from roundhouse.features.gateway.pull_steps import said, share
from roundhouse.features.gateway.service.pulls import PULL
from roundhouse.infra.events.store import Event

_LONGEST_S = 24 * 3600.0


class ModelPull:
    """Downloads, and tells every process of the house that there is a new model.

    Args:
        engine: The models.
        reload: Brings the newest configuration into force.

    Attributes:
        pipeline: Of the kind `model.pull`.
    """

    def __init__(self, engine: Engine, reload: Callable[[], Awaitable[None]]) -> None:
        self._engine = engine
        self._reload = reload
        self._refreshing: set[asyncio.Task[None]] = set()
        self.pipeline = Pipeline(
            PULL,
            (Step("download", self._download),),
            retry=RetryPolicy(max_attempts=5, base_s=5.0, factor=3.0, max_s=120.0),
            timeout_s=_LONGEST_S,
        )

    def heard(self, event: Event) -> None:
        """Hear of an event: after a download the providers are asked anew what they have."""
        if event.type != "job.completed" or event.data.get("kind") != PULL:
            return
        self._engine.catalog.expire()
        task = asyncio.create_task(self._engine.catalog.refresh(), name="models after a download")
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    async def _download(self, context: StepContext) -> dict[str, Any]:
        model = str(context.job.input["model"])
        provider = model.partition("/")[0]
        if provider not in self._engine.catalog.backends:
            # Added a moment ago, perhaps.
            await self._reload()
        if provider not in self._engine.catalog.backends:
            raise BackendDown(
                f"The provider {provider!r} is not known here: it was removed, or does not answer."
            )
        last = PullProgress("success")
        async for last in self._engine.pull(model):
            context.progress(share(last), said(last))
        done: dict[str, Any] = {"model": model, "total_bytes": last.total_bytes}
        return done | ({"licence": last.licence} if last.licence else {})
