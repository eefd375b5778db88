"""What the ledger keeps books of: a model, a place in a queue, a device, one walk along a queue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from roundhouse.engine import eviction
from roundhouse.engine.memory import UNLIMITED_MIB, DeviceUse, Resident, State

READ_MIB_PER_S = 500.0
"""Speed at which a model is thought to load before its first load was timed: a plain SSD."""

FIRST_LEASE_S = 10.0
"""How long a lease is thought to last before the first one ended."""

MOST_SHOWN = 50
"""Waiting requests of a device that are told one by one."""

_NEW = 0.3
"""Weight of the newest time in a running mean."""


@dataclass(slots=True)
class Ticket:
    """A waiting request. `served`: memory for its model is on its way."""

    id: str
    target: str
    exclusive: bool
    deadline_s: float
    served: bool = False


@dataclass(slots=True)
class Entry:
    """A model. `leases`: ticket -> is it exclusive; `adopted`: somebody else loaded it."""

    target: str
    device: str
    footprint_mib: int = 0
    measured: bool = False
    state: State = "absent"
    pinned: bool = False
    adopted: bool = False
    moved: bool = False
    keep_alive_s: float | None = None
    leases: dict[str, bool] = field(default_factory=dict)
    droppers: list[str] = field(default_factory=list)
    changed_at_s: float = float("-inf")
    used_at_s: float | None = None
    expires_at_s: float | None = None
    stuck_until_s: float = float("-inf")
    uses: float = 0.0
    load_s: float | None = None
    lease_s: float | None = None
    _lease_began_s: dict[str, float] = field(default_factory=dict)

    @property
    def provider(self) -> str:
        """First part of its name."""
        return self.target.partition("/")[0]

    def turn(self, state: State, now_s: float) -> None:
        """Change its state; a load that ends well is timed."""
        if self.state == "loading" and state == "loaded":
            self.load_s = _mean(self.load_s, now_s - self.changed_at_s)
        self.state, self.changed_at_s = state, now_s

    def lease(self, ticket: str, *, exclusive: bool, now_s: float) -> None:
        """Count one more user."""
        self.uses = self._uses(now_s) + 1.0
        self.leases[ticket] = exclusive
        self._lease_began_s[ticket] = self.used_at_s = now_s
        self.adopted, self.expires_at_s = False, None

    def give_back(self, ticket: str, now_s: float) -> None:
        """Count one user less and time the lease."""
        if self.leases.pop(ticket, None) is not None:
            self.lease_s = _mean(self.lease_s, now_s - self._lease_began_s.pop(ticket))
            # The count fades from the last use: bring it to now before that moves.
            self.uses, self.used_at_s = self._uses(now_s), now_s

    def is_known(self) -> bool:
        """Whether it was ever here; a name that only failed is not worth showing."""
        return self.state != "absent" or self.used_at_s is not None or self.measured

    def is_idle(self) -> bool:
        """Loaded and unused."""
        return self.state == "loaded" and not self.leases

    def may_leave(self, now_s: float) -> bool:
        """Whether it can be sent away at once."""
        return self.is_idle() and not self.pinned and self.stuck_until_s <= now_s

    def will_leave(self, now_s: float) -> bool:
        """Whether it can be sent away once its load and its leases have ended."""
        return self.state in {"loaded", "loading"} and not self.pinned and self.stuck_until_s <= now_s

    def cost_s(self, now_s: float) -> float:
        """Expected loss in seconds of sending it away; the wait for its leases is part of it."""
        cost_s = eviction.cost_s(self.expected_load_s(), self._uses(now_s))
        if not self.is_idle():
            cost_s += self.load_left_s(now_s) + self.lease_left_s(now_s)
        return cost_s

    def expected_load_s(self) -> float:
        """Time of a load: measured, else from its size."""
        return self.footprint_mib / READ_MIB_PER_S if self.load_s is None else self.load_s

    def load_left_s(self, now_s: float) -> float:
        """Time until it is loaded, if its load began now or is under way."""
        if self.state == "loaded":
            return 0.0
        done_s = now_s - self.changed_at_s if self.state == "loading" else 0.0
        return max(0.0, self.expected_load_s() - done_s)

    def lease_left_s(self, now_s: float) -> float:
        """Time until its present leases have ended, as leases went so far."""
        typical_s = FIRST_LEASE_S if self.lease_s is None else self.lease_s
        youngest_s = max(self._lease_began_s.values(), default=None)
        return 0.0 if youngest_s is None else max(0.1, typical_s - (now_s - youngest_s))

    def shown(self, queue_length: int) -> Resident:
        """Itself as an operator sees it."""
        return Resident(
            target=self.target,
            state=self.state,
            device=self.device,
            footprint_mib=self.footprint_mib,
            measured=self.measured,
            leases=len(self.leases),
            pinned=self.pinned,
            last_used_at=self.used_at_s,
            expires_at=self.expires_at_s if self.is_idle() and not self.pinned else None,
            queue_length=queue_length,
        )

    def _uses(self, now_s: float) -> float:
        return eviction.faded(self.uses, 0.0 if self.used_at_s is None else now_s - self.used_at_s)


@dataclass(slots=True)
class Bay:
    """A device: its budget, its queue in order of arrival, and whom the first blocked request waits for."""

    id: str
    budget_mib: int = 0
    ceiling_mib: int = 0
    alone_mib: int = 0
    unmanaged_mib: int = 0
    queue: dict[str, Ticket] = field(default_factory=dict)
    plan: tuple[str, frozenset[str]] | None = None

    def room_mib(self) -> int:
        """What models may fill, others' memory considered."""
        return min(self.budget_mib, self.ceiling_mib - self.unmanaged_mib)

    def most_mib(self, *, measured: bool) -> int:
        """The largest model it takes: an estimate must fit the budget, a measured model may have all by itself."""
        return max(self.budget_mib, self.alone_mib) if measured else self.budget_mib

    def shown(self, entries: Iterable[Entry]) -> DeviceUse:
        """Itself as an operator sees it."""
        return DeviceUse(
            device=self.id,
            budget_mib=None if self.budget_mib >= UNLIMITED_MIB else self.budget_mib,
            used_mib=sum(
                one.footprint_mib for one in entries if one.device == self.id and one.state != "absent"
            ),
            unmanaged_mib=self.unmanaged_mib,
            queue_length=len(self.queue),
            queue=tuple(one.target for one in islice(self.queue.values(), MOST_SHOWN)),
        )


@dataclass(slots=True)
class Walk:
    """One walk along a queue.

    Attributes:
        spare_mib: Room that nobody further ahead has been promised, counting what is on its way out.
        owner: Ticket of the first request that must wait for leases to end.
        hold: Models on which nobody behind the owner gets a new lease.
        alone: The only model that may be leased behind the owner, if it wants the device for itself.
        seen: Absent models that a request further ahead has asked for.
        coming: Those of them for which memory is on its way.
    """

    spare_mib: int
    owner: str | None = None
    hold: frozenset[str] = frozenset()
    alone: str | None = None
    seen: set[str] = field(default_factory=set)
    coming: set[str] = field(default_factory=set)

    def holds(self, target: str) -> bool:
        """Whether a request behind the owner must not have `target`."""
        return target in self.hold or (self.alone is not None and target != self.alone)

    def own(self, ticket: Ticket, hold: frozenset[str]) -> bool:
        """Make this ticket the owner if there is none yet; whether it is."""
        if self.owner is not None:
            return False
        self.owner, self.hold = ticket.id, hold
        self.alone = ticket.target if ticket.exclusive else None
        return True

    def keep_alone(self, ticket: Ticket) -> None:
        """Let nobody in beside a model that an exclusive request is being served with."""
        if ticket.exclusive:
            self.own(ticket, frozenset())

    def first(self, target: str) -> bool:
        """Whether this is the first request for the absent `target` and may be served behind the owner."""
        if target in self.seen or self.holds(target):
            return False
        self.seen.add(target)
        return True


def _mean(old: float | None, new: float) -> float:
    return new if old is None else old + _NEW * (new - old)
