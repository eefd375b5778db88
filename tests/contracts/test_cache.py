import asyncio
import secrets

import pytest

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import CacheSettings
from roundhouse.infra.cache import MemoryCache, RedisCache, make_cache
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.redis_link import RedisLink


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def cache(request):
    if request.param == "memory":
        made = MemoryCache(1024 * 1024, SystemClock())
    else:
        link = RedisLink(request.getfixturevalue("redis_url"), SystemClock(), timeout_s=5.0)
        made = RedisCache(link, f"test:{secrets.token_hex(6)}:")
    yield made
    await made.close()


async def test_what_was_set_is_got(cache):
    assert await cache.get("a") is None
    await cache.set("a", b"\x00\xff one", ttl_s=60)
    await cache.set("b", b"", ttl_s=60)
    assert await cache.get("a") == b"\x00\xff one"
    assert await cache.get("b") == b""
    await cache.set("a", b"two", ttl_s=60)
    assert await cache.get("a") == b"two"


async def test_delete(cache):
    await cache.delete("a")
    await cache.set("a", b"one", ttl_s=60)
    await cache.delete("a")
    assert await cache.get("a") is None


async def test_values_end(cache):
    await cache.set("a", b"one", ttl_s=0.02)
    await asyncio.sleep(0.1)
    assert await cache.get("a") is None


async def test_no_time_to_live_forgets(cache):
    await cache.set("a", b"one", ttl_s=60)
    await cache.set("a", b"two", ttl_s=0)
    assert await cache.get("a") is None


async def test_memory_stays_bounded_and_keeps_what_is_used(turned_clock):
    cache = MemoryCache(10_000, turned_clock)
    await cache.set("used", b"x" * 1000, ttl_s=60)
    for number in range(100):
        await cache.set(f"k{number}", b"y" * 1000, ttl_s=60)
        assert await cache.get("used") is not None
        assert cache.used_bytes <= 10_000
    assert await cache.get("k0") is None
    await cache.set("huge", b"z" * 20_000, ttl_s=60)
    assert await cache.get("huge") is None
    assert await cache.get("used") is not None
    turned_clock.turn(61)
    assert await cache.get("used") is None


async def test_redis_away_is_a_miss_and_is_not_asked_at_every_call(turned_clock, logged):
    cache = RedisCache(RedisLink("redis://127.0.0.1:1/0", turned_clock))
    await cache.set("a", b"one", ttl_s=60)
    assert await cache.get("a") is None
    await cache.delete("a")
    assert [line["event"] for line in logged] == ["redis_away"]
    await cache.close()


async def test_redis_that_hangs_is_given_up_and_comes_back(turned_clock, logged):
    answers = asyncio.Event()
    calls = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        while data := await reader.read(4096):
            calls += 1
            if answers.is_set():
                writer.write(b"$3\r\none\r\n" if b"GET" in data else b"+OK\r\n" * data.count(b"*"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cache = RedisCache(RedisLink(f"redis://127.0.0.1:{port}/0?protocol=2", turned_clock, timeout_s=0.2))
    assert await cache.get("a") is None
    asked = calls
    assert await cache.get("a") is None
    assert calls == asked
    answers.set()
    turned_clock.turn(2)
    assert await cache.get("a") == b"one"
    assert [line["event"] for line in logged] == ["redis_away", "redis_back"]
    await cache.close()
    server.close()


def test_settings_choose(redis_url):
    assert isinstance(make_cache(CacheSettings(), SystemClock()), MemoryCache)
    assert isinstance(make_cache(CacheSettings(url=redis_url), SystemClock()), RedisCache)
    with pytest.raises(BadInput):
        make_cache(CacheSettings(url="http://127.0.0.1"), SystemClock())
