"""Answers kept in Redis: counted, and forgotten."""

from __future__ import annotations

import pytest

from roundhouse.core.errors import StorageUnavailable
from roundhouse.features.ops.sources.leftovers import Responses
from roundhouse.infra.cache import RedisCache
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.redis_link import RedisLink

pytestmark = pytest.mark.redis


async def test_all_answers_go_and_nothing_else(redis_url: str) -> None:
    link = RedisLink(redis_url, SystemClock(), timeout_s=5.0)
    cache = RedisCache(link, prefix="roundhouse:test-upkeep:")
    other = RedisCache(link, prefix="roundhouse:test-other:")
    source = Responses(cache)
    assert await source.find(0.0) == []
    for number in range(1200):
        await cache.set(str(number), b"x" * 10, ttl_s=60)
    await other.set("kept", b"x", ttl_s=60)
    (found,) = await source.find(0.0)
    assert (found.kind, found.label, found.size_bytes) == ("responses", "1200 answers", 12_000)
    assert await source.remove(found, 0.0)
    assert not await source.remove(found, 0.0)
    assert await source.find(0.0) == []
    assert await other.get("kept") == b"x"
    await other.delete("kept")
    await cache.close()


async def test_a_redis_that_is_away_is_told() -> None:
    cache = RedisCache(RedisLink("redis://127.0.0.1:1/0", SystemClock()))
    with pytest.raises(StorageUnavailable, match="Redis does not answer"):
        await Responses(cache).find(0.0)
    await cache.close()
