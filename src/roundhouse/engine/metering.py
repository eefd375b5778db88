"""What a call of a model costs its caller: limits, the record of use, metrics."""

from __future__ import annotations

import msgspec

from roundhouse.core.errors import Cancelled, RoundhouseError
from roundhouse.core.ports import Clock, Gatekeeper, Observer, Prices, UsageSink
from roundhouse.core.types import Answer, Caller, Decision, ModelRequest, Operation, Usage, UsageRecord
from roundhouse.engine.engine import Engine

_MODEL_CHARS = 200


class Meter(msgspec.Struct, frozen=True):
    """Counts calls.

    Attributes:
        gatekeeper: Whether a caller may ask now; each admission is settled once.
        usage: Where use is recorded.
        prices: What it costs.
        observer: Metrics.
        clock: Time.
    """

    gatekeeper: Gatekeeper
    usage: UsageSink
    prices: Prices
    observer: Observer
    clock: Clock

    async def admit(self, caller: Caller) -> None:
        """Take one request; raises RateLimited or BudgetExceeded."""
        waiting = self.gatekeeper.admit(caller)
        if waiting is not None:
            await waiting

    def settle(
        self,
        caller: Caller,
        decision: Decision,
        usage: Usage,
        error: RoundhouseError | None,
        *,
        request_id: str,
        duration_s: float,
        first_byte_s: float | None = None,
        stream: bool = False,
        operation: Operation = "chat",
        admitted: bool = True,
    ) -> float:
        """Settle a call with the gatekeeper, if that admitted it, and leave a record of it.

        Args:
            caller: Who called.
            decision: Which model answered, and why.
            usage: Its tokens, and seconds of sound.
            error: How it failed; None = well.
            request_id: `req_…`.
            duration_s: From its beginning to its end.
            first_byte_s: To the first byte of the answer; None = there was none.
            stream: Whether it was answered in events.
            operation: Which API.
            admitted: Whether the gatekeeper let it in.

        Returns:
            Its cost in US dollars.
        """
        cost_usd = self.prices.cost_usd(decision.target, usage)
        if admitted:
            self.gatekeeper.settle(caller, usage.total_tokens, cost_usd)
        record = record_of(
            caller,
            decision,
            usage,
            error,
            at_s=self.clock.now_s(),
            request_id=request_id,
            operation=operation,
            cost_usd=cost_usd,
            duration_s=duration_s,
            first_byte_s=first_byte_s,
            stream=stream,
        )
        self.usage.record(record)
        self.observer.observe(record)
        return cost_usd


class Accounts:
    """Asks for jobs and searches, whose caller was admitted before, and leaves a record of each call.

    Args:
        engine: Every model.
        prices: What it costs.
        clock: Time.

    Attributes:
        usage: Where use is recorded; None = nowhere.
    """

    def __init__(self, engine: Engine, prices: Prices, clock: Clock) -> None:
        self.usage: UsageSink | None = None
        self._engine = engine
        self._prices = prices
        self._clock = clock

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """A whole answer; raises what the engine raises. A call that is cancelled is recorded as such."""
        began_s, usage = self._clock.monotonic_s(), Usage()
        error: RoundhouseError | None = Cancelled("Nobody waits for it any more.")
        try:
            answer = await self._engine.answer(request, decision)
            usage, error = answer.usage, None
            return answer
        except RoundhouseError as failed:
            error = failed
            raise
        finally:
            duration_s = self._clock.monotonic_s() - began_s
            self.record(
                request.caller, request.request_id, request.operation, decision, usage, error, duration_s
            )

    def record(
        self,
        caller: Caller,
        request_id: str,
        operation: Operation,
        decision: Decision,
        usage: Usage,
        error: RoundhouseError | None,
        duration_s: float,
    ) -> None:
        """Leave a record of a call that was made elsewhere; the arguments are those of `Meter.settle`."""
        if self.usage is None:
            return
        record = record_of(
            caller,
            decision,
            usage,
            error,
            at_s=self._clock.now_s(),
            request_id=request_id,
            operation=operation,
            cost_usd=self._prices.cost_usd(decision.target, usage),
            duration_s=duration_s,
        )
        self.usage.record(record)


def record_of(
    caller: Caller,
    decision: Decision,
    usage: Usage,
    error: RoundhouseError | None,
    *,
    at_s: float,
    request_id: str,
    operation: Operation,
    cost_usd: float,
    duration_s: float,
    first_byte_s: float | None = None,
    stream: bool = False,
) -> UsageRecord:
    """The record of one call."""
    return UsageRecord(
        request_id=request_id,
        at_s=at_s,
        key_id=caller.key_id,
        site_id=caller.site_id,
        user_id=caller.user_id,
        app_id=caller.app_id,
        operation=operation,
        requested_model=decision.requested[:_MODEL_CHARS],
        target=decision.target,
        reason=decision.reason,
        attempts=len(decision.attempts),
        cache=decision.cache,
        status=200 if error is None else error.status,
        error_code=None if error is None else error.code,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=cost_usd,
        first_byte_ms=int((first_byte_s or 0.0) * 1000),
        duration_ms=int(duration_s * 1000),
        stream=stream,
        audio_s=usage.audio_s,
    )
