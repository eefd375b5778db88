"""Models around models: leased, limited, retried, fallen back, cached; one protocol in and out.

From the inside out: Target, `Leased` (memory), `Limited` (circuit, slots, measure), `Retried`, `Fallback`,
`Cached`.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import msgspec

from roundhouse.core.errors import (
    BackendBusy,
    BackendFailed,
    BackendTimeout,
    Busy,
    Cancelled,
    ContextTooLong,
    DoesNotFit,
    RoundhouseError,
    UnsupportedContent,
)
from roundhouse.core.ports import Cache
from roundhouse.core.types import Answer, Attempt, Decision, ModelRequest, Usage
from roundhouse.engine.health import Breaker, Slots
from roundhouse.engine.model import Flow, Model, Running, elapsed_ms

T = TypeVar("T")


class Attempts(Protocol):
    """Hears of every try at a target (metrics)."""

    def attempted(self, target: str, error: RoundhouseError | None) -> None:
        """One try ended; None = well."""
        ...


class Leased:
    """Holds the model in memory while it answers.

    Args:
        inner: The target.
        lease: Makes a lease; entering it may wait, load and evict.
    """

    def __init__(self, inner: Model, lease: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        self._inner = inner
        self._lease = lease

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """Raises Busy, DoesNotFit."""
        started_s = time.perf_counter()
        async with self._lease():
            decision.queued_ms += elapsed_ms(started_s)
            return await self._inner.answer(request, decision)

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """Raises Busy, DoesNotFit."""
        started_s = time.perf_counter()
        lease = self._lease()
        await lease.__aenter__()
        decision.queued_ms += elapsed_ms(started_s)
        try:
            running = await self._inner.stream(request, decision)
        except BaseException as error:
            await lease.__aexit__(type(error), error, error.__traceback__)
            raise
        running.leases.append(lease)
        return running


class Limited:
    """Guards a target: open circuit, slots in flight; tells how each try ended.

    Args:
        inner: What it guards.
        name: `provider/model`.
        breaker: Circuit of the target.
        slots: Slots of its provider.
        heard: Hears of every try.
    """

    def __init__(self, inner: Model, name: str, breaker: Breaker, slots: Slots, heard: Attempts) -> None:
        self._inner = inner
        self._name = name
        self._breaker = breaker
        self._slots = slots
        self._heard = heard

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """Raises BackendDown, BackendBusy, Busy before the call."""
        tried = await self._enter(decision)
        try:
            answer = await self._inner.answer(request, decision)
        except BaseException as error:
            self._leave(tried, error)
            raise
        self._leave(tried, None)
        return answer

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """Raises like `answer`; the slot is held until the stream ends."""
        tried = await self._enter(decision)
        try:
            running = await self._inner.stream(request, decision)
            await running.prime()
        except BaseException as error:
            self._leave(tried, error)
            raise
        self._breaker.began()
        running.ends.append(lambda error: self._leave(tried, error))
        return running

    async def _enter(self, decision: Decision) -> _Try:
        # Told before the call: a stream's headers leave before it ends, and a client may leave before an answer.
        tried = _Try(Attempt(self._name), time.perf_counter())
        decision.target = self._name
        decision.attempts.append(tried.attempt)
        try:
            self._breaker.enter()
        except RoundhouseError as error:
            self._note(tried, error)
            raise
        try:
            await self._slots.take()
        except BaseException as error:
            self._breaker.abandoned()
            self._note(tried, error)
            raise
        taken_s = time.perf_counter()
        decision.queued_ms += int((taken_s - tried.since_s) * 1000)
        tried.since_s = taken_s
        return tried

    def _leave(self, tried: _Try, error: BaseException | None) -> None:
        self._slots.give(time.perf_counter() - tried.since_s)
        self._breaker.judge(error)
        self._note(tried, error)

    def _note(self, tried: _Try, error: BaseException | None) -> None:
        tried.attempt.duration_ms = elapsed_ms(tried.since_s)
        if error is None or isinstance(error, RoundhouseError):
            tried.attempt.error = error.code if error else None
            self._heard.attempted(self._name, error)
        else:
            tried.attempt.error = Cancelled.code


class _Try(msgspec.Struct):
    """One try while it runs, and when it got its slot."""

    attempt: Attempt
    since_s: float


class Retried:
    """Tries the same target again after an error that may pass by itself.

    A time-out is not tried again here (the time is spent), nor after a wait longer than `MAX_WAIT_S`: those go
    to the next target.

    Args:
        inner: What it calls.
        retries: Further tries.
    """

    MAX_WAIT_S = 5.0

    def __init__(self, inner: Model, retries: int) -> None:
        self._inner = inner
        self._retries = retries

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """Raises the last error."""
        for tried in range(self._retries):
            try:
                return await self._inner.answer(request, decision)
            except BackendFailed as error:
                await self._wait(error, tried)
        return await self._inner.answer(request, decision)

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """Raises the last error; after the first events nothing is tried again."""
        for tried in range(self._retries):
            try:
                return await self._inner.stream(request, decision)
            except BackendFailed as error:
                await self._wait(error, tried)
        return await self._inner.stream(request, decision)

    async def _wait(self, error: BackendFailed, tried: int) -> None:
        if not error.retryable or isinstance(error, BackendTimeout):
            raise error
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = 0.1 * 2**tried * (0.5 + random.random())  # noqa: S311 - spreads retries, guards nothing
        if wait_s > self.MAX_WAIT_S:
            raise error
        await asyncio.sleep(wait_s)


class Fallback:
    """Tries targets in order; a request too long for one goes to those with a longer context.

    Args:
        models: In order of preference, at least one.
        longer: Models for requests that do not fit the context of `models`.
    """

    def __init__(self, models: Sequence[Model], longer: Sequence[Model] = ()) -> None:
        self._models = models
        self._longer = longer

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """Raises the last retryable error, or the first that no other target can mend."""
        return await self._first(lambda model: model.answer(request, decision))

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """Raises like `answer`."""
        return await self._first(lambda model: model.stream(request, decision))

    async def _first(self, call: Callable[[Model], Awaitable[T]]) -> T:
        last: RoundhouseError | None = None
        waiting = list(self._models)
        longer = list(self._longer)
        while waiting:
            try:
                return await call(waiting.pop(0))
            except ContextTooLong as error:
                last = error
                waiting, longer = longer, []
            except (BackendFailed, Busy, DoesNotFit, UnsupportedContent) as error:
                if not (error.retryable or isinstance(error, (DoesNotFit, UnsupportedContent))):
                    raise
                last = self._worse(last, error)
        raise last or BackendFailed("No target is configured.")

    @staticmethod
    def _worse(last: RoundhouseError | None, error: RoundhouseError) -> RoundhouseError:
        # "Wait a little" helps a client more than "is down": the busy target will answer later.
        return last if isinstance(last, (BackendBusy, Busy)) and last.retry_after_s else error


class Cached:
    """Answers identical requests of one tenant from the cache.

    Args:
        inner: What it calls on a miss.
        cache: Where answers are kept.
        ttl_s: For how long.
        max_item_bytes: Larger answers are not kept.
    """

    def __init__(self, inner: Model, cache: Cache, ttl_s: float, max_item_bytes: int) -> None:
        self._inner = inner
        self._cache = cache
        self._ttl_s = ttl_s
        self._max_item_bytes = max_item_bytes

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """Raises what `inner` raises."""
        if request.cache == "off":
            return await self._inner.answer(request, decision)
        key = cache_key(request)
        kept = await self._find(key, request, decision)
        if kept is not None:
            return Answer(kept, Usage())
        answer = await self._inner.answer(request, decision)
        await self.keep(key, answer.body, decision.target)
        return answer

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """Raises what `inner` raises; only a stream that ended well is kept."""
        if request.cache == "off":
            return await self._inner.stream(request, decision)
        key = cache_key(request)
        kept = await self._find(key, request, decision)
        if kept is not None:
            return Running(_Replay(kept))
        running = await self._inner.stream(request, decision)
        running.recorder = _Recorder(self, key, decision, self._max_item_bytes)
        return running

    async def _find(self, key: str, request: ModelRequest, decision: Decision) -> bytes | None:
        kept = await self._cache.get(key) if request.cache == "use" else None
        if kept is None:
            decision.cache = "miss"
            return None
        entry = _entry_decoder.decode(kept)
        decision.cache, decision.target = "hit", entry.target
        return entry.body

    async def keep(self, key: str, body: bytes, target: str) -> None:
        """Keep one answer, unless it is too large."""
        if len(body) <= self._max_item_bytes:
            await self._cache.set(key, msgspec.msgpack.encode(_Entry(target, body)), ttl_s=self._ttl_s)


class _Entry(msgspec.Struct, array_like=True):
    target: str
    body: bytes


_entry_decoder = msgspec.msgpack.Decoder(_Entry)


class _Recorder:
    """Collects the events of one stream and keeps them when it ended well."""

    def __init__(self, cached: Cached, key: str, decision: Decision, limit_bytes: int) -> None:
        self._cached = cached
        self._key = key
        self._decision = decision
        self._room_bytes = limit_bytes
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Collect events; too many and nothing is kept."""
        self._room_bytes -= len(piece)
        if self._room_bytes >= 0:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    async def complete(self) -> None:
        """The stream ended well."""
        if self._room_bytes >= 0:
            await self._cached.keep(self._key, b"".join(self._pieces), self._decision.target)


class _Replay:
    """A kept stream."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.usage = Usage()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        yield self._body

    async def aclose(self) -> None:
        """Nothing is held."""


_UNCACHED_FIELDS = frozenset({"user", "metadata", "store", "safety_identifier", "prompt_cache_key"})


def cache_key(request: ModelRequest) -> str:
    """Identity of a request within its tenant: every field that may change the answer, order of keys ignored.

    The site and the key's permitted models are part of it: a cache never crosses a site.
    """
    digest = hashlib.sha256()
    caller = request.caller
    head = (
        caller.site_id,
        caller.app_id or "",
        request.operation,
        str(request.include_usage),
        str(request.continues),
        *caller.models,
    )
    digest.update(msgspec.json.encode(head))
    for name in sorted(request.fields.keys() - _UNCACHED_FIELDS):
        value = bytes(request.fields[name])
        digest.update(b"%d:%d:" % (len(name), len(value)))
        digest.update(name.encode())
        digest.update(value)
    return f"answer:{digest.hexdigest()}"
