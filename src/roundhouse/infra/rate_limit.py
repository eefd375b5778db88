"""Rate limits per minute by the generic cell rate algorithm, in this process or over Redis.

Each key keeps one number, its theoretical arrival time (TAT): how far into the future its use reaches when
spread evenly. A request is let in while the TAT is less than a minute ahead: a burst of a whole minute once,
then an even refill.

Source:
    ITU-T I.371 (2004), annex A: generic cell rate algorithm, virtual scheduling form.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from roundhouse.core.ports import Clock
from roundhouse.core.settings import CacheSettings
from roundhouse.infra.redis_link import RedisAway, RedisLink

if TYPE_CHECKING:
    from redis.asyncio import Redis

WINDOW_S = 60.0
# Sums of many small floats: without it the last request of a full minute may be refused.
_EPSILON_S = 1e-6

_LUA = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
if tat < now then tat = now end
local next_tat = tat + tonumber(ARGV[1])
local wait = next_tat - now - tonumber(ARGV[2])
if ARGV[3] == '0' and wait > 0.000001 then
  return {tostring(wait), tostring(tat - now)}
end
redis.call('SET', KEYS[1], string.format('%.6f', next_tat), 'PX', math.max(1, math.ceil((next_tat - now) *
1000))) return {'0', tostring(next_tat - now)}
"""


class MemoryRateLimiter:
    """Counts in this process; an answer takes well under a microsecond.

    Args:
        clock: Time.
        max_keys: Above this many, keys that are idle (nothing used) are forgotten, then those closest to it.
    """

    def __init__(self, clock: Clock, max_keys: int = 100_000) -> None:
        self._now_s = clock.monotonic_s
        self._max_keys = max_keys
        self._tat_s: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._tat_s)

    def take(self, key: str, amount: float, per_minute: float) -> float:
        """Take `amount` if there is room: 0.0 = taken; > 0 = refused, seconds to wait."""
        now_s = self._now_s()
        tat_s = self._tat_s.get(key, now_s)
        if tat_s < now_s:
            tat_s = now_s
        # What is larger than a whole minute would never be let in.
        next_s = tat_s + min(amount, per_minute) * WINDOW_S / per_minute
        wait_s = next_s - now_s - WINDOW_S
        if wait_s > _EPSILON_S:
            return wait_s
        self._put(key, next_s, now_s)
        return 0.0

    def charge(self, key: str, amount: float, per_minute: float) -> None:
        """Count `amount` that was already used; never refuses."""
        now_s = self._now_s()
        tat_s = max(self._tat_s.get(key, now_s), now_s)
        self._put(key, tat_s + amount * WINDOW_S / per_minute, now_s)

    def left(self, key: str, per_minute: float) -> float:
        """How much may be taken now."""
        now_s = self._now_s()
        ahead_s = max(0.0, self._tat_s.get(key, now_s) - now_s)
        return max(0.0, per_minute * (1 - ahead_s / WINDOW_S))

    async def close(self) -> None:
        """Forget everything."""
        self._tat_s.clear()

    def _put(self, key: str, tat_s: float, now_s: float) -> None:
        self._tat_s[key] = tat_s
        if len(self._tat_s) > self._max_keys:
            busy = sorted((item for item in self._tat_s.items() if item[1] > now_s), key=lambda item: item[1])
            # Half, so that a full table is not swept at every request.
            self._tat_s = dict(busy[-(self._max_keys // 2) :])


class RedisRateLimiter:
    """Counts in Redis, one script per request; in this process while Redis is away.

    Args:
        link: The line to Redis.
        clock: Time.
        prefix: Put before every key.
    """

    _MAX_CHARGES = 10_000

    def __init__(self, link: RedisLink, clock: Clock, prefix: str = "roundhouse:rate:") -> None:
        self._link = link
        self._prefix = prefix
        self._local = MemoryRateLimiter(clock)
        self._charges: set[asyncio.Task[None]] = set()

    async def take(self, key: str, amount: float, per_minute: float) -> float:
        """Take `amount` if there is room: 0.0 = taken; > 0 = refused, seconds to wait."""
        try:
            wait_s = await self._run(key, min(amount, per_minute) * WINDOW_S / per_minute, force=False)
        except RedisAway:
            return self._local.take(key, amount, per_minute)
        if wait_s == 0.0:
            # Kept alongside: it answers `left`, and takes over where Redis left off.
            self._local.charge(key, amount, per_minute)
        return wait_s

    def charge(self, key: str, amount: float, per_minute: float) -> None:
        """Count `amount` that was already used; Redis hears of it in the background."""
        self._local.charge(key, amount, per_minute)
        if len(self._charges) >= self._MAX_CHARGES:
            return
        task = asyncio.get_running_loop().create_task(self._charge(key, amount * WINDOW_S / per_minute))
        self._charges.add(task)
        task.add_done_callback(self._charges.discard)

    def left(self, key: str, per_minute: float) -> float:
        """How much may be taken now, as far as this process knows."""
        return self._local.left(key, per_minute)

    async def close(self) -> None:
        """Finish what is on its way and close the line."""
        if self._charges:
            await asyncio.wait(self._charges, timeout=1.0)
        await self._link.close()

    async def _charge(self, key: str, cost_s: float) -> None:
        try:
            await self._run(key, cost_s, force=True)
        except RedisAway:
            return

    async def _run(self, key: str, cost_s: float, *, force: bool) -> float:
        async def command(redis: Redis) -> float:
            answer = await redis.eval(
                _LUA, 1, self._prefix + key, repr(cost_s), repr(WINDOW_S), "1" if force else "0"
            )
            return float(answer[0])

        return await self._link.call(command)


def make_rate_limiter(settings: CacheSettings, clock: Clock) -> MemoryRateLimiter | RedisRateLimiter:
    """The limiter that the settings name; raises MissingExtra, BadInput."""
    return (
        RedisRateLimiter(RedisLink(settings.url, clock), clock) if settings.url else MemoryRateLimiter(clock)
    )
