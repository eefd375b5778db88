"""Trying a capability: one call, and everything that can be seen of it."""

from __future__ import annotations

import time

from roundhouse.core.errors import NotFound, OutputInvalid, RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Gatekeeper
from roundhouse.core.transports import Exchange
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.schemas import Trial, TryAsk
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.model import Calling, Capability
from roundhouse.infra.web import error_object


class Trials:
    """Tries capabilities.

    Args:
        capabilities: Those there are.
        calling: Calls them.
        gatekeeper: Whether a caller may ask now.
    """

    def __init__(self, capabilities: CapabilityService, calling: Calling, gatekeeper: Gatekeeper) -> None:
        self._capabilities = capabilities
        self._calling = calling
        self._gatekeeper = gatekeeper

    async def attempt(self, caller: Caller, name: str, asked: TryAsk) -> Trial:
        """Call a capability once, by an example or an input; of the caller's own also a disabled one.

        Raises:
            NotFound: There is no such capability, or no such example.
            Unprocessable, TooLarge: The input is not valid.
            RateLimited, BudgetExceeded: The caller may not ask now.
        """
        one = self._capabilities.seen(caller, name)
        given = asked.input
        if asked.example is not None:
            example = next((found for found in one.examples if found.name == asked.example), None)
            if example is None:
                raise NotFound(f"{name!r} has no example {asked.example!r}.", param="example")
            given = example.input
        self._calling.check_input(one, given)
        waiting = self._gatekeeper.admit(caller)
        if waiting is not None:
            await waiting
        trial = Trial(capability=one.name, version=one.version, input=given)
        try:
            await self._call(caller, one, trial)
        finally:
            self._gatekeeper.settle(caller, 0, 0.0)
        return trial

    async def _call(self, caller: Caller, one: Capability, trial: Trial) -> None:
        key, exchange = f"{new_id('try')}:call:1", Exchange()
        began_s = time.perf_counter()
        try:
            reply = await self._calling.call(one, trial.input, caller, idempotency_key=key, exchange=exchange)
        except RoundhouseError as error:
            trial.error = error_object(error)
            trial.output = error.raw if isinstance(error, OutputInvalid) else None
        else:
            trial.ok, trial.output = True, reply.output
        trial.duration_ms = round((time.perf_counter() - began_s) * 1000, 3)
        if one.site_id == caller.site_id:
            trial.request, trial.response = exchange.request, exchange.response
