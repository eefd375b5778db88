"""Carries out loads and unloads and measures what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from roundhouse.core.errors import BackendTimeout, RoundhouseError
from roundhouse.core.ports import Clock, DeviceProbe
from roundhouse.core.types import Device, RunningModel
from roundhouse.engine.loading import Killable, Loader, find_model, held_mib, same_model
from roundhouse.engine.memory import Event, Held, Loaded, LoadFailed, Refusal, Unloaded, UnloadFailed

CPU = "cpu"

LOAD_TIMEOUT_S = 1800.0
"""A load that takes longer has failed: the largest models need minutes from a slow disk."""

UNLOAD_TIMEOUT_S = 60.0
"""An unload that takes longer has failed."""

BACK_WITHIN_S = 3.0
"""Memory must be back this soon after an unload; servers and drivers take their time."""

LOOK_TIMEOUT_S = 5.0
"""A server that does not say what it holds within this time does not tell."""

LOOK_AGAIN_S = 0.2
"""Pause between two looks at whether it is."""

TOLERANCE_MIB = 256
"""Smaller differences of a card's memory are noise of its driver."""

Tell = Callable[[Event], None]


class Place(msgspec.Struct):
    """Where the models of one provider live, and which of them is meant.

    Attributes:
        loader: Loads and unloads them.
        device: Device they are put on; None = the first accelerator, else the CPU.
        options: The provider's own settings, for the context its models are loaded with.
        budget_mib: Budget of that device, where the provider tells one.
        target: `provider/model`, where one is meant.
        model: The provider's own name of it.
    """

    loader: Loader
    device: str | None
    options: Mapping[str, Any] = {}
    budget_mib: int | None = None
    target: str = ""
    model: str = ""


class Mover:
    """Moves models in and out.

    Args:
        probe: Looks at the devices.
        clock: Time.
    """

    def __init__(self, probe: DeviceProbe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._begun: dict[str, int] = {}
        self._running: dict[str, int] = {}

    async def look(self) -> Sequence[Device]:
        """The devices of this machine, now."""
        return await asyncio.to_thread(self._probe.devices)

    async def load(self, place: Place, device: str, tell: Tell) -> None:
        """Load a model and tell what came of it: Loaded or LoadFailed."""
        ended: Event = LoadFailed(place.target, _broken_off(place, "load"))
        try:
            with self._alone(device) as alone:
                before_mib = await self._used_mib(device)
                async with asyncio.timeout(LOAD_TIMEOUT_S):
                    await place.loader.load(place.model)
                ended = await self._measured(place, device, before_mib, alone)
        except TimeoutError:
            late = BackendTimeout(f"{place.target} was not loaded within {LOAD_TIMEOUT_S:g} s.")
            ended = LoadFailed(place.target, Refusal.of(late))
        except RoundhouseError as error:
            ended = LoadFailed(place.target, Refusal.of(error))
        finally:
            # Also when something unforeseen breaks it off: a reservation must never stay behind.
            tell(ended)

    async def unload(self, place: Place, device: str, footprint_mib: int, tell: Tell) -> None:
        """Unload a model and tell what came of it: Unloaded, with what did not come back, or UnloadFailed."""
        ended: Event = UnloadFailed(place.target, _broken_off(place, "unload"))
        try:
            with self._alone(device) as alone:
                before_mib = await self._used_mib(device)
                refusal = await self._take_out(place)
                if refusal is None:
                    residual_mib = await self._missing_mib(device, before_mib, footprint_mib, alone)
                    if residual_mib and isinstance(place.loader, Killable):
                        await place.loader.kill(place.model)
                        residual_mib = await self._missing_mib(device, before_mib, footprint_mib, alone)
                    ended = Unloaded(place.target, residual_mib)
                else:
                    ended = UnloadFailed(place.target, refusal)
        except RoundhouseError as error:
            ended = UnloadFailed(place.target, Refusal.of(error))
        finally:
            tell(ended)

    async def held(
        self, provider: str, place: Place, device: str, known: Sequence[str]
    ) -> tuple[tuple[Held, ...], bool] | None:
        """What a provider holds and whether it is alive; None when it does not tell.

        Args:
            provider: Its name.
            place: Its loader.
            device: Where its models are.
            known: Targets known already: a server's other spelling of one of them is that one.
        """
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                running = await place.loader.measure()
        except TimeoutError:
            return None
        except RoundhouseError:
            return None if await _alive(place) else ((), False)
        shift_s = self._clock.now_s() - self._clock.monotonic_s()
        return tuple(
            Held(
                target=next(
                    (one for one in known if same_model(one, f"{provider}/{model.id}")),
                    f"{provider}/{model.id}",
                ),
                device=_device_of(model.vram_mib, model.ram_mib, device),
                footprint_mib=held_mib(model),
                expires_at_s=None if model.expires_at_s is None else model.expires_at_s - shift_s,
            )
            for model in running
        ), True

    async def _measured(
        self, place: Place, device: str, before_mib: int | None, alone: Callable[[], bool]
    ) -> Loaded:
        """What the model holds: as its server tells, else what the card gained if nothing else moved there."""
        found = find_model(await _measure(place) or (), place.model)
        if found is not None and held_mib(found) > 0:
            return Loaded(place.target, held_mib(found), _device_of(found.vram_mib, found.ram_mib, device))
        after_mib = await self._used_mib(device)
        if (
            before_mib is not None
            and after_mib is not None
            and alone()
            and after_mib - before_mib > TOLERANCE_MIB
        ):
            return Loaded(place.target, after_mib - before_mib)
        return Loaded(place.target)

    async def _take_out(self, place: Place) -> Refusal | None:
        """Tell the loader, and look until the model is gone; why it is not, or None."""
        refusal = Refusal(
            "backend_failed", f"{place.target} is still in memory {BACK_WITHIN_S:g} s after unloading."
        )
        try:
            async with asyncio.timeout(UNLOAD_TIMEOUT_S):
                await place.loader.unload(place.model)
        except TimeoutError:
            refusal = Refusal.of(
                BackendTimeout(f"{place.target} was not unloaded within {UNLOAD_TIMEOUT_S:g} s.")
            )
        except RoundhouseError as error:
            refusal = Refusal.of(error)
        give_up_s = self._clock.monotonic_s() + BACK_WITHIN_S
        while await _still_in(place):
            if self._clock.monotonic_s() >= give_up_s:
                if not isinstance(place.loader, Killable):
                    return refusal
                await place.loader.kill(place.model)
                return None
            await self._clock.sleep(LOOK_AGAIN_S)
        return None

    async def _missing_mib(
        self, device: str, before_mib: int | None, footprint_mib: int, alone: Callable[[], bool]
    ) -> int:
        """Memory of a card that did not come back in time; 0 where that cannot be told."""
        give_up_s = self._clock.monotonic_s() + BACK_WITHIN_S
        while footprint_mib:
            used_mib = await self._used_mib(device)
            if used_mib is None or before_mib is None or not alone():
                return 0
            missing_mib = footprint_mib - (before_mib - used_mib)
            if missing_mib <= max(TOLERANCE_MIB, footprint_mib // 10):
                return 0
            if self._clock.monotonic_s() >= give_up_s:
                return min(missing_mib, footprint_mib)
            await self._clock.sleep(LOOK_AGAIN_S)
        return 0

    async def _used_mib(self, device: str) -> int | None:
        """Memory of a card in use. Of RAM it says nothing: too many others take and give there."""
        if device == CPU:
            return None
        return next((one.used_mib for one in await self.look() if one.id == device), None)

    @contextmanager
    def _alone(self, device: str) -> Iterator[Callable[[], bool]]:
        """Mark a load or unload under way; the result tells whether it was the only one on its device so far."""
        begun = self._begun[device] = self._begun.get(device, 0) + 1
        first = self._running.get(device, 0) == 0
        self._running[device] = self._running.get(device, 0) + 1
        try:
            yield lambda: first and self._begun[device] == begun
        finally:
            self._running[device] -= 1


async def _measure(place: Place) -> Sequence[RunningModel] | None:
    """What a loader says it holds; None when it does not tell."""
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            return await place.loader.measure()
    except (RoundhouseError, TimeoutError):
        return None


async def _still_in(place: Place) -> bool:
    models = await _measure(place)
    # A server that is gone holds nothing; one that is there but does not tell may hold it still.
    return await _alive(place) if models is None else find_model(models, place.model) is not None


async def _alive(place: Place) -> bool:
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            return await place.loader.alive()
    except TimeoutError:
        return True


def _device_of(vram_mib: int, ram_mib: int, device: str) -> str:
    """A model meant for an accelerator that holds only RAM is in RAM."""
    return CPU if device.startswith("cuda") and vram_mib == 0 and ram_mib > 0 else device


def _broken_off(place: Place, what: str) -> Refusal:
    return Refusal("backend_failed", f"The {what} of {place.target} was broken off.")
