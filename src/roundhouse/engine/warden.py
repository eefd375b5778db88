"""Keeps the ledger in this process: carries out what it decides, measures what came of it, and keeps watch.

Loads and unloads are tasks of their own, so that a client that goes away cancels nobody's load.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock, DeviceProbe, FootprintStore
from roundhouse.core.settings import EngineSettings
from roundhouse.core.types import Device
from roundhouse.engine.claims import Answer, Claims
from roundhouse.engine.ledger import Ledger
from roundhouse.engine.memory import (
    UNLIMITED_MIB,
    Action,
    AddDevice,
    DeviceUse,
    Done,
    Event,
    Fail,
    Forget,
    Grant,
    Inherit,
    Learned,
    Load,
    Observed,
    Pin,
    Release,
    Remember,
    Request,
    Resident,
    Tick,
    Unload,
    Used,
    Waiting,
    Warn,
)
from roundhouse.engine.mover import CPU, Mover, Place

RAM_RESERVE_MIB = 512
"""RAM that stays free in any case."""

REFRESH_S = 15.0
"""Servers and devices are looked at this often."""

START_WAIT_S = 1.0
"""A start waits this long for servers to tell what they hold."""

SWEEP_S = 1.0
"""Deadlines are met with this accuracy."""

_SOONEST_S = 0.05

_log = structlog.get_logger("roundhouse.residency")


class Audience(Protocol):
    """Other processes that lease through this ledger."""

    def noted(self, event: Event, actions: Sequence[Action]) -> None:
        """The ledger took an event; nothing of what it decided has begun yet."""
        ...

    def answered(self, answer: Answer) -> None:
        """A ticket of one of them has its answer."""
        ...

    def learned(self, footprint: Learned) -> None:
        """A footprint was measured."""
        ...


class Warden:
    """The shell around the ledger.

    Args:
        settings: Budgets, queue, keep-alive.
        probe: Looks at the devices.
        clock: Time.
        footprints: Remembers what was measured; None = only in memory.
        places: Providers by name; whoever changes it says so by `opened` and `forgotten`.
        claims: What this process waits for.

    Attributes:
        audience: Other processes, where there are any.
        accelerator: The first one of this machine.
    """

    def __init__(
        self,
        settings: EngineSettings,
        probe: DeviceProbe,
        clock: Clock,
        footprints: FootprintStore | None,
        places: Mapping[str, Place],
        claims: Claims,
    ) -> None:
        self.audience: Audience | None = None
        self.accelerator: str | None = None
        self._settings = settings
        self._clock = clock
        self._footprints = footprints
        self._places = places
        self._claims = claims
        self._ledger = Ledger(
            queue_depth=settings.queue_depth,
            queue_timeout_s=settings.queue_timeout_s,
            keep_alive_s=settings.keep_alive_s,
        )
        self._mover = Mover(probe, clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False
        self._numbers = itertools.count(1)
        self._returning: dict[str, str] = {}
        for provider in places:
            self.opened(provider)

    # Life

    async def start(self) -> None:
        """Look at the machine, remember footprints, adopt what is loaded already, and keep watch until `close`.

        A server that takes longer than `START_WAIT_S` to tell what it holds is heard later.
        """
        await self.prepare()
        await self.look(START_WAIT_S)
        self.watch()

    async def prepare(self) -> None:
        """Set the budgets from what the machine has, and read the remembered footprints.

        Raises:
            RoundhouseError: They cannot be read.
        """
        for device in await self._mover.look():
            self._add(device)
        if self._footprints is not None:
            self.tell(Remember(dict(await self._footprints.load())))

    async def look(self, limit_s: float | None = None) -> None:
        """Look at servers and devices once; returns after `limit_s` at the latest, the look goes on."""
        await asyncio.wait({self._spawn(self.refresh())}, timeout=limit_s)

    def watch(self) -> None:
        """Look at servers and deadlines from time to time."""
        self._sweeper = asyncio.create_task(self._sweep(), name="model memory")

    def stop(self) -> None:
        """From now on nothing is begun or answered, and the ledger stays as it is: others may take it over."""
        self._closed = True

    async def close(self) -> None:
        """Stop watching. Models stay where they are."""
        self.stop()
        tasks = [*self._tasks, *([self._sweeper] if self._sweeper is not None else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # Providers

    def opened(self, provider: str) -> None:
        """A provider came to the places."""
        place = self._places[provider]
        if place.budget_mib is not None and place.device is not None:
            self.tell(AddDevice(place.device, place.budget_mib, place.budget_mib))

    def forgotten(self, provider: str) -> None:
        """A provider is gone: its waiters get ModelNotFound, its models are no residents any more."""
        self.tell(Forget(provider))

    def device_of(self, place: Place) -> str:
        """Where a provider's models go. Told late: providers are known before the machine was looked at."""
        device = place.device or self.accelerator or CPU
        self._know(device)
        return device

    def _know(self, device: str) -> None:
        if not self._ledger.knows(device):
            self.tell(AddDevice(device, UNLIMITED_MIB, UNLIMITED_MIB))

    def resolved(self, request: Request) -> Request | None:
        """A request made by a process that left its device to this one; None when its provider is unknown here."""
        place = self._places.get(request.target.partition("/")[0])
        if place is None:
            return None
        device = self.device_of(place)
        exclusive = request.exclusive or (self._settings.sequential and device != CPU)
        return msgspec.structs.replace(request, device=device, exclusive=exclusive)

    # What can be asked

    def status(self) -> list[Resident]:
        """Every model it knows, by name; times are Unix seconds."""
        shift_s = self._clock.now_s() - self._clock.monotonic_s()
        return [
            msgspec.structs.replace(
                one,
                last_used_at=None if one.last_used_at is None else one.last_used_at + shift_s,
                expires_at=None if one.expires_at is None else one.expires_at + shift_s,
            )
            for one in self._ledger.residents()
        ]

    def devices(self) -> list[DeviceUse]:
        """Every device with its budget and use."""
        return self._ledger.devices()

    def footprints(self) -> dict[str, int]:
        """Everything that was ever measured, MiB by target."""
        return self._ledger.footprints()

    def most_mib(self) -> dict[str, tuple[int, int]]:
        """By device: the largest model it takes, by estimate and by measurement."""
        return self._ledger.most_mib()

    def is_loaded(self, target: str) -> bool:
        """Whether a model is in memory and ready."""
        return self._ledger.is_loaded(target)

    def wants_estimate(self, target: str) -> bool:
        """The estimate matters only for a model that must be loaded."""
        return not self._ledger.is_loaded(target)

    def fits(self, target: str, place: Place, estimate_mib: int) -> bool:
        """Whether the model could be loaded on an otherwise empty device."""
        return self._ledger.fits(target, self.device_of(place), estimate_mib)

    def place(self, ticket: str) -> Waiting | None:
        """Where a ticket stands; None when it does not wait."""
        return self._ledger.place(ticket, self._clock.monotonic_s())

    # Between the ledger and the world

    def tell(self, event: Event) -> None:
        """Tell the ledger an event and carry out what it decides; once stopped it is left as it is."""
        if self._closed:
            return
        if type(event) is Request and not event.device:
            # It was made while another process, or nobody, kept the ledger.
            event = self.resolved(event) or msgspec.structs.replace(event, device=CPU)
        actions = self._ledger.apply(event, self._clock.monotonic_s())
        if self.audience is not None:
            self.audience.noted(event, actions)
        for action in actions:
            match action:
                case Grant() | Done() | Fail():
                    self._answer(action)
                case Load(target, device):
                    self._spawn(self._mover.load(self._find(target), device, self.tell))
                case Unload(target, device, footprint_mib):
                    self._spawn(self._mover.unload(self._find(target), device, footprint_mib, self.tell))
                case Learned(target, footprint_mib):
                    self._learned(action)
                case Warn(target, text):
                    _log.warning("model_memory", target=target, problem=text)

    def inherit(self, residents: Sequence[Resident]) -> None:
        """Count the models of a former ledger whose providers are known here."""
        known = tuple(one for one in residents if one.target.partition("/")[0] in self._places)
        for one in known:
            self._know(one.device)
        self.tell(Inherit(known))

    def _answer(self, answer: Answer) -> None:
        if self._claims.answered(answer):
            return
        target = self._returning.pop(answer.ticket, None)
        if target is not None:
            self._returned(target, answer)
        elif self.audience is not None:
            self.audience.answered(answer)

    def _learned(self, footprint: Learned) -> None:
        if self._footprints is not None:
            self._spawn(self._save(self._footprints, footprint.target, footprint.footprint_mib))
        if self.audience is not None:
            self.audience.learned(footprint)

    def _find(self, target: str) -> Place:
        provider, _, model = target.partition("/")
        return msgspec.structs.replace(self._places[provider], target=target, model=model)

    # Watching

    async def refresh(self) -> None:
        """Look at every provider and every device, and put the books right: adopt, correct, drop."""
        await asyncio.gather(*(self._observe(name, place) for name, place in list(self._places.items())))
        since_s = self._clock.monotonic_s()
        for device in await self._mover.look():
            self.tell(Used(device.id, device.used_mib, since_s))
        for one in self._ledger.residents():
            if one.pinned and one.state == "absent" and not one.queue_length:
                self._bring_back(one)

    async def _observe(self, provider: str, place: Place) -> None:
        since_s = self._clock.monotonic_s()
        known = [one.target for one in self._ledger.residents()]
        held = await self._mover.held(provider, place, self.device_of(place), known)
        if held is not None and self._places.get(provider) is place:
            models, alive = held
            self.tell(Observed(provider, models, since_s, alive))

    def _bring_back(self, one: Resident) -> None:
        """Load a pinned model that its server dropped."""
        ticket = f"return-{next(self._numbers)}"
        self._returning[ticket] = one.target
        self.tell(Request(ticket, one.target, "", one.footprint_mib))

    def _returned(self, target: str, answer: Answer) -> None:
        if isinstance(answer, Fail):
            problem = f"pinned, but not loaded again: {answer.refusal.detail}"
            _log.warning("model_memory", target=target, problem=problem)
            return
        self.tell(Pin(target, True))
        self.tell(Release(answer.ticket))

    async def _sweep(self) -> None:
        look_at_s = self._clock.monotonic_s() + REFRESH_S
        looking: asyncio.Task[None] | None = None
        while True:
            due_s = self._ledger.next_deadline_s()
            until_s = SWEEP_S if due_s is None else due_s - self._clock.monotonic_s()
            await self._clock.sleep(min(SWEEP_S, max(_SOONEST_S, until_s)))
            self.tell(Tick())
            # A server that hangs must not keep the deadlines waiting: the look is a task of its own.
            if self._clock.monotonic_s() >= look_at_s and (looking is None or looking.done()):
                looking = self._spawn(self.refresh())
                look_at_s = self._clock.monotonic_s() + REFRESH_S

    async def _save(self, store: FootprintStore, target: str, footprint_mib: int) -> None:
        try:
            await store.save(target, footprint_mib)
        except RoundhouseError as error:
            _log.warning("footprint_not_saved", target=target, problem=error.detail)

    def _add(self, device: Device) -> None:
        total_mib = device.total_mib
        if device.id == CPU:
            ceiling_mib = max(0, total_mib - RAM_RESERVE_MIB)
            budget_mib = min(int(total_mib * self._settings.ram_share), ceiling_mib)
            self.tell(AddDevice(CPU, budget_mib, ceiling_mib))
            return
        self.accelerator = self.accelerator or device.id
        ceiling_mib = max(0, total_mib - self._settings.vram_reserve_mib)
        budget_mib = min(int(total_mib * self._settings.vram_share), ceiling_mib)
        self.tell(AddDevice(device.id, budget_mib, ceiling_mib, alone_mib=ceiling_mib))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("model_memory_task_failed", exc_info=error)
