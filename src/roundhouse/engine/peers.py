"""The leader's side: other processes of this machine that lease memory through the ledger of this one.

A process that ends gives back what it held and waited for at once, for the system closes its connection. One that is
frozen keeps it, since it may be using the memory, until it has said nothing for `FROZEN_S`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import structlog

from roundhouse.core.ports import Clock
from roundhouse.engine.claims import Answer
from roundhouse.engine.journal import Journal
from roundhouse.engine.memory import (
    Action,
    Done,
    Drop,
    Event,
    Fail,
    Learned,
    Load,
    Pin,
    Refusal,
    Release,
    Remember,
    Request,
    Tick,
    Unload,
)
from roundhouse.engine.messages import (
    VERSION,
    Announced,
    Beat,
    Hello,
    Placed,
    Unwelcome,
    Upward,
    View,
    Welcome,
    pack,
    read_upward,
)
from roundhouse.engine.warden import Warden
from roundhouse.infra.rendezvous import Line

FROZEN_S = 600.0
"""A process that says nothing for so long has lost its leases."""

BEAT_S = 5.0
"""Both sides say at least this often that they are there."""

PUSH_S = 0.1
"""What changed is told this soon; what was granted, at once."""

UNKNOWN_S = 10.0
"""A request for a provider that this process does not know (yet) waits this long for it to be configured."""

_TEND_S = 1.0

_log = structlog.get_logger("roundhouse.residency")


class Session:
    """One follower.

    Attributes:
        name: Unique for a life of its process; empty before it introduced itself.
        pid: Number of its process.
        tickets: Everything it waits for or holds, in order of asking.
        heard_at_s: Monotonic time of its last word.
        stale: Whether it has not been told the newest view.
    """

    def __init__(self, peers: Peers, line: Line, now_s: float) -> None:
        self._peers = peers
        self._line = line
        self.name = ""
        self.pid = 0
        self.tickets: dict[str, None] = {}
        self.heard_at_s = now_s
        self.stale = True

    def heard(self, frame: bytes) -> None:
        """One frame came."""
        message = read_upward(frame)
        if message is None or isinstance(message, Hello) is bool(self.name):
            _log.warning("model_memory_peer_garbled", pid=self.pid or None)
            self.close(at_once=True)
            return
        self._peers.hear(self, message)

    def lost(self) -> None:
        """Its process ended, or it hung up."""
        self._peers.gone(self)

    def say(self, message: bytes) -> None:
        """Tell it something."""
        self._line.send(message)

    def show(self, view: bytes) -> None:
        """Tell it the newest view, unless it does not read."""
        self.stale = self._line.is_full
        if not self.stale:
            self._line.send(view)

    def close(self, *, at_once: bool = False) -> None:
        """Hang up."""
        self._line.close(at_once=at_once)


class Peers:
    """All followers. An `Audience` of the warden.

    Args:
        warden: Keeps the ledger.
        clock: Time.
        journal: What the next leader is to know, as it is now.
        sign: Writes it down.
        unknown: Told the name of a provider that a follower has and this process has not.

    Attributes:
        expected: Followers of the former leader, with the numbers of their processes, as long as they are waited for.
        sessions: Those that are connected and welcome, by name.
    """

    def __init__(
        self,
        warden: Warden,
        clock: Clock,
        journal: Journal,
        sign: Callable[[str], None],
        unknown: Callable[[str], None],
    ) -> None:
        self.expected: dict[str, int] = {}
        self.sessions: dict[str, Session] = {}
        self._connected: list[Session] = []
        self._announced: set[str] = set()
        self._warden = warden
        self._clock = clock
        self._journal = journal
        self._sign = sign
        self._unknown = unknown
        self._owners: dict[str, Session] = {}
        self._parked: dict[str, tuple[Session, Request, float]] = {}
        self._changed = asyncio.Event()
        self._moved = False
        self._shown = b""
        self._closed = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tell followers what changes, and to look after them."""
        self._tasks = [
            asyncio.create_task(self._push(), name="model memory view"),
            asyncio.create_task(self._tend(), name="model memory peers"),
        ]

    async def close(self) -> None:
        """Hang up on everybody; what they hold and wait for, they tell the next leader."""
        self.show()
        self._closed = True
        for session in list(self._connected):
            session.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # Coming and going

    def greet(self, line: Line) -> Session:
        """Somebody called."""
        session = Session(self, line, self._clock.monotonic_s())
        self._connected.append(session)
        return session

    def gone(self, session: Session) -> None:
        """Somebody ended: what he had is free."""
        self._connected.remove(session)
        if self.sessions.get(session.name) is session:
            del self.sessions[session.name]
        if self._closed:
            return
        for ticket in [one for one in session.tickets if self._owners.get(one) is session]:
            self._release(Release(ticket))
        self._write()

    def _welcome(self, session: Session, hello: Hello) -> None:
        if hello.version != VERSION:
            _log.warning("model_memory_peer_refused", pid=hello.pid, version=hello.version, ours=VERSION)
            session.say(pack(Unwelcome(VERSION)))
            session.close()
            return
        session.name, session.pid = hello.name, hello.pid
        self.sessions[session.name] = session
        session.say(pack(Welcome(os.getpid())))
        session.say(pack(Remember(self._warden.footprints())))
        self._write()
        self.show()

    def missing(self) -> list[int]:
        """Numbers of the processes that are expected and have not announced themselves."""
        return [pid for name, pid in self.expected.items() if name not in self._announced]

    @property
    def leave_something(self) -> bool:
        """Whether there is anything that the next leader must know."""
        return bool(self.sessions or self.expected or self._journal.residents)

    def note(self) -> str:
        """The journal as text; it is in force from now on."""
        members = self.expected | {one.name: one.pid for one in self.sessions.values()}
        self._journal = self._journal.told(self._warden.status(), members)
        return self._journal.text()

    def _write(self) -> None:
        before = self._journal
        text = self.note()
        if self._journal != before:
            self._sign(text)

    # What they say

    def hear(self, session: Session, message: Upward) -> None:
        """One message of a follower."""
        session.heard_at_s = self._clock.monotonic_s()
        match message:
            case Hello():
                self._welcome(session, message)
            case Request():
                self._request(session, message)
            case Drop(ticket):
                self._own(session, ticket)
                self._warden.tell(message)
            case Release(ticket):
                if self._owners.get(ticket) is session:
                    self._release(message)
            case Pin():
                self._warden.tell(message)
            case Announced():
                self._announced.add(session.name)
            case Beat():
                pass

    def _own(self, session: Session, ticket: str) -> None:
        session.tickets[ticket] = None
        self._owners[ticket] = session

    def _disown(self, ticket: str) -> None:
        owner = self._owners.pop(ticket, None)
        if owner is not None:
            owner.tickets.pop(ticket, None)

    def _request(self, session: Session, request: Request) -> None:
        self._own(session, request.ticket)
        resolved = self._warden.resolved(request)
        if resolved is None:
            # Its configuration is ahead of ours, or it found a server that we have not seen.
            self._parked[request.ticket] = (session, request, self._clock.monotonic_s())
            self._unknown(request.target.partition("/")[0])
            return
        self._warden.tell(resolved)
        place = None if request.held else self._warden.place(request.ticket)
        if place is not None:
            session.say(pack(Placed(request.ticket, place)))

    def _release(self, event: Release) -> None:
        self._disown(event.ticket)
        if self._parked.pop(event.ticket, None) is None:
            self._warden.tell(event)

    def opened(self, provider: str) -> None:
        """A provider was configured: whoever waited for that goes on."""
        due = [one for one in self._parked.values() if one[1].target.partition("/")[0] == provider]
        for session, request, _ in due:
            del self._parked[request.ticket]
            self._request(session, request)

    # What they are told

    def answered(self, answer: Answer) -> None:
        """A ticket of one of them has its answer."""
        session = self._owners.get(answer.ticket)
        if session is None:
            return
        if isinstance(answer, Fail | Done):
            self._disown(answer.ticket)
        elif self._moved:
            # Whoever has just got a model finds it loaded if he asks.
            self.show()
        session.say(pack(answer))

    def learned(self, footprint: Learned) -> None:
        """A footprint was measured."""
        for session in self.sessions.values():
            session.say(pack(footprint))

    def noted(self, event: Event, actions: Sequence[Action]) -> None:
        """The ledger took an event; nothing of what it decided has begun yet."""
        if self.sessions:
            self._changed.set()
        if not isinstance(event, Request | Release | Tick):
            self._moved = True
            self._write()
        elif any(isinstance(action, Load | Unload) for action in actions):
            self._write()

    def show(self) -> None:
        """Tell everybody the newest view."""
        self._changed.clear()
        self._moved = False
        if not self.sessions:
            return
        warden = self._warden
        view = View(
            tuple(warden.status()),
            tuple(warden.devices()),
            warden.most_mib(),
            warden.accelerator,
        )
        packed = pack(view)
        for session in self.sessions.values():
            if session.stale or packed != self._shown:
                session.show(packed)
        self._shown = packed

    async def _push(self) -> None:
        while True:
            await self._changed.wait()
            await self._clock.sleep(PUSH_S)
            self.show()

    # Looking after them

    async def _tend(self) -> None:
        beat_at_s = self._clock.monotonic_s() + BEAT_S
        while True:
            await self._clock.sleep(_TEND_S)
            now_s = self._clock.monotonic_s()
            self._give_up_parked(now_s)
            for session in [one for one in self._connected if now_s - one.heard_at_s > FROZEN_S]:
                _log.warning("model_memory_peer_frozen", pid=session.pid, leases=len(session.tickets))
                session.close(at_once=True)
            if any(session.stale for session in self.sessions.values()):
                self._changed.set()
            if now_s >= beat_at_s:
                beat_at_s = now_s + BEAT_S
                beat = pack(Beat())
                for session in self.sessions.values():
                    session.say(beat)

    def _give_up_parked(self, now_s: float) -> None:
        late = [one for one in self._parked.values() if now_s - one[2] > UNKNOWN_S and not one[1].held]
        for session, request, _ in late:
            del self._parked[request.ticket]
            self._disown(request.ticket)
            provider = request.target.partition("/")[0]
            why = f"The process that keeps the memory of this machine does not know the provider {provider} yet."
            session.say(pack(Fail(request.ticket, Refusal("busy", why, UNKNOWN_S))))
