"""The line to Redis: short time-outs, one warning when it goes away, and no waiting while it is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import structlog

from roundhouse.core.errors import BadInput, MissingExtra
from roundhouse.core.ports import Clock

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class RedisAway(Exception):
    """Redis does not answer; never leaves `infra`."""


class RedisLink:
    """A client that fails fast: after a failure it is left alone for a second.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        clock: Time.
        timeout_s: Longest wait for a connection or an answer.

    Raises:
        MissingExtra: The redis library is not installed.
        BadInput: The URL is not one of Redis.
    """

    RETRY_S = 1.0
    MAX_CONNECTIONS = 32

    def __init__(self, url: str, clock: Clock, timeout_s: float = 0.25) -> None:
        try:
            import redis.asyncio as redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ModuleNotFoundError:
            raise MissingExtra("A shared cache needs redis: pip install 'roundhouse[redis]'") from None
        try:
            pool = redis.BlockingConnectionPool.from_url(
                url,
                max_connections=self.MAX_CONNECTIONS,
                timeout=timeout_s,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                # Once: after a restart of Redis every pooled connection is stale.
                retry=Retry(NoBackoff(), 1),
            )
        except ValueError:
            raise BadInput(
                "The cache URL must begin with redis://, rediss:// or unix://.", param="cache.url"
            ) from None
        self._client: Redis = redis.Redis(connection_pool=pool)
        self._errors = (redis.RedisError, OSError, TimeoutError)
        self._clock = clock
        self._away_until_s: float | None = None

    async def call(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Run one command.

        Raises:
            RedisAway: It failed, or failed less than a second ago.
        """
        if self._away_until_s is not None and self._clock.monotonic_s() < self._away_until_s:
            raise RedisAway
        try:
            answer = await command(self._client)
        except self._errors as error:
            if self._away_until_s is None:
                _log.warning("redis_away", error=type(error).__name__)
            self._away_until_s = self._clock.monotonic_s() + self.RETRY_S
            raise RedisAway from None
        if self._away_until_s is not None:
            self._away_until_s = None
            _log.info("redis_back")
        return answer

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await self._client.connection_pool.disconnect()
