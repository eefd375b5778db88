"""What this process has asked of the memory ledger and what it was given, wherever the ledger is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from roundhouse.core.errors import RoundhouseError
from roundhouse.engine.memory import (
    DeviceUse,
    Done,
    Drop,
    Event,
    Fail,
    Grant,
    Request,
    Resident,
    Waiting,
)
from roundhouse.engine.mover import Place

Answer = Grant | Done | Fail
Wish = Request | Drop


class Keeper(Protocol):
    """Whoever keeps the ledger, as the rest of this process sees it: it is here, or in another process."""

    def tell(self, event: Event) -> None:
        """Something happened; answers to a ticket come to the claims."""
        ...

    def place(self, ticket: str) -> Waiting | None:
        """Where a ticket stands; None when it does not wait, or when that will be told later."""
        ...

    def device_of(self, place: Place) -> str:
        """Where a provider's models go; empty when the ledger's own process is to say."""
        ...

    def wants_estimate(self, target: str) -> bool:
        """Whether the size of a model may matter to a request for it."""
        ...

    def status(self) -> list[Resident]:
        """Every model it knows, by name; times are Unix seconds."""
        ...

    def devices(self) -> list[DeviceUse]:
        """Every device with its budget and use."""
        ...

    def is_loaded(self, target: str) -> bool:
        """Whether a model is in memory and ready."""
        ...

    def fits(self, target: str, place: Place, estimate_mib: int) -> bool:
        """Whether the model could be loaded on an otherwise empty device."""
        ...

    async def refresh(self) -> None:
        """Look at every server and every device, where that is this process's work."""
        ...


class Claim:
    """Something that was asked for and is not answered yet.

    Attributes:
        wish: What was asked.
        answer: How it ends.
        on_wait: Told the place in the queue.
        since_s: Monotonic time of asking.
    """

    __slots__ = ("answer", "on_wait", "since_s", "wish")

    def __init__(self, wish: Wish, on_wait: Callable[[Waiting], None] | None, since_s: float) -> None:
        self.wish = wish
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_wait = on_wait
        self.since_s = since_s


class Claims:
    """Everything this process waits for and holds.

    Attributes:
        waiting: By ticket, in order of asking.
        held: Leases granted by another process's ledger, by ticket: a new ledger must be told of them.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, Claim] = {}
        self.held: dict[str, Request] = {}

    def answered(self, answer: Answer) -> bool:
        """End a claim of this process; False when the ticket is not one of them."""
        claim = self.waiting.get(answer.ticket)
        if claim is None:
            return False
        if not claim.answer.done():
            if isinstance(answer, Fail):
                claim.answer.set_exception(answer.refusal.error())
            else:
                claim.answer.set_result(None)
        return True

    def granted(self, ticket: str) -> None:
        """Another process's ledger granted a lease. One that nobody waits for any more was released already."""
        claim = self.waiting.get(ticket)
        if claim is not None and not claim.answer.done() and isinstance(claim.wish, Request):
            self.held[ticket] = claim.wish
            claim.answer.set_result(None)

    def placed(self, ticket: str, waiting: Waiting) -> None:
        """Tell who waits where he stands."""
        claim = self.waiting.get(ticket)
        if claim is not None and claim.on_wait is not None and not claim.answer.done():
            claim.on_wait(waiting)

    def place_all(self, place: Callable[[str], Waiting | None]) -> None:
        """Tell everybody who waits where he stands, once another ledger is in force."""
        for ticket, claim in self.waiting.items():
            found = None if claim.on_wait is None else place(ticket)
            if found is not None:
                self.placed(ticket, found)

    def unanswered(self) -> Sequence[Claim]:
        """Claims that still wait, in order of asking."""
        return [claim for claim in self.waiting.values() if not claim.answer.done()]

    def fail(self, claims: Sequence[Claim], error: Callable[[], RoundhouseError]) -> None:
        """End some claims, each with an error of its own."""
        for claim in claims:
            if not claim.answer.done():
                claim.answer.set_exception(error())
