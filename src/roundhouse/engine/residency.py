"""Who is in memory: leases, loads, evictions. A thin asynchronous shell around the ledger.

The ledger decides; this file carries its decisions out (loads and unloads as tasks of their own, so that a
client that goes away cancels nobody's load), measures what came of them, looks at the machine from time to time,
and turns the ledger's answers into leases and errors.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog

from roundhouse.core.errors import RoundhouseError, ShuttingDown
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock, Device, DeviceProbe, FootprintStore
from roundhouse.core.settings import EngineSettings
from roundhouse.core.types import ModelInfo
from roundhouse.engine.footprint import estimate_mib
from roundhouse.engine.ledger import Ledger
from roundhouse.engine.loading import ControlLoader, Loader
from roundhouse.engine.memory import (
    UNLIMITED_MIB,
    AddDevice,
    DeviceUse,
    Done,
    Drop,
    Event,
    Fail,
    Forget,
    Grant,
    Learned,
    Load,
    Observed,
    Pin,
    Refusal,
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
from roundhouse.engine.model import Backends, Target
from roundhouse.engine.mover import Mover, Place

CPU = "cpu"
RAM_RESERVE_MIB = 512
"""RAM that stays free in any case."""

REFRESH_S = 15.0
"""Servers and devices are looked at this often."""

START_WAIT_S = 1.0
"""A start waits this long for servers to tell what they hold."""

SWEEP_S = 1.0
"""Deadlines are met with this accuracy."""

_SOONEST_S = 0.05
_THIS_MACHINE = frozenset({"", "localhost", "::1", "host.docker.internal"})

_log = structlog.get_logger("roundhouse.residency")


class Lease:
    """The right to use a model while it is kept in memory. An asynchronous context manager, used once.

    Attributes:
        target: The model.
        waited_s: Time from asking until it was granted.
    """

    __slots__ = ("_on_wait", "_request", "_residency", "target", "waited_s")

    def __init__(
        self,
        residency: Residency,
        request: Request | None,
        target: str,
        on_wait: Callable[[Waiting], None] | None,
    ) -> None:
        self._residency = residency
        self._request = request
        self._on_wait = on_wait
        self.target = target
        self.waited_s = 0.0

    async def __aenter__(self) -> Lease:
        """Wait until the model is there.

        Raises:
            DoesNotFit: It is larger than the budget.
            Busy: The queue is full, or no memory came free in time.
            ShuttingDown: The process ends.
            RoundhouseError: Its load failed.
        """
        if self._request is not None:
            began_s = self._residency.clock.monotonic_s()
            await self._residency.wait_for(self._request, self._request.ticket, self._on_wait)
            self.waited_s = self._residency.clock.monotonic_s() - began_s
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._request is not None:
            self._residency.apply(Release(self._request.ticket))
            self._request = None


class Residency:
    """The memory of this machine.

    Args:
        settings: Budgets, queue, keep-alive.
        probe: Looks at the devices.
        clock: Time.
        footprints: Remembers what was measured; None = only in memory.
    """

    def __init__(
        self,
        settings: EngineSettings,
        probe: DeviceProbe,
        clock: Clock,
        footprints: FootprintStore | None = None,
    ) -> None:
        self.clock = clock
        self._settings = settings
        self._probe = probe
        self._footprints = footprints
        self._ledger = Ledger(
            queue_depth=settings.queue_depth,
            queue_timeout_s=settings.queue_timeout_s,
            keep_alive_s=settings.keep_alive_s,
        )
        self._places: dict[str, Place] = {}
        self._accelerator: str | None = None
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._mover = Mover(probe, clock)
        self._closed = False
        self._prefix = new_id("tkt")
        self._numbers = itertools.count(1)

    # Life

    async def start(self) -> None:
        """Look at the machine, remember footprints, adopt what is loaded already, and keep watch until `close`.

        A server that takes longer than `START_WAIT_S` to tell what it holds is heard later.
        """
        await self.prepare()
        await asyncio.wait({self._spawn(self.refresh())}, timeout=START_WAIT_S)
        self._sweeper = asyncio.create_task(self._sweep())

    async def prepare(self) -> None:
        """Set the budgets from what the machine has, and read the remembered footprints."""
        for device in await self._mover.look():
            self._add(device)
        if self._footprints is not None:
            self.apply(Remember(dict(await self._footprints.load())))

    async def close(self) -> None:
        """Stop watching and fail everybody who waits. Models stay where they are."""
        self._closed = True
        for answer in list(self._answers.values()):
            if not answer.done():
                answer.set_exception(ShuttingDown("This process ends."))
        tasks = [*self._tasks, *([self._sweeper] if self._sweeper is not None else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # Providers

    def configure(self, backends: Iterable[Backends]) -> None:
        """Make exactly those of these providers residents' homes that manage memory; others are forgotten.

        A provider's option `device` names its device. A server on another machine has a device of its own, whose
        budget is the option `memory_mib`, else unlimited: then that server alone decides who is in.
        """
        managed: dict[str, Backends] = {}
        for one in backends:
            if one.control is not None and one.control.manages_memory:
                managed[one.provider.name] = one
        for name in self._places.keys() - managed.keys():
            self.forget(name)
        for one in managed.values():
            self._home(one)

    def _home(self, backends: Backends) -> None:
        control, provider = backends.control, backends.provider
        if control is None:
            return
        place = self._places.get(provider.name)
        if place is not None and isinstance(place.loader, ControlLoader) and place.loader.control is control:
            return
        # Its address or key changed: what the old one held is not there.
        self.forget(provider.name)
        # Twice its own time: the server must not be first.
        loader = ControlLoader(control, self._settings.keep_alive_s * 2 + 60.0)
        budget_mib = provider.options.get("memory_mib")
        device = provider.options.get("device")
        if not isinstance(device, str):
            device = None if _is_here(provider.url) else f"server:{provider.name}"
        self.register(
            provider.name,
            loader,
            device=device,
            budget_mib=budget_mib if isinstance(budget_mib, int) else None,
            options=provider.options,
        )

    def register(
        self,
        provider: str,
        loader: Loader,
        *,
        device: str | None = None,
        budget_mib: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Say who loads the models of a provider.

        Args:
            provider: First part of its models' names.
            loader: Loads and unloads them.
            device: Where; None = the first accelerator, else the CPU. An unknown one has no limit.
            budget_mib: Budget of that device; without a device, of one of its own called `server:<provider>`.
            options: The provider's own settings.
        """
        if budget_mib is not None:
            device = device or f"server:{provider}"
            self.apply(AddDevice(device, budget_mib, budget_mib))
        self._places[provider] = Place(loader, device, options or {})

    def _device(self, place: Place) -> str:
        """Where a provider's models go. Told late: providers are known before the machine was looked at."""
        device = place.device or self._accelerator or CPU
        if device not in {one.device for one in self._ledger.devices()}:
            self.apply(AddDevice(device, UNLIMITED_MIB, UNLIMITED_MIB))
        return device

    def forget(self, provider: str) -> None:
        """A provider is gone: its waiters get ModelNotFound, its models are no residents any more."""
        if self._places.pop(provider, None) is not None:
            self.apply(Forget(provider))

    # Use

    def lease(
        self,
        target: Target | str,
        *,
        exclusive: bool = False,
        info: ModelInfo | None = None,
        context_tokens: int | None = None,
        keep_alive_s: float | None = None,
        on_wait: Callable[[Waiting], None] | None = None,
    ) -> Lease:
        """The right to use a model: `async with residency.lease("ollama/llama3"): …`.

        Args:
            target: The model. One whose provider manages no memory is leased at once and not counted.
            exclusive: Everything else on its device must be out, and stays out while the lease lasts.
            info: What its size is estimated from; a `Target` brings its own.
            context_tokens: Context it is loaded with.
            keep_alive_s: How long it stays afterwards; None = the setting.
            on_wait: Told the place in the queue if there is a wait.
        """
        name = target if isinstance(target, str) else target.name
        if not isinstance(target, str) and target.managed:
            self._home(target.backends)
            info = info or target.info
        place = self._places.get(name.partition("/")[0])
        if place is None:
            return Lease(self, None, name, None)
        device = self._device(place)
        request = Request(
            ticket=self._ticket(),
            target=name,
            device=device,
            # The estimate matters only for a model that must be loaded.
            estimate_mib=0 if self._ledger.is_loaded(name) else self._estimate(name, info, context_tokens),
            exclusive=exclusive or (self._settings.sequential and device != CPU),
            keep_alive_s=keep_alive_s,
        )
        return Lease(self, request, name, on_wait)

    async def load(self, target: Target | str, *, pin: bool = False, info: ModelInfo | None = None) -> None:
        """Bring a model into memory; with `pin` it stays there. Raises like entering a lease."""
        async with self.lease(target, info=info) as lease:
            if pin:
                self.apply(Pin(lease.target, True))

    async def unload(self, target: Target | str) -> None:
        """Take a model out of memory, also a pinned one; returns when it is out.

        Raises:
            Busy: It is in use or being loaded.
            BackendFailed: It did not leave.
        """
        drop = Drop(self._ticket(), target if isinstance(target, str) else target.name)
        await self.wait_for(drop, drop.ticket, None)

    async def pin(self, target: Target | str) -> None:
        """Load a model and keep it in memory whatever comes. Raises like entering a lease."""
        await self.load(target, pin=True)

    def unpin(self, target: Target | str) -> None:
        """Let a pinned model leave when its time has come."""
        self.apply(Pin(target if isinstance(target, str) else target.name, False))

    # What can be asked

    def status(self) -> list[Resident]:
        """Every model it knows, by name; times are Unix seconds."""
        shift_s = self.clock.now_s() - self.clock.monotonic_s()
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

    def is_loaded(self, target: str) -> bool:
        """Whether a model is in memory and ready."""
        return self._ledger.is_loaded(target)

    def fits(self, target: str, info: ModelInfo) -> bool:
        """Whether a model could be loaded here; true for one whose provider manages no memory."""
        place = self._places.get(target.partition("/")[0])
        return place is None or self._ledger.fits(
            target, self._device(place), self._estimate(target, info, None)
        )

    # Between the ledger and the world

    def apply(self, event: Event) -> None:
        """Tell the ledger an event and carry out what it decides; after `close` nothing is begun any more."""
        actions = self._ledger.apply(event, self.clock.monotonic_s())
        for action in () if self._closed else actions:
            match action:
                case Grant(ticket) | Done(ticket):
                    self._answer(ticket, None)
                case Fail(ticket, refusal):
                    self._answer(ticket, refusal)
                case Load(target, device):
                    self._spawn(self._mover.load(self._find(target), device, self.apply))
                case Unload(target, device, footprint_mib):
                    self._spawn(self._mover.unload(self._find(target), device, footprint_mib, self.apply))
                case Learned(target, footprint_mib) if self._footprints is not None:
                    self._spawn(self._save(self._footprints, target, footprint_mib))
                case Warn(target, text):
                    _log.warning("model_memory", target=target, problem=text)

    async def wait_for(self, event: Event, ticket: str, on_wait: Callable[[Waiting], None] | None) -> None:
        """Tell the ledger an event and wait for the answer to its ticket; leaving early gives the ticket back."""
        if self._closed:
            raise ShuttingDown("This process ends.")
        answer = self._answers[ticket] = asyncio.get_running_loop().create_future()
        try:
            self.apply(event)
            if on_wait is not None and not answer.done():
                place = self._ledger.place(ticket, self.clock.monotonic_s())
                if place is not None:
                    on_wait(place)
            await answer
        except BaseException:
            # A grant may have come in the same moment as the cancellation: the ledger knows, and takes it back.
            self.apply(Release(ticket))
            raise
        finally:
            del self._answers[ticket]
            if answer.done() and not answer.cancelled():
                answer.exception()

    def _answer(self, ticket: str, refusal: Refusal | None) -> None:
        answer = self._answers.get(ticket)
        if answer is None or answer.done():
            return
        if refusal is None:
            answer.set_result(None)
        else:
            answer.set_exception(refusal.error())

    def _find(self, target: str) -> Place:
        provider, _, model = target.partition("/")
        return msgspec.structs.replace(self._places[provider], target=target, model=model)

    def _ticket(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"

    def _estimate(self, target: str, info: ModelInfo | None, context_tokens: int | None) -> int:
        provider, _, model = target.partition("/")
        told = self._places[provider].options.get("num_ctx")
        if context_tokens is None and isinstance(told, int):
            context_tokens = told
        return estimate_mib(info or ModelInfo(model), context_tokens=context_tokens)

    # Watching

    async def refresh(self) -> None:
        """Look at every provider and every device, and put the books right: adopt, correct, drop."""
        await asyncio.gather(*(self._observe(name, place) for name, place in list(self._places.items())))
        since_s = self.clock.monotonic_s()
        for device in await self._mover.look():
            self.apply(Used(device.id, device.used_mib, since_s))
        for one in self._ledger.residents():
            if one.pinned and one.state == "absent" and not one.queue_length:
                self._spawn(self._bring_back(one.target))

    async def _observe(self, provider: str, place: Place) -> None:
        since_s = self.clock.monotonic_s()
        known = [one.target for one in self._ledger.residents()]
        held = await self._mover.held(provider, place, self._device(place), known)
        if held is not None and self._places.get(provider) is place:
            models, alive = held
            self.apply(Observed(provider, models, since_s, alive))

    async def _bring_back(self, target: str) -> None:
        """Load a pinned model that its server dropped."""
        try:
            await self.load(target, pin=True)
        except RoundhouseError as error:
            _log.warning(
                "model_memory", target=target, problem=f"pinned, but not loaded again: {error.detail}"
            )

    async def _sweep(self) -> None:
        look_at_s = self.clock.monotonic_s() + REFRESH_S
        looking: asyncio.Task[None] | None = None
        while True:
            due_s = self._ledger.next_deadline_s()
            until_s = SWEEP_S if due_s is None else due_s - self.clock.monotonic_s()
            await self.clock.sleep(min(SWEEP_S, max(_SOONEST_S, until_s)))
            self.apply(Tick())
            # A server that hangs must not keep the deadlines waiting: the look is a task of its own.
            if self.clock.monotonic_s() >= look_at_s and (looking is None or looking.done()):
                looking = self._spawn(self.refresh())
                look_at_s = self.clock.monotonic_s() + REFRESH_S

    async def _save(self, store: FootprintStore, target: str, footprint_mib: int) -> None:
        try:
            await store.save(target, footprint_mib)
        except RoundhouseError as error:
            _log.warning("footprint_not_saved", target=target, problem=error.detail)

    def _add(self, device: Device) -> None:
        total_mib = device.total_mib
        if device.id == CPU:
            ceiling_mib = max(0, total_mib - RAM_RESERVE_MIB)
            self.apply(
                AddDevice(CPU, min(int(total_mib * self._settings.ram_share), ceiling_mib), ceiling_mib)
            )
            return
        self._accelerator = self._accelerator or device.id
        ceiling_mib = max(0, total_mib - self._settings.vram_reserve_mib)
        budget_mib = min(int(total_mib * self._settings.vram_share), ceiling_mib)
        self.apply(AddDevice(device.id, budget_mib, ceiling_mib, alone_mib=ceiling_mib))

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


def _is_here(url: str) -> bool:
    """Whether a model server is on this machine and so uses this machine's memory."""
    host = urlsplit(url).hostname or ""
    return host in _THIS_MACHINE or host.startswith("127.")
