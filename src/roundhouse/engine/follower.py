"""The follower's side: the ledger is kept by another process of this machine.

What can be asked at once is answered from the newest view that the leader sent. What this process holds and waits for
stays in its claims, so that whoever leads next can be told.
"""

from __future__ import annotations

import asyncio
import os

import msgspec
import structlog

from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.engine.claims import Claim, Claims
from roundhouse.engine.memory import (
    DeviceUse,
    Done,
    Drop,
    Event,
    Fail,
    Grant,
    Learned,
    Pin,
    Release,
    Remember,
    Request,
    Resident,
    Waiting,
)
from roundhouse.engine.messages import (
    VERSION,
    Announced,
    Beat,
    Downward,
    Hello,
    Placed,
    Unwelcome,
    View,
    Welcome,
    pack,
    read_downward,
)
from roundhouse.engine.mover import CPU, Place
from roundhouse.infra.rendezvous import Line

_log = structlog.get_logger("roundhouse.residency")


class Follower:
    """A `Keeper` that asks another process; while there is none, everything waits.

    Args:
        claims: What this process waits for and holds.
        clock: Time.

    Attributes:
        name: Of this life of this process.
        view: What the leader knows.
        footprints: What was ever measured, MiB by target.
        seen: Set once a view came.
        welcome: Whether a leader listens now.
        heard_at_s: Monotonic time of a leader's last useful word, or of the beginning.
        why_not: Why nobody keeps the ledger, where that is known.
    """

    def __init__(self, claims: Claims, clock: Clock) -> None:
        self.name = new_id("prc")
        self.view = View()
        self.footprints: dict[str, int] = {}
        self.seen = asyncio.Event()
        self.welcome = False
        self.heard_at_s = clock.monotonic_s()
        self.why_not = ""
        self._claims = claims
        self._clock = clock
        self._line: Line | None = None
        self._gone: asyncio.Future[None] | None = None
        self._pins: dict[str, bool] = {}
        self._loaded: frozenset[str] = frozenset()

    # The connection

    def greet(self, line: Line) -> Follower:
        """A connection to a leader stands: introduce oneself."""
        self._line = line
        self._gone = asyncio.get_running_loop().create_future()
        line.send(pack(Hello(VERSION, self.name, os.getpid())))
        return self

    async def until_gone(self) -> None:
        """Wait for the end of the connection."""
        if self._gone is not None:
            await self._gone

    def heard(self, frame: bytes) -> None:
        """One frame came."""
        message = read_downward(frame)
        if message is None:
            _log.warning("model_memory_leader_garbled")
            self.hang_up()
            return
        if not isinstance(message, Welcome | Unwelcome):
            self.heard_at_s = self._clock.monotonic_s()
        self._hear(message)

    def lost(self) -> None:
        """The leader ended, or hung up."""
        self.welcome = False
        self._line = None
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def hang_up(self) -> None:
        """End the connection."""
        if self._line is not None:
            self._line.close(at_once=True)

    def beat(self) -> None:
        """Say that this process is there."""
        if self._line is not None and self.welcome and not self._line.is_full:
            self._line.send(pack(Beat()))

    # What the leader says

    def _hear(self, message: Downward) -> None:
        match message:
            case Welcome(pid):
                self.welcome = True
                self.why_not = ""
                _log.debug("model_memory_follows", leader=pid)
                self._announce()
            case Unwelcome(version):
                if not self.why_not:
                    _log.warning("model_memory_leader_refused", version=version, ours=VERSION)
                self.why_not = f"it speaks version {version} of the protocol, this process speaks {VERSION}"
                self.hang_up()
            case View():
                self._show(message)
            case Remember(footprints):
                self.footprints = dict(footprints)
            case Learned(target, footprint_mib):
                self.footprints[target] = footprint_mib
            case Grant(ticket):
                self._claims.granted(ticket)
            case Done() | Fail():
                self._claims.answered(message)
            case Placed(ticket, waiting):
                self._claims.placed(ticket, waiting)

    def _announce(self) -> None:
        """Tell a leader everything it must know of this process."""
        for event in self.estate():
            self._say(event)
        self._say(Announced())

    def estate(self) -> list[Event]:
        """Everything of this process that a new ledger must be told: pins, leases, what waits."""
        now_s = self._clock.monotonic_s()
        return [
            *(Pin(target, pinned) for target, pinned in self._pins.items()),
            *(msgspec.structs.replace(one, held=True) for one in self._claims.held.values()),
            *(_waited(claim, now_s) for claim in self._claims.unanswered()),
        ]

    def _show(self, view: View) -> None:
        self.view = view
        self._loaded = frozenset(one.target for one in view.residents if one.state == "loaded")
        # A wish that was carried out need not be told to the next leader.
        pinned = {one.target for one in view.residents if one.pinned}
        self._pins = {target: wish for target, wish in self._pins.items() if (target in pinned) is not wish}
        self.seen.set()

    def _say(self, message: Event | Announced) -> None:
        if self._line is not None:
            self._line.send(pack(message))

    # As a keeper

    def tell(self, event: Event) -> None:
        """Something happened here. What no leader hears now, the next one is told."""
        match event:
            case Release(ticket):
                self._claims.held.pop(ticket, None)
            case Pin(target, pinned):
                self._pins[target] = pinned
        if self.welcome:
            self._say(event)

    def place(self, ticket: str) -> Waiting | None:
        """The leader tells it later."""
        return None

    def device_of(self, place: Place) -> str:
        """The leader decides, by the same configuration."""
        return place.device or ""

    def wants_estimate(self, target: str) -> bool:
        """The view may be old: the model may have to be loaded after all."""
        return True

    def status(self) -> list[Resident]:
        """Every model the leader knows, by name; times are Unix seconds."""
        return list(self.view.residents)

    def devices(self) -> list[DeviceUse]:
        """Every device with its budget and use."""
        return list(self.view.devices)

    def is_loaded(self, target: str) -> bool:
        """Whether a model is in memory and ready."""
        return target in self._loaded

    def fits(self, target: str, place: Place, estimate_mib: int) -> bool:
        """Whether the model could be loaded on an otherwise empty device; one that is not known has no limit."""
        most_mib = self.view.most_mib.get(place.device or self.view.accelerator or CPU)
        if most_mib is None:
            return True
        known_mib = self.footprints.get(target)
        return (known_mib or estimate_mib) <= most_mib[known_mib is not None]

    async def refresh(self) -> None:
        """That is the leader's work."""


def _waited(claim: Claim, now_s: float) -> Request | Drop:
    """A wish as a new ledger is told of it: a request with the time it has waited already."""
    if isinstance(claim.wish, Request):
        return msgspec.structs.replace(claim.wish, waited_s=now_s - claim.since_s)
    return claim.wish
