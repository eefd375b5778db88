"""The books of every model memory on this machine: who is in, who may come in, who must leave.

A pure state machine: `apply(event, now_s)` returns the actions to take and never waits, so that it can stand
behind a socket as well as in this process. What it promises:

- Residents and reservations never exceed a device's budget; only a measurement larger than its estimate, or
  memory taken by others, can, and then idle models leave at once.
- A leased or pinned model is never sent away. An operator's Drop lifts a pin; while there are leases it fails.
- Places are given in order of arrival; who may pass whom is told in `admission`.
- A ticket is granted, failed, or released by its owner; never forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roundhouse.engine import admission, inheritance
from roundhouse.engine.books import Books
from roundhouse.engine.memory import (
    Action,
    AddDevice,
    DeviceUse,
    Done,
    Drop,
    Event,
    Fail,
    Forget,
    Grant,
    Held,
    Inherit,
    Learned,
    Loaded,
    LoadFailed,
    Observed,
    Pin,
    Refusal,
    Release,
    Remember,
    Request,
    Resident,
    Settled,
    Settling,
    Tick,
    Unloaded,
    UnloadFailed,
    Used,
    Waiting,
    Warn,
)
from roundhouse.engine.shelf import Bay, Entry, Ticket

STUCK_S = 30.0
"""A model that did not leave when told is not told again for this time."""


class Ledger:
    """The state machine.

    Args:
        queue_depth: Requests that may wait for memory, per device; not counting those whose model is coming.
        queue_timeout_s: Longest wait for memory.
        keep_alive_s: How long an idle model stays, where the request does not say.
    """

    def __init__(self, *, queue_depth: int, queue_timeout_s: float, keep_alive_s: float) -> None:
        self._queue_depth = queue_depth
        self._queue_timeout_s = queue_timeout_s
        self._keep_alive_s = keep_alive_s
        self._books = Books()
        self._measured_mib: dict[str, int] = {}
        self._later: list[Drop] = []
        self._on: dict[type[Event], Callable[[Any], None]] = {
            AddDevice: self._add_device,
            Request: self._request,
            Release: self._release,
            Loaded: self._loaded,
            LoadFailed: self._load_failed,
            Unloaded: self._unloaded,
            UnloadFailed: self._unload_failed,
            Observed: self._observed,
            Used: self._used,
            Drop: self._drop,
            Pin: self._pin,
            Remember: self._remember,
            Forget: self._forget,
            Settling: self._settling,
            Inherit: self._inherit,
            Settled: self._settled,
            Tick: self._tick,
        }

    def apply(self, event: Event, now_s: float) -> list[Action]:
        """Take one event and tell what to do, in this order. `now_s` is monotonic."""
        self._books.now_s = max(self._books.now_s, now_s)
        self._books.out = []
        self._on[type(event)](event)
        return self._books.out

    # What can be asked

    def is_loaded(self, target: str) -> bool:
        """Whether the model is in memory and ready."""
        entry = self._books.entries.get(target)
        return entry is not None and entry.state == "loaded"

    def knows(self, device: str) -> bool:
        """Whether it keeps books of a device."""
        return device in self._books.bays

    def footprints(self) -> dict[str, int]:
        """Everything that was ever measured, MiB by target."""
        return dict(self._measured_mib)

    def most_mib(self) -> dict[str, tuple[int, int]]:
        """By device: the largest model it takes, where its size is an estimate, and where it was measured."""
        return {
            bay.id: (bay.most_mib(measured=False), bay.most_mib(measured=True))
            for bay in self._books.bays.values()
        }

    def fits(self, target: str, device: str, estimate_mib: int) -> bool:
        """Whether the model could be loaded on an otherwise empty device."""
        bay = self._books.bays.get(device)
        if bay is None:
            return False
        known_mib = self._measured_mib.get(target)
        return (known_mib or estimate_mib) <= bay.most_mib(measured=known_mib is not None)

    def residents(self) -> list[Resident]:
        """Every model it knows, by name; times are monotonic."""
        return [
            entry.shown(len(self._books.waiting_for(entry)))
            for _, entry in sorted(self._books.entries.items())
            if entry.is_known()
        ]

    def devices(self) -> list[DeviceUse]:
        """Every device, in order of addition."""
        return [bay.shown(self._books.entries.values()) for bay in self._books.bays.values()]

    def place(self, ticket: str, now_s: float) -> Waiting | None:
        """Where a ticket stands; None when it does not wait (any more)."""
        for bay in self._books.bays.values():
            if ticket in bay.queue:
                return self._place(bay, ticket, now_s)
        return None

    def next_deadline_s(self) -> float | None:
        """Monotonic time at which a Tick is due, None when nothing is."""
        times = [
            max(entry.expires_at_s, entry.stuck_until_s)
            for entry in self._books.entries.values()
            if entry.expires_at_s is not None and self._books.leaves_by_itself(entry)
        ]
        times += [
            one.deadline_s
            for bay in self._books.bays.values()
            for one in bay.queue.values()
            if self._books.entries[one.target].state != "loading"
        ]
        return min(times, default=None)

    # Requests and leases

    def _request(self, event: Request) -> None:
        if event.ticket in self._books.leases:
            # Told twice: its owner came back before it was missed.
            self._books.out += () if event.held else (Grant(event.ticket),)
            return
        entry = self._books.entries.get(event.target)
        if entry is None:
            entry = self._books.entries[event.target] = Entry(event.target, event.device)
        if entry.state == "absent" and not self._books.waiting_for(entry):
            self._size(entry, event)
        if event.keep_alive_s is not None:
            entry.keep_alive_s = event.keep_alive_s
        bay = self._books.bays[entry.device]
        if event.held:
            inheritance.seat(self._books, bay, entry, event)
            return
        if entry.state != "loaded" and entry.footprint_mib > bay.most_mib(measured=entry.measured):
            self._books.out.append(Fail(event.ticket, _too_large(entry, bay)))
            return
        ticket = Ticket(
            event.ticket,
            event.target,
            event.exclusive,
            self._books.now_s + self._queue_timeout_s - event.waited_s,
        )
        if (
            not bay.queue
            and not self._books.settling
            and entry.state == "loaded"
            and not self._books.in_the_way(entry, exclusive=event.exclusive)
        ):
            self._books.grant(bay, ticket, entry)
            return
        bay.queue[ticket.id] = ticket
        if self._books.settling:
            # However many they are: a former ledger had let them into its queue.
            return
        admission.pump(self._books, bay)
        if ticket.id in bay.queue and self._counts(ticket) and self._crowd(bay) > self._queue_depth:
            self._give_up(bay, ticket, f"{self._queue_depth} requests wait for memory on {bay.id} already.")
            admission.pump(self._books, bay)

    def _size(self, entry: Entry, event: Request) -> None:
        """Decide what an absent model will need, and where."""
        known_mib = self._measured_mib.get(entry.target)
        entry.measured = known_mib is not None
        entry.footprint_mib = max(1, known_mib or event.estimate_mib or entry.footprint_mib)
        if not entry.moved:
            entry.device = event.device

    def _release(self, event: Release) -> None:
        target = self._books.leases.pop(event.ticket, None)
        if target is None:
            for bay in self._books.bays.values():
                if bay.queue.pop(event.ticket, None) is not None:
                    admission.pump(self._books, bay)
            return
        entry = self._books.entries.get(target)
        if entry is None:
            return
        entry.give_back(event.ticket, self._books.now_s)
        bay = self._books.bays[entry.device]
        if not entry.leases:
            entry.expires_at_s = self._books.now_s + self._stay_s(entry)
        if bay.queue:
            admission.pump(self._books, bay)
        if entry.is_idle():
            self._expire(entry)
            admission.rebalance(self._books, bay)

    def _give_up(self, bay: Bay, ticket: Ticket, why: str) -> None:
        place = self._place(bay, ticket.id, self._books.now_s)
        retry_after_s = min(max(1.0, place.expected_wait_s), 600.0)
        self._books.fail(
            bay, ticket, Refusal("busy", f"No memory for {ticket.target} now: {why}", round(retry_after_s, 1))
        )

    def _counts(self, ticket: Ticket) -> bool:
        """Whether the ticket waits for memory, not for a load or an unload that is under way for it."""
        return not ticket.served and self._books.entries[ticket.target].state != "loading"

    def _crowd(self, bay: Bay) -> int:
        return sum(self._counts(one) for one in bay.queue.values())

    # Loads and unloads

    def _loaded(self, event: Loaded) -> None:
        entry = self._books.entries.get(event.target)
        if entry is None or entry.state != "loading":
            return
        entry.turn("loaded", self._books.now_s)
        bay = self._books.bays[entry.device]
        if event.device is not None and event.device != entry.device and event.device in self._books.bays:
            bay = self._books.move(entry, self._books.bays[event.device])
        if event.footprint_mib is not None:
            self._learn(entry, event.footprint_mib)
        if entry.footprint_mib > bay.most_mib(measured=entry.measured):
            self._books.fail_all(entry, _too_large(entry, bay))
            if not entry.leases:
                self._books.send_away(entry)
        else:
            admission.board(self._books, bay, entry)
        entry.expires_at_s = self._books.now_s + self._stay_s(entry)
        for other in self._books.bays.values():
            admission.settle(self._books, other)
        self._expire(entry)

    def _load_failed(self, event: LoadFailed) -> None:
        entry = self._books.entries.get(event.target)
        if entry is None or entry.state != "loading":
            return
        entry.turn("absent", self._books.now_s)
        self._books.fail_all(entry, event.refusal)
        admission.pump(self._books, self._books.bays[entry.device])

    def _unloaded(self, event: Unloaded) -> None:
        entry = self._books.entries.get(event.target)
        if entry is None or entry.state != "unloading":
            return
        entry.turn("absent", self._books.now_s)
        bay = self._books.bays[entry.device]
        if event.residual_mib > 0:
            bay.unmanaged_mib += event.residual_mib
            text = f"{event.residual_mib} MiB on {bay.id} did not come back after unloading"
            self._books.out.append(Warn(entry.target, text))
        self._books.out.extend(Done(ticket) for ticket in entry.droppers)
        entry.droppers.clear()
        admission.settle(self._books, bay)

    def _unload_failed(self, event: UnloadFailed) -> None:
        entry = self._books.entries.get(event.target)
        if entry is None or entry.state != "unloading":
            return
        entry.turn("loaded", self._books.now_s)
        entry.stuck_until_s = entry.expires_at_s = self._books.now_s + STUCK_S
        self._books.out.append(Warn(entry.target, f"could not be unloaded: {event.refusal.detail}"))
        self._books.out.extend(Fail(ticket, event.refusal) for ticket in entry.droppers)
        entry.droppers.clear()
        admission.settle(self._books, self._books.bays[entry.device])

    def _learn(self, entry: Entry, footprint_mib: int) -> None:
        known_mib = self._measured_mib.get(entry.target)
        entry.footprint_mib, entry.measured = max(1, footprint_mib), True
        # Servers tell sizes that breathe by a little; only a real change is worth a write.
        if known_mib is None or abs(known_mib - entry.footprint_mib) > known_mib * 0.02:
            self._measured_mib[entry.target] = entry.footprint_mib
            self._books.out.append(Learned(entry.target, entry.footprint_mib))

    # The operator, the world, and time

    def _add_device(self, event: AddDevice) -> None:
        bay = self._books.bays.setdefault(event.device, Bay(event.device))
        bay.budget_mib, bay.ceiling_mib, bay.alone_mib = event.budget_mib, event.ceiling_mib, event.alone_mib

    def _remember(self, event: Remember) -> None:
        self._measured_mib.update(event.footprints)

    def _pin(self, event: Pin) -> None:
        entry = self._books.entries.get(event.target)
        if entry is None or entry.pinned == event.pinned:
            return
        entry.pinned = event.pinned
        entry.expires_at_s = self._books.now_s + self._stay_s(entry)
        admission.settle(self._books, self._books.bays[entry.device])

    def _drop(self, event: Drop) -> None:
        if self._books.settling:
            self._later.append(event)
            return
        entry = self._books.entries.get(event.target)
        if entry is None or entry.state == "absent":
            self._books.out.append(Done(event.ticket))
            return
        if entry.state == "loading" or entry.leases:
            now_s = self._books.now_s
            why = "being loaded" if entry.state == "loading" else f"in use by {len(entry.leases)} requests"
            left_s = max(1.0, entry.load_left_s(now_s), entry.lease_left_s(now_s))
            refusal = Refusal("busy", f"{event.target} is {why}.", round(left_s, 1))
            self._books.out.append(Fail(event.ticket, refusal))
            return
        entry.pinned = False
        entry.droppers.append(event.ticket)
        if entry.state == "loaded":
            self._books.send_away(entry)

    def _forget(self, event: Forget) -> None:
        gone = Refusal("model_not_found", f"The provider {event.provider} was removed.")
        for entry in [one for one in self._books.entries.values() if one.provider == event.provider]:
            self._books.fail_all(entry, gone)
            self._books.out.extend(Fail(ticket, gone) for ticket in entry.droppers)
            for lease in entry.leases:
                self._books.leases.pop(lease, None)
            del self._books.entries[entry.target]
        for bay in self._books.bays.values():
            admission.pump(self._books, bay)

    def _observed(self, event: Observed) -> None:
        held = {one.target: one for one in event.models if one.device in self._books.bays}
        for entry in [one for one in self._books.entries.values() if one.provider == event.provider]:
            # What changed after the look was taken is newer than the look.
            seen = held.pop(entry.target, None)
            if entry.changed_at_s >= event.since_s or entry.state in {"loading", "unloading"}:
                continue
            if seen is not None:
                self._seen(entry, seen)
            elif entry.state == "loaded" and not (event.alive and entry.leases):
                entry.turn("absent", self._books.now_s)
        for seen in held.values():
            self._seen(self._books.entries.setdefault(seen.target, Entry(seen.target, seen.device)), seen)
        for bay in self._books.bays.values():
            admission.settle(self._books, bay)

    def _seen(self, entry: Entry, seen: Held) -> None:
        """A server holds a model: take it over if it is new, correct the books if it is not."""
        if entry.state == "absent":
            if seen.device != entry.device:
                self._books.move(entry, self._books.bays[seen.device])
            entry.turn("loaded", self._books.now_s)
            entry.adopted = True
            entry.footprint_mib = self._measured_mib.get(entry.target, 0)
        if seen.footprint_mib > 0:
            self._learn(entry, seen.footprint_mib)
        if entry.adopted:
            entry.expires_at_s = seen.expires_at_s

    def _used(self, event: Used) -> None:
        bay = self._books.bays.get(event.device)
        mine = [one for one in self._books.entries.values() if one.device == event.device]
        if bay is None or any(
            one.state in {"loading", "unloading"} or one.changed_at_s >= event.since_s for one in mine
        ):
            return
        held_mib = sum(one.footprint_mib for one in mine if one.state == "loaded")
        bay.unmanaged_mib = max(0, event.used_mib - held_mib)
        unknown = [one for one in mine if one.state == "loaded" and one.footprint_mib == 0]
        if len(unknown) == 1 and bay.alone_mib:
            # A server that was there before and does not tell its size: what nobody else holds on the card is its.
            unknown[0].footprint_mib, bay.unmanaged_mib = bay.unmanaged_mib, 0
        admission.settle(self._books, bay)

    # After another ledger

    def _settling(self, _: Settling) -> None:
        self._books.settling = True

    def _inherit(self, event: Inherit) -> None:
        if self._books.settling:
            until_s = self._books.now_s + self._keep_alive_s
            for one in event.residents:
                inheritance.take_over(self._books, one, self._measured_mib.get(one.target), until_s)

    def _settled(self, _: Settled) -> None:
        inheritance.settled(self._books)
        for entry in self._books.entries.values():
            self._expire(entry)
        later, self._later = self._later, []
        for drop in later:
            self._drop(drop)

    def _tick(self, _: Tick) -> None:
        for bay in self._books.bays.values():
            late = [one for one in bay.queue.values() if one.deadline_s <= self._books.now_s]
            for ticket in late:
                if self._books.entries[ticket.target].state != "loading":
                    self._give_up(bay, ticket, f"none came free in {self._queue_timeout_s:g} s.")
            admission.settle(self._books, bay)
        for entry in self._books.entries.values():
            self._expire(entry)

    def _expire(self, entry: Entry) -> None:
        """Send a model away whose time is over."""
        due = entry.expires_at_s is not None and entry.expires_at_s <= self._books.now_s
        if (
            due
            and not self._books.settling
            and self._books.leaves_by_itself(entry)
            and entry.may_leave(self._books.now_s)
        ):
            self._books.send_away(entry)

    def _stay_s(self, entry: Entry) -> float:
        return self._keep_alive_s if entry.keep_alive_s is None else entry.keep_alive_s

    def _place(self, bay: Bay, ticket: str, now_s: float) -> Waiting:
        held_s = 0.0
        if bay.plan is not None:
            held_s = max((self._books.entries[one].lease_left_s(now_s) for one in bay.plan[1]), default=0.0)
        expected_s, position, seen = 0.0, 0, set[str]()
        for one in bay.queue.values():
            position += 1
            entry = self._books.entries[one.target]
            if entry.target not in seen:
                seen.add(entry.target)
                expected_s += entry.load_left_s(now_s)
                expected_s += 0.0 if one.served else held_s
            if one.id == ticket:
                break
        return Waiting(position, round(expected_s, 1))


def _too_large(entry: Entry, bay: Bay) -> Refusal:
    how = "holds" if entry.measured else "is estimated to need"
    return Refusal(
        "does_not_fit",
        f"{entry.target} {how} {entry.footprint_mib} MiB; models may fill "
        f"{bay.most_mib(measured=entry.measured)} MiB of {bay.id}.",
    )
