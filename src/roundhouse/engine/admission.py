"""Who comes in and who leaves: one device's queue, served in order of arrival.

- The first request that must wait for leases to end is the owner of the walk: it names the models it needs out
  (its hold), and nobody behind it gets a new lease on those. It keeps to that choice while it suffices.
- Requests behind the owner pass only where it costs the owner nothing: on models that stay, or into memory
  that the owner does not need.
- Whoever waits for a model when its load ends gets in with it, also from further back (`board`). Without that,
  two models taking turns would be loaded once per request; it starves nobody, since a queue is finite.
"""

from __future__ import annotations

from collections.abc import Iterable

from roundhouse.engine import eviction
from roundhouse.engine.books import Books
from roundhouse.engine.shelf import Bay, Entry, Ticket, Walk


def settle(books: Books, bay: Bay) -> None:
    """Bring a device in order after something changed: send away what is too much, then serve the queue."""
    rebalance(books, bay)
    if bay.queue:
        pump(books, bay)


def pump(books: Books, bay: Bay) -> None:
    """Walk the queue once, in order of arrival, and serve everybody who can be served."""
    if books.settling:
        return
    walk = Walk(books.free_mib(bay, soon=True))
    for ticket in list(bay.queue.values()):
        entry = books.entries[ticket.target]
        if entry.state == "loaded" and not walk.holds(entry.target):
            in_the_way = books.in_the_way(entry, exclusive=ticket.exclusive)
            if in_the_way:
                _hold_for(books, ticket, walk, in_the_way)
            else:
                books.grant(bay, ticket, entry)
        elif entry.state == "loading":
            walk.keep_alone(ticket)
        elif entry.state in {"absent", "unloading"} and walk.first(entry.target):
            _serve(books, bay, ticket, entry, walk)
    for ticket in bay.queue.values():
        ticket.served = ticket.target in walk.coming
    bay.plan = (walk.owner, walk.hold) if walk.owner is not None else None


def _hold_for(books: Books, ticket: Ticket, walk: Walk, in_the_way: frozenset[str]) -> None:
    """Let the first who waits for leases to end be the next: no new leases on what is in its way."""
    if not walk.own(ticket, in_the_way):
        return
    if ticket.exclusive:
        for target in in_the_way:
            if books.entries[target].may_leave(books.now_s):
                walk.spare_mib += books.claim_mib(books.entries[target])
                books.send_away(books.entries[target])


def _serve(books: Books, bay: Bay, ticket: Ticket, entry: Entry, walk: Walk) -> None:
    """Begin to load an absent model, or make room for it, or plan its turn."""
    in_the_way = books.in_the_way(entry, exclusive=ticket.exclusive)
    if in_the_way:
        _hold_for(books, ticket, walk, in_the_way)
        return
    need_mib = books.claim_mib(entry)
    short_mib = need_mib - walk.spare_mib
    if short_mib > 0:
        leaving = _idle_victims(books, bay, entry, walk, short_mib)
        if leaving is None:
            _plan(books, bay, ticket, walk, short_mib)
            return
        for target in leaving:
            walk.spare_mib += books.claim_mib(books.entries[target])
            books.send_away(books.entries[target])
    walk.spare_mib -= need_mib
    walk.coming.add(entry.target)
    walk.keep_alone(ticket)
    if entry.state == "absent" and books.free_mib(bay) >= need_mib:
        books.start(entry)


def _idle_victims(books: Books, bay: Bay, entry: Entry, walk: Walk, short_mib: int) -> tuple[str, ...] | None:
    idle = [
        books.candidate(one)
        for one in books.present(bay.id)
        if one is not entry and one.may_leave(books.now_s) and not walk.holds(one.target)
    ]
    return eviction.cheapest(idle, short_mib)


def _plan(books: Books, bay: Bay, ticket: Ticket, walk: Walk, short_mib: int) -> None:
    """Choose the models whose leases the first blocked request waits for, and keep to that choice."""
    if walk.owner is not None:
        return
    able = {
        one.target: one
        for one in books.present(bay.id)
        if one.target != ticket.target and one.will_leave(books.now_s)
    }
    hold: Iterable[str] | None = None
    if bay.plan is not None and bay.plan[0] == ticket.id:
        kept = bay.plan[1] & able.keys()
        if sum(books.claim_mib(able[target]) for target in kept) >= short_mib:
            hold = kept
    if hold is None:
        hold = eviction.cheapest([books.candidate(one) for one in able.values()], short_mib)
    if hold is not None and walk.own(ticket, frozenset(hold)):
        freed_mib = sum(books.claim_mib(able[target]) for target in hold)
        walk.spare_mib -= max(0, books.claim_mib(books.entries[ticket.target]) - freed_mib)


def rebalance(books: Books, bay: Bay) -> None:
    """Send idle models away while the residents are over the budget."""
    over_mib = -books.free_mib(bay, soon=True)
    if over_mib <= 0 or books.settling:
        return
    idle = [one for one in books.present(bay.id) if one.may_leave(books.now_s)]
    chosen = eviction.cheapest([books.candidate(one) for one in idle], over_mib)
    for entry in idle:
        if chosen is None or entry.target in chosen:
            books.send_away(entry)


def board(books: Books, bay: Bay, entry: Entry) -> None:
    """Let everybody in who waits for a model that has just been loaded."""
    if books.settling:
        return
    for ticket in [one for one in bay.queue.values() if one.target == entry.target]:
        if not books.in_the_way(entry, exclusive=ticket.exclusive):
            books.grant(bay, ticket, entry)
