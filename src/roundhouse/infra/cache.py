"""Caches: bytes by key for a while, in this process or in Redis."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ports import Cache, Clock
from roundhouse.core.settings import CacheSettings
from roundhouse.infra.redis_link import RedisAway, RedisLink

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PAGE = 500
_OVERHEAD_BYTES = 200
"""What an entry costs besides its key and value, about."""


class MemoryCache:
    """Least recently used entries leave first, counted in bytes.

    Args:
        max_bytes: Memory for all entries.
        clock: Time.
    """

    def __init__(self, max_bytes: int, clock: Clock) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self.used_bytes = 0

    async def get(self, key: str) -> bytes | None:
        """The value, None when absent or expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] <= self._clock.monotonic_s():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry[0]

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds, unless it is larger than the whole cache."""
        self._drop(key)
        size = _size(key, value)
        if ttl_s <= 0 or size > self._max_bytes:
            return
        self._entries[key] = (value, self._clock.monotonic_s() + ttl_s)
        self.used_bytes += size
        while self.used_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    async def delete(self, key: str) -> None:
        """Forget the value."""
        self._drop(key)

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.used_bytes = 0

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used_bytes -= _size(key, entry[0])


class RedisCache:
    """Shared between processes. While Redis is away everything is a miss.

    Args:
        link: The line to Redis.
        prefix: Put before every key.
    """

    def __init__(self, link: RedisLink, prefix: str = "roundhouse:cache:") -> None:
        self._link = link
        self._prefix = prefix

    async def get(self, key: str) -> bytes | None:
        """The value, None when absent, expired, or Redis is away."""

        async def command(redis: Redis) -> bytes | None:
            found = await redis.get(self._prefix + key)
            return found.encode() if isinstance(found, str) else found

        try:
            return await self._link.call(command)
        except RedisAway:
            return None

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds, if Redis is there."""
        if ttl_s <= 0:
            await self.delete(key)
            return

        async def command(redis: Redis) -> None:
            await redis.set(self._prefix + key, value, px=max(1, int(ttl_s * 1000)))

        await self._try(command)

    async def delete(self, key: str) -> None:
        """Forget the value, if Redis is there."""

        async def command(redis: Redis) -> None:
            await redis.delete(self._prefix + key)

        await self._try(command)

    async def held(self) -> tuple[int, int]:
        """How many entries there are, and the bytes of their values.

        Raises:
            StorageUnavailable: Redis does not answer.
        """

        async def measure(redis: Redis, keys: list[bytes | str]) -> int:
            async with redis.pipeline(transaction=False) as lengths:
                for key in keys:
                    lengths.strlen(key)
                return sum(await lengths.execute())

        return await self._every(measure)

    async def clear(self) -> int:
        """Forget every entry; how many they were.

        Raises:
            StorageUnavailable: Redis does not answer.
        """

        async def unlink(redis: Redis, keys: list[bytes | str]) -> int:
            return int(await redis.unlink(*keys))

        return (await self._every(unlink))[1]

    async def _every(self, work: Callable[[Redis, list[bytes | str]], Awaitable[int]]) -> tuple[int, int]:
        """Number of all entries, and the sum of what `work` says of them, page by page."""
        found = total = cursor = 0
        pattern = f"{self._prefix}*"

        async def page(redis: Redis) -> tuple[int, int, int]:
            following, keys = await redis.scan(cursor, match=pattern, count=_PAGE)
            return int(following), len(keys), await work(redis, list(keys)) if keys else 0

        while True:
            try:
                cursor, count, sum_of_page = await self._link.call(page)
            except RedisAway:
                raise StorageUnavailable("Redis does not answer.") from None
            found, total = found + count, total + sum_of_page
            if cursor == 0:
                return found, total

    async def close(self) -> None:
        """Close the line."""
        await self._link.close()

    async def _try(self, command: Callable[[Redis], Awaitable[None]]) -> None:
        try:
            await self._link.call(command)
        except RedisAway:
            return


def make_cache(settings: CacheSettings, clock: Clock) -> Cache:
    """The cache that the settings name; raises MissingExtra, BadInput."""
    if settings.url:
        return RedisCache(RedisLink(settings.url, clock))
    return MemoryCache(settings.max_mib * 1024 * 1024, clock)


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _OVERHEAD_BYTES
