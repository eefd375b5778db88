"""What a call of a model costs its caller: limits, the record of use, metrics."""

from __future__ import annotations

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock, Gatekeeper, Observer, Prices, UsageSink
from roundhouse.core.types import Caller, Decision, Operation, Usage, UsageRecord

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
            usage: Its tokens.
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
        record = UsageRecord(
            request_id=request_id,
            at_s=self.clock.now_s(),
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
        )
        self.usage.record(record)
        self.observer.observe(record)
        return cost_usd
