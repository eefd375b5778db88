"""Chooses models for a task or a request out of what the catalog lists and the memory holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from roundhouse.core.errors import ContextTooLong, ModelNotFound
from roundhouse.core.types import Caller, ModelRequest
from roundhouse.engine.catalog import Catalog
from roundhouse.engine.demand import Complexity, Demand, Task, demand_of
from roundhouse.engine.patterns import matches
from roundhouse.engine.recommend import Candidate, Recommendation, recommend
from roundhouse.engine.residency import Residency

FALLBACKS = 3
"""So many of the best models are tried for a request to `auto`."""


class Chooser:
    """Knows the candidates.

    Args:
        catalog: Providers and their models.
        residency: Which are in memory, and what would fit.
    """

    def __init__(self, catalog: Catalog, residency: Residency) -> None:
        self._catalog = catalog
        self._residency = residency

    def recommend(
        self, caller: Caller, *, task: Task, language: str, complexity: Complexity
    ) -> list[Recommendation]:
        """Models that the caller may use for a task, best first; empty when there is none."""
        return self._recommend(caller, Demand(task=task, language=language, complexity=complexity))

    def choose(
        self, request: ModelRequest, among: Collection[str] | None = None
    ) -> tuple[Sequence[str], str]:
        """Targets for a request, best first, and why the first.

        Args:
            request: What is asked.
            among: Only these, `provider/model`; None = any.

        Raises:
            ModelNotFound: None of the models that the caller may use can do it.
            ContextTooLong: They could, were the request shorter.
        """
        demand = demand_of(request)
        found = self._recommend(request.caller, demand, among)[:FALLBACKS]
        shorter = msgspec.structs.replace(demand, context_tokens=0)
        if not found and self._recommend(request.caller, shorter, among):
            raise ContextTooLong(
                "The request is longer than the model's context length, whatever model here is taken."
            )
        if not found:
            raise ModelNotFound("No model here can do what this request asks.", param="model")
        return [choice.target for choice in found], found[0].reason

    def _recommend(
        self, caller: Caller, demand: Demand, among: Collection[str] | None = None
    ) -> list[Recommendation]:
        candidates = [
            Candidate(
                f"{provider}/{info.id}", info, loaded=self._residency.is_loaded(f"{provider}/{info.id}")
            )
            for provider, info in self._catalog.every()
            if (among is None or f"{provider}/{info.id}" in among)
            and (
                not caller.models
                or matches(caller.models, f"{provider}/{info.id}")
                or matches(caller.models, info.id)
            )
        ]
        return recommend(
            candidates,
            task=demand.task,
            language=demand.language,
            complexity=demand.complexity,
            tools_needed=demand.tools_needed,
            inputs_needed=demand.inputs_needed,
            context_tokens=demand.context_tokens,
            fits=lambda one: self._residency.fits(one.target, one.info),
        )
