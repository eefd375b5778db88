"""What the lean client does beyond the contract: its pool, its sweep, its races."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from raw_http import Peer, RawServer, always, answer, raw_server
from roundhouse.core.errors import BackendDown, BackendFailed, BackendTimeout
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Timeouts
from roundhouse.infra.egress.addresses import OPERATOR_RULES
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.resolving import Resolver

LIMITS = Timeouts(connect_s=10, first_byte_s=10, idle_s=10, total_s=20)


@pytest.fixture
async def http() -> AsyncIterator[LeanClient]:
    client = LeanClient(OutboundSettings())
    yield client
    await client.close()


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen within 5 s")


async def text(http: LeanClient, url: str, limits: Timeouts = LIMITS, body: bytes = b"") -> bytes:
    method = "POST" if body else "GET"
    return await (await http.endpoint(method, url).send(body, timeouts=limits)).read()


@pytest.mark.parametrize("told", [b"timeout=1", b"timeout=0, max=5", b"max=5, timeout=1"])
async def test_a_server_that_keeps_connections_shortly(http: LeanClient, told: bytes) -> None:
    async with raw_server(always(answer(b"ok", b"Keep-Alive: " + told))) as server:
        for _ in range(3):
            await text(http, server.url)
            await asyncio.sleep(0.01)
        assert server.connections == 3


async def test_idle_connections_are_closed_by_the_sweep(http: LeanClient) -> None:
    closed: list[int] = []

    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(answer(b"ok", b"Keep-Alive: timeout=1"))
        await peer.closed()
        closed.append(peer.number)

    async with raw_server(script) as server:
        await text(http, server.url)
        await eventually(lambda: closed == [1])


async def test_an_answer_before_the_request_is_out(http: LeanClient) -> None:
    """A server that refuses a large upload early must not get its rest as a request."""

    async def script(server: RawServer, peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.write(answer(b"no", status=b"413 Large"))
        await peer.closed()

    async with raw_server(script) as server:
        for _ in range(2):
            endpoint = http.endpoint("POST", server.url)
            response = await endpoint.send(b"x" * 30_000_000, timeouts=LIMITS)
            assert (response.status, await response.read()) == (413, b"no")
        assert server.connections == 2


async def test_no_call_is_left_in_the_sweep(http: LeanClient) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        while request := await peer.request():
            if b"/reset" in request:
                peer.reset()
                return
            if b"/hang" in request:
                await peer.closed()
                return
            await peer.write(b"nonsense\r\n" if b"/bad" in request else answer())

    short = Timeouts(connect_s=5, first_byte_s=0.05, idle_s=5, total_s=5)

    async def call(path: str) -> None:
        with contextlib.suppress(BackendFailed):
            await text(http, server.url + path, short if path == "/hang" else LIMITS)

    async with raw_server(script) as server:
        await asyncio.gather(*(call(path) for path in ("/ok", "/reset", "/hang", "/bad") * 5))
        assert not http._active
        pool = next(iter(http._hosts.values()))
        assert pool._open == len(pool._idle)
        assert not pool._waiters


async def test_cancelling_at_any_moment_keeps_the_count() -> None:
    """A call is cancelled after each number of turns of the loop; the pool of one must stay usable."""
    http = LeanClient(OutboundSettings(max_connections_per_host=1))

    async def script(server: RawServer, peer: Peer) -> None:
        while await peer.request():
            await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            await asyncio.sleep(0)
            await peer.write(b"body")

    async with raw_server(script) as server:
        for turns in range(40):
            tasks = [asyncio.create_task(text(http, server.url)) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            tasks[turns % 3].cancel()
            results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
            for at, result in enumerate(results):
                assert result == b"body" or (at == turns % 3 and isinstance(result, asyncio.CancelledError))
        pool = next(iter(http._hosts.values()))
        assert pool._open == len(pool._idle) <= 1
        assert not http._active
    await http.close()


async def test_the_next_address_is_tried() -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.3", "127.0.0.1"]

    http = LeanClient(OutboundSettings(), Resolver(OPERATOR_RULES, lookup))
    async with raw_server(always(answer(), close=True)) as server:
        for _ in range(3):
            assert await text(http, f"http://two.test:{server.port}/") == b"ok"
        with pytest.raises(BackendDown):
            await text(http, "http://two.test:1/")
    await http.close()
    assert asked == ["two.test"] * 2, "an answer of the resolver is used again"


async def test_time_limits_are_seen_by_one_sweep(http: LeanClient) -> None:
    """Many calls wait; a later one with a short limit does not wait for the coarse sweep of the others."""

    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.closed()

    async with raw_server(script) as server:
        slow = [asyncio.create_task(text(http, server.url)) for _ in range(20)]
        await eventually(lambda: server.connections == 20)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(BackendTimeout):
            await text(http, server.url, Timeouts(first_byte_s=0.02))
        assert loop.time() - began_s < 5
        assert not any(task.done() for task in slow)
        await http.close()
        for result in await asyncio.gather(*slow, return_exceptions=True):
            assert isinstance(result, BackendFailed)


async def test_a_paused_answer_is_not_an_idle_one(http: LeanClient) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
        for _ in range(20):
            await peer.write(b"x" * 1_000_000)

    async with raw_server(script) as server:
        response = await http.endpoint("GET", server.url).send(timeouts=Timeouts(idle_s=0.2))
        pieces = response.pieces()
        got = len(await anext(pieces))
        await asyncio.sleep(0.6)
        assert response.buffered_bytes < 1024 * 1024
        async for piece in pieces:
            got += len(piece)
        assert got == 20_000_000


async def test_reading_at_a_beat(http: LeanClient) -> None:
    """What comes between two beats is read at once at the second; the next answer comes as it comes."""
    go_on = asyncio.Event()

    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for letter in b"abcde":
            await peer.write(b"1\r\n%c\r\n" % letter)
            await asyncio.sleep(0.02)
        await go_on.wait()
        await peer.write(b"1\r\nf\r\n0\r\n\r\n")
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await asyncio.sleep(0.05)
        await peer.write(b"k")

    beats: list[Callable[[], None]] = []
    async with raw_server(script) as server:
        response = await http.endpoint("GET", server.url).send(timeouts=LIMITS)
        pieces = response.pieces(beats.append)
        assert [await anext(pieces), await anext(pieces)] == [b"a", b"b"]
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0.3)
        if sys.platform == "linux":
            assert not waiting.done()
        beats.pop()()
        rest = await waiting
        go_on.set()
        while beats:
            await asyncio.sleep(0.02)
            beats.pop()()
        async for piece in pieces:
            rest += piece
        assert rest == b"cdef"
        assert await asyncio.wait_for(text(http, server.url), 5) == b"ok"
        assert server.connections == 1


async def test_endless_trailers_are_cut(http: LeanClient) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-T: ")
        while True:
            await peer.write(b"a" * 65536)

    async with raw_server(script) as server:
        with pytest.raises(BackendFailed, match="headers of more"):
            await asyncio.wait_for(text(http, server.url), 10)


async def test_no_upgrade(http: LeanClient) -> None:
    switch = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nxyz"
    async with raw_server(always(switch)) as server:
        with pytest.raises(BackendFailed, match="not HTTP"):
            await text(http, server.url)


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"identity"])
async def test_transfer_codings_nobody_asked_for(http: LeanClient, coding: bytes) -> None:
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + coding + b"\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    async with raw_server(always(sent, close=True)) as server:
        with pytest.raises(BackendFailed):
            await text(http, server.url)


async def test_a_host_header_may_be_given(http: LeanClient) -> None:
    async with raw_server(always(answer())) as server:
        endpoint = http.endpoint(
            "GET", server.url, {"Host": "models.test", "user-agent": "mine", "Accept": "a/b"}
        )
        await (await endpoint.send(timeouts=LIMITS)).read()
    lines = server.requests[0].decode().split("\r\n")
    assert sorted(lines[1:-2]) == ["Accept: a/b", "Host: models.test", "user-agent: mine"]


async def test_stale_connections_are_dropped_together(http: LeanClient) -> None:
    """After a restart of the server all idle connections are stale; one call must not try them one by one."""
    dead = asyncio.Event()

    async def script(server: RawServer, peer: Peer) -> None:
        while request := await peer.request():
            server.requests.append(request)
            if dead.is_set() and peer.number <= 5:
                peer.reset()
                return
            await asyncio.sleep(0.02)
            await peer.write(answer())

    async with raw_server(script) as server:
        await asyncio.gather(*(text(http, server.url, body=b"x") for _ in range(5)))
        assert server.connections == 5
        dead.set()
        assert await text(http, server.url, body=b"y") == b"ok"
        assert (server.connections, len(server.requests)) == (6, 7)


async def test_connection_objects_do_not_pile_up(http: LeanClient) -> None:
    async with raw_server(always(answer(), close=True)) as server:
        for _ in range(50):
            await text(http, server.url)
        pool: Any = next(iter(http._hosts.values()))
        await eventually(lambda: pool._open == 0)
        assert not pool._idle
