"""Who is in memory: leases of models, for the rest of this process.

The ledger behind them is one per machine. It is kept in this process (`Warden`) or in another one that shares the
data folder (`Follower`); which of the two may change at any moment (`Succession`) and makes no difference to who
leases. In the process that keeps it a lease stays in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from roundhouse.core.errors import ModelNotFound, ShuttingDown
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock, DeviceProbe, FootprintStore
from roundhouse.core.settings import EngineSettings
from roundhouse.core.types import ModelInfo
from roundhouse.engine.claims import Claim, Claims, Keeper, Wish
from roundhouse.engine.footprint import estimate_mib
from roundhouse.engine.loading import ControlLoader, Loader
from roundhouse.engine.memory import DeviceUse, Drop, Event, Pin, Release, Request, Resident, Waiting
from roundhouse.engine.model import Backends, Target
from roundhouse.engine.mover import CPU, Place
from roundhouse.engine.succession import Meeting, Succession
from roundhouse.engine.warden import Warden

_THIS_MACHINE = frozenset({"", "localhost", "::1", "host.docker.internal"})


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
            await self._residency.wait_for(self._request, self._on_wait)
            self.waited_s = self._residency.clock.monotonic_s() - began_s
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._request is not None:
            self._residency.tell(Release(self._request.ticket))
            self._request = None


class Residency:
    """The memory of this machine.

    Args:
        settings: Budgets, queue, keep-alive.
        probe: Looks at the devices.
        clock: Time.
        footprints: Remembers what was measured; None = only in memory.
        meeting: Where the processes of this installation meet, to share one ledger; None = a ledger of its own.
        patience_s: A start leaves it this long to another process to lead. Who has the hot path has none.

    Attributes:
        unknown: Told the name of a provider that another process has and this one has not, while it leads.
    """

    def __init__(
        self,
        settings: EngineSettings,
        probe: DeviceProbe,
        clock: Clock,
        footprints: FootprintStore | None = None,
        meeting: Meeting | None = None,
        *,
        patience_s: float = 0.0,
    ) -> None:
        self.clock = clock
        self.unknown: Callable[[str], None] | None = None
        self._settings = settings
        self._places: dict[str, Place] = {}
        self._claims = Claims()
        self._closed = False
        self._prefix = new_id("tkt")
        self._numbers = itertools.count(1)
        self._warden: Warden | None = None
        self._succession: Succession | None = None
        self._keeper: Keeper

        def warden() -> Warden:
            return Warden(settings, probe, clock, footprints, self._places, self._claims)

        if meeting is None:
            self._keeps(warden())
        else:
            self._succession = Succession(
                meeting, self._claims, clock, warden, self._keeps, self._asked_for, patience_s
            )
            self._keeper = self._succession.follower

    # Life

    async def start(self) -> None:
        """Look at the machine, remember footprints, adopt what is loaded already, and keep watch until `close`.

        Where the ledger is shared, this is done by the process that leads; the others find it.
        """
        if self._succession is not None:
            await self._succession.start()
        elif self._warden is not None:
            await self._warden.start()

    async def prepare(self) -> None:
        """Set the budgets from what the machine has, and read the remembered footprints."""
        if self._warden is not None:
            await self._warden.prepare()

    async def close(self) -> None:
        """Stop watching and fail everybody who waits. Models stay where they are."""
        self._closed = True
        self._claims.fail(self._claims.unanswered(), lambda: ShuttingDown("This process ends."))
        if self._succession is not None:
            await self._succession.close()
        elif self._warden is not None:
            await self._warden.close()

    def _keeps(self, warden: Warden) -> None:
        """From now on this process keeps the ledger."""
        self._keeper = self._warden = warden

    def _asked_for(self, provider: str) -> None:
        if self.unknown is not None:
            self.unknown(provider)

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
        self._places[provider] = Place(loader, device, options or {}, budget_mib)
        if self._warden is not None:
            self._warden.opened(provider)
        if self._succession is not None and self._succession.peers is not None:
            self._succession.peers.opened(provider)

    def forget(self, provider: str) -> None:
        """A provider is gone: its waiters get ModelNotFound, its models are no residents any more."""
        if self._places.pop(provider, None) is None:
            return
        if self._warden is not None:
            self._warden.forgotten(provider)
            return
        # What other processes do with it is the leader's business, who hears of the change as well.
        mine = [one for one in self._claims.unanswered() if one.wish.target.partition("/")[0] == provider]
        self._claims.fail(mine, lambda: ModelNotFound(f"The provider {provider} was removed."))

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
            on_wait: Told the place in the queue if there is a wait, and again if another process takes the queue over.
        """
        name = target if isinstance(target, str) else target.name
        if not isinstance(target, str) and target.managed:
            self._home(target.backends)
            info = info or target.info
        place = self._places.get(name.partition("/")[0])
        if place is None:
            return Lease(self, None, name, None)
        keeper = self._keeper
        device = keeper.device_of(place)
        request = Request(
            ticket=self._ticket(),
            target=name,
            device=device,
            estimate_mib=self._estimate(name, info, context_tokens) if keeper.wants_estimate(name) else 0,
            exclusive=exclusive or (self._settings.sequential and device not in {"", CPU}),
            keep_alive_s=keep_alive_s,
        )
        return Lease(self, request, name, on_wait)

    async def load(
        self, target: Target | str, *, pin: bool | None = None, info: ModelInfo | None = None
    ) -> None:
        """Bring a model into memory; `pin` keeps it there, or lets it leave again. Raises like entering a lease."""
        async with self.lease(target, info=info) as lease:
            if pin is not None:
                self.tell(Pin(lease.target, pin))

    async def unload(self, target: Target | str) -> None:
        """Take a model out of memory, also a pinned one; returns when it is out.

        Raises:
            Busy: It is in use or being loaded.
            BackendFailed: It did not leave.
        """
        name = target if isinstance(target, str) else target.name
        await self.wait_for(Drop(self._ticket(), name), None)

    async def pin(self, target: Target | str) -> None:
        """Load a model and keep it in memory whatever comes. Raises like entering a lease."""
        await self.load(target, pin=True)

    def unpin(self, target: Target | str) -> None:
        """Let a pinned model leave when its time has come."""
        self.tell(Pin(target if isinstance(target, str) else target.name, False))

    async def refresh(self) -> None:
        """Look at every provider and every device, and put the books right: adopt, correct, drop."""
        await self._keeper.refresh()

    # What can be asked

    def status(self) -> list[Resident]:
        """Every model it knows, by name; times are Unix seconds."""
        return self._keeper.status()

    def devices(self) -> list[DeviceUse]:
        """Every device with its budget and use."""
        return self._keeper.devices()

    def is_loaded(self, target: str) -> bool:
        """Whether a model is in memory and ready."""
        return self._keeper.is_loaded(target)

    def fits(self, target: str, info: ModelInfo) -> bool:
        """Whether a model could be loaded here; true for one whose provider manages no memory."""
        place = self._places.get(target.partition("/")[0])
        return place is None or self._keeper.fits(target, place, self._estimate(target, info, None))

    # Between those who lease and the ledger

    def tell(self, event: Event) -> None:
        """Tell the ledger an event."""
        self._keeper.tell(event)

    async def wait_for(self, wish: Wish, on_wait: Callable[[Waiting], None] | None) -> None:
        """Tell the ledger a wish and wait for the answer; leaving early gives its ticket back.

        Raises:
            RoundhouseError: The answer, if it is no.
        """
        if self._closed:
            raise ShuttingDown("This process ends.")
        ticket = wish.ticket
        claim = self._claims.waiting[ticket] = Claim(wish, on_wait, self.clock.monotonic_s())
        answer = claim.answer
        try:
            self._keeper.tell(wish)
            if on_wait is not None and not answer.done():
                place = self._keeper.place(ticket)
                if place is not None:
                    on_wait(place)
            await answer
        except BaseException:
            # A grant may have come in the same moment as the cancellation: the ledger knows, and takes it back.
            self._keeper.tell(Release(ticket))
            raise
        finally:
            del self._claims.waiting[ticket]
            if answer.done() and not answer.cancelled():
                answer.exception()

    def _ticket(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"

    def _estimate(self, target: str, info: ModelInfo | None, context_tokens: int | None) -> int:
        provider, _, model = target.partition("/")
        told = self._places[provider].options.get("num_ctx")
        if context_tokens is None and isinstance(told, int):
            context_tokens = told
        return estimate_mib(info or ModelInfo(model), context_tokens=context_tokens)


def _is_here(url: str) -> bool:
    """Whether a model server is on this machine and so uses this machine's memory."""
    host = urlsplit(url).hostname or ""
    return host in _THIS_MACHINE or host.startswith("127.")
