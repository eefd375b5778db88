"""Who keeps the ledger of this machine: the process that leads. When it ends, another one takes its place.

The new leader reads in the journal of the old one who else there is, what was being loaded or unloaded, and what is
pinned. The others tell it the leases they hold and the requests that wait. Until they have, it grants nothing and
sends nothing away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from roundhouse.core.errors import Busy, RoundhouseError, StorageUnavailable
from roundhouse.core.ports import Clock
from roundhouse.engine import journal
from roundhouse.engine.claims import Claims
from roundhouse.engine.follower import Follower
from roundhouse.engine.journal import Journal
from roundhouse.engine.memory import Remember, Settled, Settling
from roundhouse.engine.peers import BEAT_S, Peers
from roundhouse.engine.warden import START_WAIT_S, Warden
from roundhouse.infra.machine import machine_id
from roundhouse.infra.rendezvous import Greet, is_running, process_space

RETRY_S = 0.05
"""Pause between two tries to lead or to reach the leader."""

SETTLE_S = 1.0
"""A new leader that cannot know who may come waits this long for processes to announce themselves."""

SETTLE_MOST_S = 5.0
"""One that knows who is missing waits this long for those that run."""

HELLO_S = 5.0
"""A leader that does not answer a greeting within this time is called again."""

SILENT_S = 15.0
"""A request waits this long for a leader that says nothing, or for any leader at all."""

ALONE_S = 60.0
"""A lock that is held this long without anybody leading is of no use: the file system may not know locks."""

_LOOK_S = 1.0

_log = structlog.get_logger("roundhouse.residency")


class Meeting(Protocol):
    """A place to meet for the processes of one installation, as `infra/rendezvous.py` offers it."""

    @property
    def was_led(self) -> bool:
        """Whether, when it was taken, somebody had led before who left others behind, or could not say."""
        ...

    @property
    def former(self) -> str:
        """What whoever led before had noted; empty where nobody did."""
        ...

    @property
    def is_led(self) -> bool:
        """Whether somebody says that he leads."""
        ...

    def take(self) -> bool:
        """Lead, if nobody does. Raises StorageUnavailable."""
        ...

    async def listen(self, greet: Greet, note: str) -> None:
        """Take calls, and leave a note for whoever leads next. Raises StorageUnavailable."""
        ...

    def sign(self, note: str) -> None:
        """Leave another note."""
        ...

    async def call(self, greet: Greet) -> bool:
        """Call the leader; False when nobody answers."""
        ...

    def leave(self, *, others: bool) -> None:
        """Lead no longer."""
        ...


class Succession:
    """This process among those that share a ledger.

    Args:
        meeting: Where they meet.
        claims: What this process waits for and holds.
        clock: Time.
        warden: Makes the keeper of a ledger.
        keeps: Told the keeper once this process leads.
        unknown: Told the name of a provider that another process has and this one has not.
        patience_s: A start leaves it this long to others to lead.

    Attributes:
        follower: The keeper while another process leads, or none.
        peers: Other processes, while this one leads.
    """

    def __init__(
        self,
        meeting: Meeting,
        claims: Claims,
        clock: Clock,
        warden: Callable[[], Warden],
        keeps: Callable[[Warden], None],
        unknown: Callable[[str], None],
        patience_s: float,
    ) -> None:
        self.follower = Follower(claims, clock)
        self.peers: Peers | None = None
        self._meeting = meeting
        self._claims = claims
        self._clock = clock
        self._make_warden = warden
        self._keeps = keeps
        self._unknown = unknown
        self._lead_at_s = clock.monotonic_s() + patience_s
        self._patience_s = patience_s
        self._warden: Warden | None = None
        self._alone = False
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    async def start(self) -> None:
        """Lead, or find who leads; both go on behind where they take longer than a moment."""
        self._lead_at_s = self._clock.monotonic_s() + self._patience_s
        place = self._spawn(self._keep_place(), "model memory place")
        self._spawn(self._look_after(), "model memory leader")
        seen = asyncio.ensure_future(self.follower.seen.wait())
        try:
            wait_s = self._patience_s + 2 * START_WAIT_S
            await asyncio.wait({place, seen}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            seen.cancel()

    async def close(self) -> None:
        """Stop. Who leads leaves the place to the others; who follows gives everything back by hanging up."""
        if self._warden is not None:
            self._warden.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        others = False
        if self.peers is not None:
            others = self.peers.leave_something
            await self.peers.close()
        if self._warden is not None:
            await self._warden.close()
        self.follower.hang_up()
        self._meeting.leave(others=others)

    # Leading and following

    async def _keep_place(self) -> None:
        """Follow whoever leads until this process does; then it leads as long as it lives."""
        while not self._take():
            if not await self._meeting.call(self.follower.greet):
                await self._clock.sleep(RETRY_S)
                continue
            await self._follow()
        await self._lead()

    def _take(self) -> bool:
        """Whether this process keeps a ledger from now on."""
        now_s = self._clock.monotonic_s()
        if now_s < self._lead_at_s:
            return False
        try:
            if self._meeting.take():
                return True
        except StorageUnavailable as error:
            self._warn_alone(error.detail)
            return True
        if self._meeting.is_led or now_s - self.follower.heard_at_s < ALONE_S:
            return False
        self._warn_alone("Its lock is held, but nobody leads.")
        return True

    async def _follow(self) -> None:
        until_s = self._clock.monotonic_s() + HELLO_S
        gone = asyncio.ensure_future(self.follower.until_gone())
        try:
            while not gone.done():
                await asyncio.wait({gone}, timeout=BEAT_S)
                if not self.follower.welcome and self._clock.monotonic_s() >= until_s:
                    self.follower.hang_up()
        finally:
            gone.cancel()
        await self._clock.sleep(_LOOK_S if self.follower.why_not else RETRY_S)

    async def _lead(self) -> None:
        follower = self.follower
        warden = self._make_warden()
        left = journal.read(self._meeting.former, machine_id())
        took_over = self._meeting.was_led or follower.seen.is_set()
        if took_over:
            warden.tell(Settling())
            warden.tell(Remember(follower.footprints))
        try:
            await warden.prepare()
        except RoundhouseError as error:
            _log.warning("footprints_not_read", problem=error.detail)
        self._warden = warden
        here = Journal(machine_id(), process_space())
        peers = self.peers = Peers(warden, self._clock, here, self._meeting.sign, self._unknown)
        warden.audience = peers
        if took_over:
            former = left or here
            # Of its own leases this process tells itself.
            peers.expected = {name: pid for name, pid in former.members.items() if name != follower.name}
            warden.inherit(former.heirs(follower.view.residents))
        # From here on nothing waits: what the claims hold is told to this ledger, and to no other any more.
        self._keeps(warden)
        for event in follower.estate():
            warden.tell(event)
        self._claims.held.clear()
        self._claims.place_all(warden.place)
        if not self._alone:
            await self._listen(peers)
        warden.watch()
        if took_over:
            _log.info("model_memory_taken_over", expected=len(peers.expected))
            self._spawn(self._settle(warden, peers, left), "model memory settling")
        else:
            await warden.look(START_WAIT_S)

    async def _listen(self, peers: Peers) -> None:
        try:
            await self._meeting.listen(peers.greet, peers.note())
        except StorageUnavailable as error:
            self._warn_alone(error.detail)
            self._meeting.leave(others=True)
            return
        peers.start()

    async def _settle(self, warden: Warden, peers: Peers, left: Journal | None) -> None:
        """Wait until everybody has announced himself, look at the servers, and begin."""
        began_s = self._clock.monotonic_s()
        while self._is_awaited(peers, left, self._clock.monotonic_s() - began_s):
            await self._clock.sleep(RETRY_S)
        await warden.look()
        peers.expected = {}
        warden.tell(Settled())

    @staticmethod
    def _is_awaited(peers: Peers, left: Journal | None, passed_s: float) -> bool:
        """Whether somebody may still come who leased through the former ledger."""
        if left is None:
            return passed_s < SETTLE_S
        missing = peers.missing()
        if left.space == process_space():
            missing = [pid for pid in missing if is_running(pid)]
            return bool(missing) and passed_s < SETTLE_MOST_S
        return bool(missing) and passed_s < SETTLE_S

    def _warn_alone(self, why: str) -> None:
        self._alone = True
        _log.warning(
            "model_memory_not_shared", problem=f"{why} This process counts the models it loads by itself."
        )

    # Waiting for a leader

    async def _look_after(self) -> None:
        """Tell the leader that this process is there; end the wait of requests that no leader hears."""
        looked_s = self._clock.monotonic_s()
        beat_at_s = looked_s + BEAT_S
        while self._warden is None:
            await self._clock.sleep(_LOOK_S)
            since_s, looked_s = looked_s, self._clock.monotonic_s()
            now_s = looked_s
            if now_s >= beat_at_s:
                beat_at_s = now_s + BEAT_S
                self.follower.beat()
            if now_s - since_s > BEAT_S:
                # It was this process that was frozen: what the leader said meanwhile is heard next.
                continue
            late = [
                claim
                for claim in self._claims.unanswered()
                if now_s - max(claim.since_s, self.follower.heard_at_s) > SILENT_S
            ]
            if self._warden is None:
                self._claims.fail(late, self._nobody)

    def _nobody(self) -> Busy:
        why = self.follower.why_not or "it does not answer"
        return Busy(
            f"The process that keeps the memory of this machine is of no help: {why}.", retry_after_s=SILENT_S
        )

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(_ended)
        return task


def _ended(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("model_memory_task_failed", exc_info=error)
