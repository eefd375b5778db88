"""Rate limits and budgets, asked before a request and told after it.

Requests and tokens per minute go through the rate limiter (one process, or all of them over Redis); tokens
are known only afterwards, so they are charged then and a debt must be waited for. Concurrency counts in this
process. Budgets are the database's sums plus what this process has not written yet; the sums are read anew
every two seconds, so that several processes agree within that time: a budget can be overrun by what is in
flight meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from typing import Literal, Protocol

import msgspec
import structlog

from roundhouse.core.errors import BudgetExceeded, RateLimited, RoundhouseError
from roundhouse.core.ports import Clock, RateLimiter
from roundhouse.core.types import Caller, Limits
from roundhouse.features.access import periods, store
from roundhouse.features.access.usage import Spent, UsageWriter
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database

REREAD_S = 2.0
_NO_LIMITS = Limits()
_READ_BATCH = 500
_IDLE_S = 600.0

_log = structlog.get_logger(__name__)


_REQUESTS_HEADERS = (
    b"x-ratelimit-limit-requests",
    b"x-ratelimit-remaining-requests",
    b"x-ratelimit-reset-requests",
)
_TOKENS_HEADERS = (
    b"x-ratelimit-limit-tokens",
    b"x-ratelimit-remaining-tokens",
    b"x-ratelimit-reset-tokens",
)


class CountingLimiter(RateLimiter, Protocol):
    """A rate limiter that also tells what is left."""

    def left(self, key: str, per_minute: float) -> float:
        """How much may be taken now."""
        ...


class _Book(msgspec.Struct):
    """What a chain of keys used in its current period.

    Attributes:
        period: Its kind.
        since_day: First day of the period, days since 1970 (UTC).
        used: As far as known here.
        settled: Settled since the last reading began: not surely in what it reads.
        loaded: Whether the database was ever read.
        touched_s: Last request, by the monotonic clock.
    """

    period: Literal["day", "month", "total"]
    since_day: int
    used: Spent = msgspec.field(default_factory=Spent)
    settled: Spent = msgspec.field(default_factory=Spent)
    loaded: bool = False
    touched_s: float = 0.0


class Quota(msgspec.Struct, frozen=True):
    """One limit and what is left of it; `reset_s` is in seconds from now, None = it does not refill by itself."""

    name: str
    limit: float
    remaining: float
    reset_s: float | None


class LimitGatekeeper:
    """Limits of callers (core.ports.Gatekeeper).

    Args:
        db: The database.
        limiter: Requests and tokens per minute.
        usage: Knows what is not written yet.
        clock: Time.
    """

    def __init__(self, db: Database, limiter: CountingLimiter, usage: UsageWriter, clock: Clock) -> None:
        self._db = db
        self._limiter = limiter
        self._usage = usage
        self._clock = clock
        self._running: dict[str, int] = {}
        self._books: dict[str, _Book] = {}
        self._members: dict[str, str] = {}
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read the sums anew in the background."""
        self._task = asyncio.create_task(self._run(), name="budgets")

    async def close(self) -> None:
        """Stop."""
        await stop(self._task, self._reading)
        self._task = None

    def admit(self, caller: Caller) -> Awaitable[None] | None:
        """Take one request; None = admitted without waiting.

        Raises:
            RateLimited: Requests or tokens per minute, or requests at a time, are used up.
            BudgetExceeded: The budget of the period is used up.
        """
        limits = caller.limits
        if limits is _NO_LIMITS or limits == _NO_LIMITS:
            return None
        if limits.budget_usd is not None or limits.budget_tokens is not None:
            book = self._book(caller)
            if not book.loaded:
                return self._load_and_admit(caller)
            self._check_budget(caller, book)
        return self._admit_now(caller)

    def settle(self, caller: Caller, tokens: int, cost_usd: float) -> None:
        """Count what an admitted request used and free its slot."""
        limits = caller.limits
        if limits is _NO_LIMITS or limits == _NO_LIMITS:
            return
        root = _root(caller)
        self._free_slot(caller)
        if limits.tokens_per_minute is not None and tokens > 1:
            # One was taken when it was let in.
            self._limiter.charge(f"t:{root}", tokens - 1, limits.tokens_per_minute)
        book = self._books.get(root)
        if book is not None:
            for sums in (book.used, book.settled):
                sums.usd += cost_usd
                sums.tokens += tokens
                sums.requests += 1

    async def quotas(self, caller: Caller) -> list[Quota]:
        """Every limit of the caller with what is left of it.

        Raises:
            StorageUnavailable: A budget was never read and the database is away.
        """
        limits = caller.limits
        if limits.budget_usd is not None or limits.budget_tokens is not None:
            book = self._book(caller)
            if not book.loaded:
                await self.reread()
        return self.quotas_now(caller)

    def quotas_now(self, caller: Caller) -> list[Quota]:
        """The same as far as it is known without waiting."""
        limits, root = caller.limits, _root(caller)
        found: list[Quota] = []
        for name, sign, bound in (
            ("requests_per_minute", "r", limits.requests_per_minute),
            ("tokens_per_minute", "t", limits.tokens_per_minute),
        ):
            if bound is not None:
                left = self._limiter.left(f"{sign}:{root}", bound)
                found.append(Quota(name, bound, math.floor(left + 1e-6), 60.0 * (1 - left / bound)))
        if limits.concurrent_requests is not None:
            running = self._running.get(root, 0)
            found.append(
                Quota(
                    "concurrent_requests",
                    limits.concurrent_requests,
                    limits.concurrent_requests - running,
                    None,
                )
            )
        used = self._books[root].used if root in self._books else Spent()
        reset_s = self._reset_s(limits.budget_period)
        if limits.budget_usd is not None:
            found.append(
                Quota("budget_usd", limits.budget_usd, max(0.0, limits.budget_usd - used.usd), reset_s)
            )
        if limits.budget_tokens is not None:
            found.append(
                Quota(
                    "budget_tokens", limits.budget_tokens, max(0, limits.budget_tokens - used.tokens), reset_s
                )
            )
        return found

    def headers(self, caller: Caller) -> list[tuple[bytes, bytes]]:
        """`x-ratelimit-limit-requests` and its kin, as OpenAI's clients read them; empty without such limits."""
        limits = caller.limits
        if limits.requests_per_minute is None and limits.tokens_per_minute is None:
            return []
        root = _root(caller)
        found: list[tuple[bytes, bytes]] = []
        for bound, sign, (limit_name, remaining_name, reset_name) in (
            (limits.requests_per_minute, "r:", _REQUESTS_HEADERS),
            (limits.tokens_per_minute, "t:", _TOKENS_HEADERS),
        ):
            if bound is not None:
                left = self._limiter.left(sign + root, bound)
                found.append((limit_name, b"%d" % bound))
                found.append((remaining_name, b"%d" % (left + 1e-6)))
                found.append((reset_name, b"%.3fs" % (60.0 * (1 - left / bound))))
        return found

    async def reread(self) -> None:
        """Read the sums of every budget in use.

        Raises:
            StorageUnavailable: The database does not answer; what is known stays.
        """
        async with self._reading:
            self._tidy()
            for book in self._books.values():
                book.settled = Spent()
            # Before the reading: what is written in between counts twice until the next one, never not at
            # all.
            pending = self._pending()
            by_day: dict[int, list[tuple[str, _Book]]] = {}
            for root, book in self._books.items():
                by_day.setdefault(book.since_day, []).append((root, book))
            async with self._db.read() as tx:
                for since_day, books in by_day.items():
                    for start in range(0, len(books), _READ_BATCH):
                        some = books[start : start + _READ_BATCH]
                        sums = await store.spent(tx, [root for root, _ in some], since_day=since_day)
                        for root, book in some:
                            if book.since_day == since_day:
                                _set(book, sums.get(root, (0.0, 0)), pending.get(root, Spent()))

    def _pending(self) -> dict[str, Spent]:
        found: dict[str, Spent] = {}
        for key_id, spent in self._usage.pending().items():
            root = self._members.get(key_id)
            if root is not None:
                sums = found.setdefault(root, Spent())
                sums.usd += spent.usd
                sums.tokens += spent.tokens
        return found

    async def _load_and_admit(self, caller: Caller) -> None:
        await self.reread()
        self._check_budget(caller, self._book(caller))
        waiting = self._admit_now(caller)
        if waiting is not None:
            await waiting

    def _admit_now(self, caller: Caller) -> Awaitable[None] | None:
        limits, root = caller.limits, _root(caller)
        if limits.concurrent_requests is not None:
            running = self._running.get(root, 0)
            if running >= limits.concurrent_requests:
                raise RateLimited(
                    f"This key may have {limits.concurrent_requests} requests at a time.", retry_after_s=1.0
                )
            self._running[root] = running + 1
        buckets = _buckets(limits, root)
        try:
            for place, (key, bound, kind) in enumerate(buckets):
                wait = self._limiter.take(key, 1, bound)
                if not isinstance(wait, float):
                    return self._admit_waiting(caller, wait, buckets[place:])
                _refuse_if(wait, bound, kind)
        except RateLimited:
            self._free_slot(caller)
            raise
        return None

    async def _admit_waiting(
        self, caller: Caller, wait: Awaitable[float] | float, buckets: list[tuple[str, float, str]]
    ) -> None:
        """Go on where an answer of the limiter has to be waited for."""
        try:
            for place, (key, bound, kind) in enumerate(buckets):
                if place:
                    wait = self._limiter.take(key, 1, bound)
                _refuse_if(wait if isinstance(wait, float) else await wait, bound, kind)
        except BaseException:
            self._free_slot(caller)
            raise

    def _free_slot(self, caller: Caller) -> None:
        if caller.limits.concurrent_requests is None:
            return
        root = _root(caller)
        running = self._running.get(root, 0) - 1
        if running > 0:
            self._running[root] = running
        else:
            self._running.pop(root, None)

    def _book(self, caller: Caller) -> _Book:
        root, period = _root(caller), caller.limits.budget_period
        book = self._books.get(root)
        since_day = self._since_day(period)
        if book is None or book.period != period:
            book = self._books[root] = _Book(period, since_day)
        elif book.since_day != since_day:
            book.since_day, book.used, book.settled = since_day, Spent(), Spent()
        book.touched_s = self._clock.monotonic_s()
        self._members[caller.key_id] = root
        return book

    def _check_budget(self, caller: Caller, book: _Book) -> None:
        limits = caller.limits
        wait_s = self._reset_s(limits.budget_period)
        if limits.budget_usd is not None and book.used.usd >= limits.budget_usd:
            raise BudgetExceeded(
                f"The budget of {limits.budget_usd} US dollars ({limits.budget_period}) is used up.",
                retry_after_s=wait_s,
            )
        if limits.budget_tokens is not None and book.used.tokens >= limits.budget_tokens:
            raise BudgetExceeded(
                f"The budget of {limits.budget_tokens} tokens ({limits.budget_period}) is used up.",
                retry_after_s=wait_s,
            )

    def _tidy(self) -> None:
        """Forget keys that are idle, begin new periods for the others."""
        idle_s = self._clock.monotonic_s() - _IDLE_S
        self._books = {root: book for root, book in self._books.items() if book.touched_s >= idle_s}
        self._members = {key_id: root for key_id, root in self._members.items() if root in self._books}
        for book in self._books.values():
            since_day = self._since_day(book.period)
            if book.since_day != since_day:
                book.since_day, book.used, book.settled = since_day, Spent(), Spent()

    def _since_day(self, period: str) -> int:
        return periods.since_day(period, self._clock.now_s())

    def _reset_s(self, period: str) -> float | None:
        now_s = self._clock.now_s()
        ends_at_s = periods.ends_at_s(period, now_s)
        return None if ends_at_s is None else ends_at_s - now_s

    async def _run(self) -> None:
        failing = False
        while True:
            await self._clock.sleep(REREAD_S)
            if not self._books:
                continue
            try:
                await self.reread()
            except RoundhouseError as error:
                if not failing:
                    _log.warning("budgets_unreadable", error=error.detail)
                failing = True
            else:
                failing = False


def _root(caller: Caller) -> str:
    return caller.counts_as or caller.key_id


def _set(book: _Book, sums: tuple[float, int], waiting: Spent) -> None:
    """What the database knows, plus what is not written yet, plus what was settled during the reading."""
    usd, tokens = sums
    book.used = Spent(usd + waiting.usd + book.settled.usd, tokens + waiting.tokens + book.settled.tokens)
    book.loaded = True


def _buckets(limits: Limits, root: str) -> list[tuple[str, float, str]]:
    """Key, limit per minute and name of each bucket; tokens first, for a refusal there costs one token only."""
    found: list[tuple[str, float, str]] = []
    if limits.tokens_per_minute is not None:
        found.append((f"t:{root}", limits.tokens_per_minute, "tokens"))
    if limits.requests_per_minute is not None:
        found.append((f"r:{root}", limits.requests_per_minute, "requests"))
    return found


def _refuse_if(wait_s: float, bound: float, kind: str) -> None:
    if wait_s > 0:
        raise RateLimited(f"This key may use {bound:.0f} {kind} per minute.", retry_after_s=wait_s)
