"""One suite over both outgoing HTTP clients, with real sockets: what `core.ports.Http` promises."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from raw_http import Peer, RawServer, always, answer, make_tls, raw_server
from roundhouse.core.errors import (
    AddressRefused,
    BackendBadAnswer,
    BackendDown,
    BackendFailed,
    BackendTimeout,
    BadInput,
)
from roundhouse.core.ports import Endpoint, Http, HttpResponse
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Timeouts
from roundhouse.infra.egress.addresses import OPERATOR_RULES
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.pooled import AiohttpClient
from roundhouse.infra.egress.resolving import Resolver

LIMITS = Timeouts(connect_s=10, first_byte_s=10, idle_s=10, total_s=20)
MIB = 1024 * 1024

Make = Callable[..., Any]


@pytest.fixture(params=[LeanClient, AiohttpClient], ids=["lean", "aiohttp"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    made: list[Any] = []

    def build(resolver: Resolver | None = None, **settings: Any) -> Any:
        made.append(request.param(OutboundSettings(**settings), resolver))
        return made[-1]

    yield build
    for client in made:
        await client.close()


@pytest.fixture
def http(make: Make) -> Http:
    client: Http = make()
    return client


@pytest.fixture
def lean_only(request: pytest.FixtureRequest, http: Http) -> None:
    """What aiohttp does not do; the reason why the lean client is the one that is used."""
    if isinstance(http, AiohttpClient):
        request.applymarker(pytest.mark.xfail(reason="aiohttp does not notice", strict=True))


async def get(http: Http, url: str, limits: Timeouts = LIMITS) -> HttpResponse:
    return await http.endpoint("GET", url).send(timeouts=limits)


async def text(http: Http, url: str, limits: Timeouts = LIMITS) -> bytes:
    return await (await get(http, url, limits)).read()


async def collect(response: HttpResponse) -> bytes:
    return b"".join([piece async for piece in response.pieces()])


async def test_what_is_sent(http: Http) -> None:
    async with raw_server(always(answer())) as server:
        endpoint = http.endpoint(
            "post", f"{server.url}/v1/ch%20at?a=1&b=%2F#part", {"Authorization": "Bearer k", "X-Own": "1"}
        )
        assert await (await endpoint.send(b'{"a":1}', timeouts=LIMITS)).read() == b"ok"
        assert await (await endpoint.send(timeouts=LIMITS)).read() == b"ok"
    first, second = server.requests
    head, _, body = first.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {line.split(": ")[0].lower(): line.split(": ")[1] for line in lines[1:]}
    assert lines[0] == "POST /v1/ch%20at?a=1&b=%2F HTTP/1.1"
    assert headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "roundhouse",
        "accept": "*/*",
        "authorization": "Bearer k",
        "x-own": "1",
        "content-length": "7",
    }
    assert body == b'{"a":1}'
    assert b"content-length: 0" in second.lower()


async def test_large_body_goes_out_whole(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        request = await peer.request()
        server.seen.append(len(request.partition(b"\r\n\r\n")[2]))
        await peer.write(answer())

    async with raw_server(script) as server:
        response = await http.endpoint("POST", server.url).send(b"x" * (5 * MIB), timeouts=LIMITS)
        assert await response.read() == b"ok"
    assert server.seen == [5 * MIB]


class Pieces:
    """A body that is made as it is sent; `gate` holds back all but the first piece."""

    def __init__(self, count: int, gate: asyncio.Event | None = None, fault: Exception | None = None) -> None:
        self.size_bytes = count * MIB
        self.sent = 0
        self._gate = gate
        self._fault = fault

    async def pieces(self) -> AsyncIterator[bytes]:
        for number in range(self.size_bytes // MIB):
            if number and self._fault is not None:
                raise self._fault
            if number and self._gate is not None:
                await self._gate.wait()
            self.sent += 1
            yield b"x" * MIB


async def test_a_body_in_pieces_goes_out_whole_and_the_connection_is_used_again(http: Http) -> None:
    async with raw_server(always(answer())) as server:
        endpoint = http.endpoint("POST", server.url)
        for _ in range(3):
            assert await (await endpoint.send(Pieces(4), timeouts=LIMITS)).read() == b"ok"
    assert [len(request.partition(b"\r\n\r\n")[2]) for request in server.requests] == [4 * MIB] * 3
    assert all(b"content-length: 4194304\r\n" in request.lower() for request in server.requests)
    assert server.connections == 1


async def test_an_answer_before_the_end_of_the_body_is_the_answer(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        server.seen.append(await peer.reader.readuntil(b"\r\n\r\n"))
        await peer.write(answer(b"no", status=b"413 Too Large"))
        await asyncio.sleep(0.05)
        while await peer.reader.read(65536):
            pass

    gate = asyncio.Event()
    async with raw_server(script) as server:
        endpoint = http.endpoint("POST", server.url)
        sending = asyncio.create_task(endpoint.send(Pieces(50, gate), timeouts=LIMITS))
        await asyncio.sleep(0.2)
        gate.set()
        response = await asyncio.wait_for(sending, 5)
        assert (response.status, await response.read()) == (413, b"no")
        # Half a request was sent on it: nothing else is.
        assert await (await endpoint.send(b"{}", timeouts=LIMITS)).read() == b"no"
    assert server.connections == 2


async def test_a_body_that_cannot_be_read_ends_the_call_and_the_connection(
    http: Http, lean_only: None
) -> None:
    async with raw_server(always(answer())) as server:
        endpoint = http.endpoint("POST", server.url)
        with pytest.raises(OSError, match="gone"):
            await endpoint.send(Pieces(3, fault=OSError("gone")), timeouts=LIMITS)
        assert await (await endpoint.send(b"{}", timeouts=LIMITS)).read() == b"ok"
    assert server.connections == 2


async def test_connections_are_used_again(http: Http) -> None:
    async with raw_server(always(answer(b"x" * 3000))) as server:
        for _ in range(5):
            assert len(await text(http, server.url)) == 3000
            assert len(await collect(await get(http, server.url))) == 3000
    assert server.connections == 1


async def test_concurrent_calls_get_their_own_answers(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        while request := await peer.request():
            await asyncio.sleep(0)
            await peer.write(answer(request.split(b" ")[1]))

    async def calls(number: int) -> None:
        for turn in range(5):
            assert await text(http, f"{server.url}/{number}-{turn}") == b"/%d-%d" % (number, turn)

    async with raw_server(script) as server:
        await asyncio.gather(*(calls(number) for number in range(30)))
        assert server.connections <= 30


async def test_status_and_headers(http: Http) -> None:
    async with raw_server(always(answer(b"{}", b"X-One: 1", b"x-ONE: 2", status=b"429 Slow"))) as server:
        response = await get(http, server.url)
        assert (response.status, response.headers["x-one"]) == (429, "1, 2")
        assert await response.read() == b"{}"


async def test_redirects_are_not_followed(http: Http) -> None:
    """A provider's key must not travel to another host."""
    async with raw_server(always(answer())) as other:
        there = f"Location: {other.url}/".encode()
        async with raw_server(always(answer(b"", there, status=b"307 There"))) as server:
            endpoint = http.endpoint("POST", server.url, {"x-api-key": "k", "Authorization": "Bearer k"})
            response = await endpoint.send(b"{}", timeouts=LIMITS)
            assert response.status == 307
            await response.aclose()
        assert other.connections == 0


async def test_cookies_are_not_kept(http: Http) -> None:
    async with raw_server(always(answer(b"", b"Set-Cookie: a=b; Path=/"))) as server:
        await text(http, server.url)
        await text(http, server.url)
    assert all(b"cookie" not in request.lower() for request in server.requests)


async def test_chunks_and_trailers(http: Http) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
    async with raw_server(always(*(chunked[at : at + 7] for at in range(0, len(chunked), 7)))) as server:
        for _ in range(3):
            response = await get(http, server.url)
            assert await collect(response) == b"abcde"
            assert "x-t" not in response.headers


async def test_pieces_come_as_they_are_sent(http: Http) -> None:
    go = asyncio.Event()

    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await go.wait()
        await peer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with raw_server(script) as server:
        pieces = (await get(http, server.url)).pieces()
        assert await anext(pieces) == b"one"
        go.set()
        assert await anext(pieces) == b"two"
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)


@pytest.mark.parametrize("reader", [HttpResponse.read, collect], ids=["read", "pieces"])
async def test_an_answer_without_length_ends_with_the_connection(http: Http, reader: Any) -> None:
    async with raw_server(always(b"HTTP/1.1 200 OK\r\n\r\n", b"one ", b"two", close=True)) as server:
        response = await get(http, server.url)
        whole = await (response.read() if reader is HttpResponse.read else collect(response))
        assert whole == b"one two"
        assert await text(http, server.url) == b"one two"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_answers_without_body(http: Http, status: bytes) -> None:
    async with raw_server(always(b"HTTP/1.1 " + status + b"\r\nX-A: 1\r\n\r\n")) as server:
        for _ in range(2):
            response = await get(http, server.url)
            assert (response.status, await response.read()) == (int(status[:3]), b"")


async def test_head_has_no_body(http: Http) -> None:
    async with raw_server(always(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as server:
        for _ in range(2):
            response = await http.endpoint("HEAD", server.url).send(timeouts=LIMITS)
            assert (response.headers["content-length"], await response.read()) == ("1000", b"")


async def test_interim_answers_are_skipped(http: Http) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n"
    async with raw_server(always(interim, answer())) as server:
        for _ in range(2):
            response = await get(http, server.url)
            assert (response.status, await response.read()) == (200, b"ok")
            assert "x-hint" not in response.headers


async def test_no_server(http: Http) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BackendDown):
            await get(http, f"http://127.0.0.1:{taken.getsockname()[1]}/")


async def test_no_such_name(make: Make) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    with pytest.raises(BackendDown, match="nowhere"):
        await get(make(Resolver(OPERATOR_RULES, lookup)), "http://nowhere.test/")


async def test_connect_time_out(make: Make) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    with pytest.raises(BackendTimeout, match="could not be connected"):
        await get(make(Resolver(OPERATOR_RULES, lookup)), "http://slow.test/", Timeouts(connect_s=0.1))


async def silent(server: RawServer, peer: Peer) -> None:
    await peer.request()
    await peer.closed()
    server.seen.append("closed")


async def dripping_head(server: RawServer, peer: Peer) -> None:
    await peer.request()
    await peer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        await asyncio.sleep(0.02)
        await peer.write(b"X-%d: 1\r\n" % number)


@pytest.mark.parametrize("script", [silent, dripping_head])
async def test_first_byte_time_out(http: Http, script: Any) -> None:
    async with raw_server(script) as server:
        with pytest.raises(BackendTimeout, match="did not begin"):
            await asyncio.wait_for(get(http, server.url, Timeouts(first_byte_s=0.15)), 10)


async def stalling(server: RawServer, peer: Peer) -> None:
    await peer.request()
    await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    await peer.closed()
    server.seen.append("closed")


@pytest.mark.parametrize("reader", ["read", "pieces"])
async def test_idle_time_out(http: Http, reader: str) -> None:
    async with raw_server(stalling) as server:
        response = await get(http, server.url, Timeouts(idle_s=0.15))
        with pytest.raises(BackendTimeout):
            await asyncio.wait_for(response.read() if reader == "read" else collect(response), 10)
        await eventually(lambda: server.seen == ["closed"])


async def test_total_time_out_ends_a_drip(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.02)

    async with raw_server(script) as server:
        response = await get(http, server.url, Timeouts(idle_s=5, total_s=0.4))
        with pytest.raises(BackendTimeout):
            await asyncio.wait_for(collect(response), 10)


async def test_a_long_answer_outlives_the_idle_limit(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            await asyncio.sleep(0.1)
            await peer.write(b"x")

    async with raw_server(script) as server:
        response = await get(http, server.url, Timeouts(first_byte_s=0.9, idle_s=0.9))
        assert await collect(response) == b"x" * 12


async def test_reset_before_the_answer(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        server.requests.append(await peer.request())
        peer.reset()

    async with raw_server(script) as server:
        with pytest.raises(BackendFailed):
            await http.endpoint("POST", server.url).send(b"{}", timeouts=LIMITS)
    assert len(server.requests) == 1, "a request on a fresh connection is not sent twice"


CUT = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc",
]


@pytest.mark.parametrize("sent", CUT)
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_cut_answer_is_never_a_whole_one(http: Http, sent: bytes, how: str) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(sent)
        await asyncio.sleep(0.05)
        if how == "reset":
            peer.reset()

    async with raw_server(script) as server:
        with pytest.raises(BackendFailed):
            await text(http, server.url)
        response = await get(http, server.url)
        got = b""
        with pytest.raises(BackendFailed):
            async for piece in response.pieces():
                got += piece
        assert got == b"abc"


async def test_the_end_is_seen_by_a_busy_reader(http: Http) -> None:
    """The connection is lost while nobody waits on it."""

    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(CUT[0])
        await asyncio.sleep(0.02)
        peer.reset()

    async with raw_server(script) as server:
        pieces = (await get(http, server.url)).pieces()
        assert await anext(pieces) == b"abc"
        await asyncio.sleep(0.2)
        with pytest.raises(BackendFailed):
            await asyncio.wait_for(anext(pieces), 5)


async def test_half_close(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        request = await peer.request()
        await peer.write(answer() if b"/full" in request else b"")
        peer.writer.write_eof()
        await peer.closed()

    async with raw_server(script) as server:
        assert await text(http, f"{server.url}/full") == b"ok"
        assert await text(http, f"{server.url}/full") == b"ok"
        with pytest.raises(BackendFailed):
            await text(http, f"{server.url}/none")


async def test_a_stale_connection_is_replaced(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        server.requests.append(await peer.request())
        await peer.write(answer(b"%d" % peer.number))
        if peer.number == 1:
            server.requests.append(await peer.request())
            peer.reset()
            return
        server.requests.append(await peer.request())

    async with raw_server(script) as server:
        endpoint = http.endpoint("POST", server.url)
        assert await (await endpoint.send(b"a", timeouts=LIMITS)).read() == b"1"
        assert await (await endpoint.send(b"b", timeouts=LIMITS)).read() == b"2"
    assert [request[-1:] for request in server.requests[:3]] == [b"a", b"b", b"b"]


async def test_a_reused_connection_that_fails_after_a_byte_is_not_retried(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        server.requests.append(await peer.request())
        await peer.write(answer())
        server.requests.append(await peer.request())
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        await asyncio.sleep(0.05)

    async with raw_server(script) as server:
        endpoint = http.endpoint("POST", server.url)
        await (await endpoint.send(b"a", timeouts=LIMITS)).read()
        with pytest.raises(BackendFailed):
            await endpoint.send(b"b", timeouts=LIMITS)
        assert len([request for request in server.requests if request]) == 2


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen within 5 s")


async def test_cancelled_before_the_answer_closes_the_connection(http: Http) -> None:
    async with raw_server(silent) as server:
        task = asyncio.create_task(get(http, server.url))
        await eventually(lambda: server.connections == 1)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: server.seen == ["closed"])


@pytest.mark.parametrize("reader", ["read", "pieces"])
async def test_cancelled_in_the_answer_closes_the_connection(http: Http, reader: str) -> None:
    async with raw_server(stalling) as server:
        response = await get(http, server.url)
        task = asyncio.ensure_future(response.read() if reader == "read" else collect(response))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: server.seen == ["closed"])


async def test_giving_up_an_answer_closes_the_connection(http: Http) -> None:
    async with raw_server(stalling) as server:
        response = await get(http, server.url)
        await response.aclose()
        await response.aclose()
        await eventually(lambda: server.seen == ["closed"])


async def test_a_slow_reader_slows_the_server(http: Http) -> None:
    size = 50 * MIB
    piece = b"x" * 65536

    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            await peer.write(piece)
            server.connections += len(piece)

    async with raw_server(script) as server:
        response = await get(http, server.url)
        pieces = response.pieces()
        got = len(await anext(pieces))
        sent = -1
        while sent != server.connections:
            sent = server.connections
            await asyncio.sleep(0.2)
        # What the two socket buffers of the system hold comes on top of what the client holds.
        assert sent < 25 * MIB
        async for data in pieces:
            assert len(data) < 4 * MIB
            got += len(data)
        assert got == size


NOT_HTTP = [
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 2 * MIB + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X-Y: abcdefgh\r\n" * 200_000 + b"\r\n",
]


@pytest.mark.parametrize("sent", NOT_HTTP, ids=["ssh", "lengths", "both", "negative", "long", "many"])
async def test_what_is_not_http(http: Http, sent: bytes) -> None:
    async with raw_server(always(sent, close=True)) as server:
        with pytest.raises(BackendBadAnswer):
            await asyncio.wait_for(text(http, server.url), 20)


async def test_broken_chunks(http: Http) -> None:
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"
    async with raw_server(always(sent)) as server:
        with pytest.raises(BackendFailed):
            await asyncio.wait_for(text(http, server.url), 10)


BODY = b'{"text": "' + b"abc " * 5000 + b'"}'


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        (b"gzip", gzip.compress(BODY)),
        (b"deflate", zlib.compress(BODY)),
        (b"deflate", zlib.compress(BODY)[2:-4]),
    ],
    ids=["gzip", "deflate", "raw-deflate"],
)
@pytest.mark.parametrize("reader", ["read", "pieces"])
async def test_compression_nobody_asked_for(http: Http, name: bytes, packed: bytes, reader: str) -> None:
    async with raw_server(always(answer(packed, b"Content-Encoding: " + name))) as server:
        response = await get(http, server.url)
        assert await (response.read() if reader == "read" else collect(response)) == BODY
    assert b"accept-encoding" not in server.requests[0].lower()


async def test_broken_compression(http: Http) -> None:
    async with raw_server(always(answer(b"abc", b"Content-Encoding: gzip"))) as server:
        with pytest.raises(BackendFailed):
            await text(http, server.url)


@pytest.mark.usefixtures("lean_only")
async def test_cut_compression(http: Http) -> None:
    async with raw_server(always(answer(gzip.compress(BODY)[:-20], b"Content-Encoding: gzip"))) as server:
        with pytest.raises(BackendFailed):
            await text(http, server.url)
        with pytest.raises(BackendFailed):
            await collect(await get(http, server.url))


async def test_compression_that_is_not_known(http: Http) -> None:
    async with raw_server(always(answer(b"abc", b"Content-Encoding: br"))) as server:
        with pytest.raises(BackendBadAnswer):
            await text(http, server.url)


async def test_size_limits(http: Http) -> None:
    bomb = gzip.compress(b"\0" * (8 * MIB))
    async with raw_server(always(answer(bomb, b"Content-Encoding: gzip"))) as server:
        with pytest.raises(BackendBadAnswer, match="larger"):
            await (await get(http, server.url)).read(MIB)
    async with raw_server(always(answer(b"x" * (2 * MIB)))) as server:
        with pytest.raises(BackendBadAnswer, match="larger"):
            await (await get(http, server.url)).read(MIB)
        assert len(await (await get(http, server.url)).read(2 * MIB)) == 2 * MIB


async def test_a_second_answer_to_one_request_is_not_taken(http: Http) -> None:
    """Bytes after the answer must not become the answer to the next request."""
    async with raw_server(always(answer(b"good") + answer(b"forged"))) as server:
        for _ in range(3):
            assert await text(http, server.url) == b"good"


@pytest.mark.usefixtures("lean_only")
async def test_an_answer_nobody_asked_for_is_not_taken(http: Http) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        while await peer.request():
            await peer.write(answer(b"good"))
            await asyncio.sleep(0.02)
            await peer.write(answer(b"forged"))

    async with raw_server(script) as server:
        for _ in range(3):
            assert await text(http, server.url) == b"good"
            await asyncio.sleep(0.1)


async def test_connections_per_host_are_limited(make: Make) -> None:
    http = make(max_connections_per_host=2)
    running = 0
    most = 0

    async def script(server: RawServer, peer: Peer) -> None:
        nonlocal running, most
        while await peer.request():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1
            await peer.write(answer())

    async with raw_server(script) as server:
        assert await asyncio.gather(*(text(http, server.url) for _ in range(8))) == [b"ok"] * 8
        assert most == 2
        assert server.connections == 2


async def test_waiting_for_a_connection_ends(make: Make) -> None:
    http = make(max_connections_per_host=1)
    async with raw_server(silent) as server:
        first = asyncio.create_task(get(http, server.url))
        await eventually(lambda: server.connections == 1)
        with pytest.raises(BackendTimeout):
            await get(http, server.url, Timeouts(connect_s=0.1))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(get(http, server.url))
        await eventually(lambda: server.connections == 2)
        second.cancel()


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("GET", "http://host/\r\nX: 1", {}),
        ("GET", "http://host/\0", {}),
        ("GET", "http://ho st/", {}),
        ("GET", "file:///etc/passwd", {}),
        ("GET", "http://user:pass@host/", {}),
        ("GET", "host/path", {}),
        ("GET", "http://host:99999/", {}),
        ("GET /\r\n", "http://host/", {}),
        ("GET", "http://host/", {"A": "b\r\nC: d"}),
        ("GET", "http://host/", {"A": "b\nC: d"}),
        ("GET", "http://host/", {"A": "b\0"}),
        ("GET", "http://host/", {"A\r\nB": "c"}),
        ("GET", "http://host/", {"A": "é"}),
        ("GET", "http://host/", {"Content-Length": "5"}),
        ("GET", "http://host/", {"transfer-encoding": "chunked"}),
    ],
)
def test_bad_addresses_and_headers(make: Make, method: str, url: str, headers: dict[str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        make().endpoint(method, url, headers)
    assert "pass" not in caught.value.detail.replace("password", "")


REFUSED = ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "100.100.100.200"]


@pytest.mark.parametrize("host", REFUSED)
def test_metadata_addresses_are_refused(make: Make, host: str) -> None:
    with pytest.raises(AddressRefused):
        make().endpoint("GET", f"http://{host}/latest/meta-data")


async def test_names_of_metadata_services_are_refused(make: Make) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["169.254.169.254", "fe80::1%eth0"]

    endpoint: Endpoint = make(Resolver(OPERATOR_RULES, lookup)).endpoint("GET", "http://metadata.test/")
    with pytest.raises(AddressRefused):
        await endpoint.send(timeouts=LIMITS)


async def test_tls(make: Make, tmp_path: Path) -> None:
    tls = make_tls(tmp_path, "localhost", "127.0.0.1")
    names: list[str | None] = []
    tls.server.sni_callback = lambda _socket, name, _context: names.append(name)
    async with raw_server(always(answer(b"x" * MIB)), tls.server) as server:
        http = make(ca_file=tls.ca_file)
        for url in (f"https://localhost:{server.port}/", server.url):
            assert len(await text(http, url)) == MIB
            assert len(await collect(await get(http, url))) == MIB
        assert names[0] == "localhost"
        assert server.connections == 2


async def test_tls_is_verified(make: Make, tmp_path: Path) -> None:
    tls = make_tls(tmp_path, "other.test")
    async with raw_server(always(answer()), tls.server) as server:
        with pytest.raises(BackendDown, match="certificate"):
            await text(make(), server.url)
        with pytest.raises(BackendDown, match="certificate"):
            await text(make(ca_file=tls.ca_file), server.url)
        assert server.requests == []


async def test_tls_to_a_plain_server(make: Make) -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        await peer.reader.read(10)
        await peer.write(answer())

    async with raw_server(script) as server:
        with pytest.raises(BackendFailed):
            await asyncio.wait_for(text(make(), server.url.replace("http:", "https:")), 15)


async def test_missing_ca_file(make: Make, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="ca_file"):
        await text(make(ca_file=tmp_path / "none.pem"), "https://127.0.0.1:1/")


async def test_closing_the_client_ends_running_calls(make: Make) -> None:
    http = make()
    async with raw_server(silent) as server:
        task = asyncio.create_task(get(http, server.url))
        await eventually(lambda: server.connections == 1)
        await asyncio.sleep(0.05)
        await http.close()
        with pytest.raises(BackendFailed):
            await asyncio.wait_for(task, 5)
        await http.close()
