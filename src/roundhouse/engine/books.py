"""The state of the ledger and the small steps that keep it consistent."""

from __future__ import annotations

from roundhouse.engine.eviction import Candidate
from roundhouse.engine.memory import Action, Fail, Grant, Load, Refusal, Unload
from roundhouse.engine.shelf import Bay, Entry, Ticket


class Books:
    """Everything that is known, and the actions that the event at hand has led to so far.

    Attributes:
        bays: Devices by id.
        entries: Models by name.
        leases: Model by ticket.
        now_s: Monotonic time of the event at hand.
        out: Actions to take.
        settling: What is in use is not known yet: nothing may be granted, loaded or sent away.
        leaving: Models that a former ledger was sending away.
    """

    def __init__(self) -> None:
        self.bays: dict[str, Bay] = {}
        self.entries: dict[str, Entry] = {}
        self.leases: dict[str, str] = {}
        self.now_s = 0.0
        self.out: list[Action] = []
        self.settling = False
        self.leaving: set[str] = set()

    def present(self, device: str) -> list[Entry]:
        """Models that hold memory of a device, or have it reserved."""
        return [one for one in self.entries.values() if one.device == device and one.state != "absent"]

    def free_mib(self, bay: Bay, *, soon: bool = False) -> int:
        """Room for models now; `soon` counts what is on its way out as free."""
        return bay.room_mib() - sum(
            self.claim_mib(one) for one in self.present(bay.id) if not (soon and one.state == "unloading")
        )

    def claim_mib(self, entry: Entry) -> int:
        """What a model takes of the budget: its footprint, or all of it."""
        return min(entry.footprint_mib, self.bays[entry.device].budget_mib)

    def candidate(self, entry: Entry) -> Candidate:
        """A model as a choice of what to send away."""
        return Candidate(entry.target, self.claim_mib(entry), entry.cost_s(self.now_s))

    def waiting_for(self, entry: Entry) -> list[Ticket]:
        """Requests that wait for a model, in order."""
        return [one for one in self.bays[entry.device].queue.values() if one.target == entry.target]

    def in_the_way(self, entry: Entry, *, exclusive: bool) -> frozenset[str]:
        """Other models on the device because of which no lease on `entry` can be given now."""
        others = (one for one in self.present(entry.device) if one is not entry)
        if exclusive:
            return frozenset(
                one.target for one in others if one.leases or not (one.state == "loaded" and one.pinned)
            )
        return frozenset(one.target for one in others if any(one.leases.values()))

    def leaves_by_itself(self, entry: Entry) -> bool:
        """Whether its keep-alive counts. An adopted one is left to the server that holds it."""
        return entry.is_idle() and not entry.pinned and not entry.adopted and not self.waiting_for(entry)

    def grant(self, bay: Bay, ticket: Ticket, entry: Entry) -> None:
        """Turn a ticket into a lease."""
        bay.queue.pop(ticket.id, None)
        self.leases[ticket.id] = entry.target
        entry.lease(ticket.id, exclusive=ticket.exclusive, now_s=self.now_s)
        self.out.append(Grant(ticket.id))

    def fail(self, bay: Bay, ticket: Ticket, refusal: Refusal) -> None:
        """End a ticket with an error."""
        bay.queue.pop(ticket.id, None)
        self.out.append(Fail(ticket.id, refusal))

    def fail_all(self, entry: Entry, refusal: Refusal) -> None:
        """End every ticket that waits for a model."""
        for ticket in self.waiting_for(entry):
            self.fail(self.bays[entry.device], ticket, refusal)

    def move(self, entry: Entry, other: Bay) -> Bay:
        """The model turned out to be on another device (a server put it in RAM): so do its waiters."""
        bay = self.bays[entry.device]
        entry.device, entry.moved = other.id, True
        for ticket in [one for one in bay.queue.values() if one.target == entry.target]:
            other.queue[ticket.id] = bay.queue.pop(ticket.id)
        return other

    def start(self, entry: Entry) -> None:
        """Reserve the memory of an absent model and have it loaded."""
        entry.turn("loading", self.now_s)
        entry.adopted = False
        self.out.append(Load(entry.target, entry.device))

    def send_away(self, entry: Entry) -> None:
        """Have a loaded model unloaded; its memory counts until it is out."""
        entry.turn("unloading", self.now_s)
        self.out.append(Unload(entry.target, entry.device, entry.footprint_mib if entry.measured else 0))
