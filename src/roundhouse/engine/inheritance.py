"""What a ledger takes over from the one before it, whose process has ended: residents, leases, queues."""

from __future__ import annotations

from roundhouse.engine import admission
from roundhouse.engine.books import Books
from roundhouse.engine.memory import Request, Resident, Unload
from roundhouse.engine.shelf import Bay, Entry


def take_over(books: Books, former: Resident, known_mib: int | None, until_s: float) -> None:
    """Count a model as the former ledger did, unless this one knows better already.

    Args:
        books: Where; its device must be known there.
        former: The model as it was last told.
        known_mib: Its measured footprint; None = never measured.
        until_s: Monotonic time at which it leaves if nobody uses it.
    """
    entry = books.entries.get(former.target)
    if entry is None:
        if former.state == "absent" and not former.pinned:
            return
        entry = books.entries[former.target] = Entry(former.target, former.device)
        entry.footprint_mib, entry.measured = known_mib or former.footprint_mib, known_mib is not None
    entry.pinned = entry.pinned or former.pinned
    if entry.state != "absent" or former.state == "absent":
        return
    if entry.device != former.device:
        books.move(entry, books.bays[former.device])
    entry.footprint_mib, entry.measured = known_mib or former.footprint_mib, known_mib is not None
    bay = books.bays[entry.device]
    if former.state == "loading" and books.free_mib(bay) >= books.claim_mib(entry):
        # Its server may go on with it. Told once more, it says when it is done.
        books.start(entry)
        return
    if former.state == "unloading":
        # Its server may still be at it: told once more at the end, it says when it is done.
        books.leaving.add(entry.target)
        entry.turn("unloading", books.now_s)
        return
    entry.turn("loaded", books.now_s)
    entry.expires_at_s = until_s
    # Hearsay: whatever its server says is newer.
    entry.changed_at_s = float("-inf")


def seat(books: Books, bay: Bay, entry: Entry, event: Request) -> None:
    """Count a user whom the former ledger let in: he is there, so the model is."""
    if entry.state == "absent" or entry.target in books.leaving:
        entry.turn("loaded", books.now_s)
        books.leaving.discard(entry.target)
    books.leases[event.ticket] = entry.target
    entry.lease(event.ticket, exclusive=event.exclusive, now_s=books.now_s)
    admission.settle(books, bay)


def settled(books: Books) -> None:
    """Everybody has told what he holds: serve the queues, in the order in which requests came to anybody."""
    books.settling = False
    for target in sorted(books.leaving):
        entry = books.entries.get(target)
        if entry is not None and entry.state == "unloading":
            # Without a size: its memory may be back already.
            books.out.append(Unload(target, entry.device))
    books.leaving.clear()
    for bay in books.bays.values():
        bay.queue = dict(sorted(bay.queue.items(), key=lambda one: one[1].deadline_s))
        admission.settle(books, bay)
