"""The listening server over real sockets: limits, drain, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from roundhouse.core.errors import BackendDown, BadInput, Conflict, RoundhouseError
from roundhouse.core.settings import ServerSettings
from roundhouse.infra.server import Listener, bind
from roundhouse.infra.web import CONNECTION


class App:
    """`/` answers, `/echo` reads the body, `/stream` sends until told to stop, `/slow` reads when allowed."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.stop = asyncio.Event()
        self.go = asyncio.Event()
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        self.scopes.append(scope)
        await getattr(self, scope["path"][1:] or "root")(scope, receive, send)

    async def lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.events.append("shut down")
        await send({"type": "lifespan.shutdown.complete"})

    async def root(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(send, b"hello")

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.events.append("disconnected")
                return
            body += message["body"]
            if not message["more_body"]:
                break
        await self.answer(send, b"%d" % len(body))

    async def slow(self, scope: Any, receive: Any, send: Any) -> None:
        await self.go.wait()
        await self.echo(scope, receive, send)

    async def early(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(send, b"enough")

    async def stream(self, scope: Any, receive: Any, send: Any) -> None:
        self.events.append("began")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
        self.watch(scope)
        try:
            while not self.stop.is_set():
                await send({"type": "http.response.body", "body": b"piece\n", "more_body": True})
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.events.append("cancelled")
            raise
        await send({"type": "http.response.body", "body": b"end\n"})

    async def flood(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.watch(scope)
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})

    @staticmethod
    def watch(scope: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        scope["extensions"][CONNECTION].watch(task.cancel)

    @staticmethod
    async def answer(send: Any, body: bytes) -> None:
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Running:
    def __init__(self, app: App, **settings: Any) -> None:
        self.app = app
        self.urls: list[str] = []
        self.listener = Listener(
            app, ServerSettings(port=0, **settings), self.urls.append, lambda: app.events.append("draining")
        )
        self.task = asyncio.create_task(self.listener.run())

    @property
    def port(self) -> int:
        return int(self.urls[0].rsplit(":", 1)[1])

    async def client(self) -> Client:
        return Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**22))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(lines[0].split(" ")[1]), headers, body

    async def closed(self) -> bytes:
        """What still comes until the server closes."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(), 10)
        return b""


@contextlib.asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Running]:
    server = Running(App(), **settings)
    await eventually(lambda: bool(server.urls) or server.task.done())
    try:
        yield server
    finally:
        server.app.go.set()
        server.listener.stop()
        server.listener.stop()
        await asyncio.wait_for(server.task, 10)


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen within 10 s")


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_answers_and_keeps_the_connection() -> None:
    async with running() as server:
        client = await server.client()
        for _ in range(3):
            await client.send(GET)
            status, headers, body = await client.answer()
            assert (status, body) == (200, b"hello")
            assert "server" not in headers
        await client.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
        )
        assert (await client.answer())[2] == b"300000"
    assert server.app.events == ["draining"]


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with running() as server:
        client = await server.client()
        await client.send(GET * 5 + b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET)
        assert [(await client.answer())[2] for _ in range(7)] == [b"hello"] * 5 + [b"3", b"hello"]


async def test_a_large_body_does_not_count_as_the_next_head() -> None:
    async with running() as server:
        client = await server.client()
        for split in (5, 20, len(GET)):
            post = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 250000\r\n\r\n" + b"x" * 250_000
            await client.send(post + GET[:split])
            assert (await client.answer())[2] == b"250000"
            await client.send(GET[split:])
            assert (await client.answer())[2] == b"hello"


async def test_a_flood_of_pipelined_requests_is_cut() -> None:
    async with running() as server:
        client = await server.client()
        await client.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" * 500)
        await client.closed()
        assert len(server.app.scopes) <= 1


@pytest.mark.parametrize("sent", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-A", b"GET / HTTP/1.1\r\n"])
async def test_headers_that_never_end(sent: bytes) -> None:
    async with running(header_timeout_s=0.2) as server:
        client = await server.client()
        await client.send(sent)
        status, headers, body = await client.answer()
        assert (status, headers["connection"]) == (408, "close")
        assert json.loads(body)["error"]["code"] == "request_timeout"
        assert await client.closed() == b""
        assert server.app.scopes == []


async def test_slow_loris_does_not_win_by_dripping() -> None:
    async with running(header_timeout_s=0.3) as server:
        client = await server.client()
        await client.send(b"GET / HTTP/1.1\r\n")

        async def drip() -> None:
            for number in range(1000):
                await client.send(b"X-%d: 1\r\n" % number)
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        # Whoever sends into a connection that is being closed may be reset before it has read the answer.
        with contextlib.suppress(ConnectionResetError):
            assert (await client.answer())[0] == 408
        await client.closed()
        assert server.app.scopes == []
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_the_limit_counts_anew_for_each_request() -> None:
    async with running(header_timeout_s=0.4) as server:
        client = await server.client()
        for _ in range(4):
            await client.send(GET[:10])
            await asyncio.sleep(0.2)
            await client.send(GET[10:])
            assert (await client.answer())[0] == 200
        await client.send(GET[:10])
        assert (await client.answer())[0] == 408


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", GET])
async def test_idle_connections_are_closed(sent: bytes) -> None:
    async with running(header_timeout_s=0.2, keep_alive_s=0.2) as server:
        client = await server.client()
        await client.send(sent)
        if sent == GET:
            assert (await client.answer())[0] == 200
        assert await client.closed() == b""


async def test_a_body_that_stops_coming() -> None:
    async with running(body_timeout_s=0.3) as server:
        client = await server.client()
        await client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        status, _, body = await client.answer()
        assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
        assert await client.closed() == b""
        await eventually(lambda: server.app.events == ["disconnected"])


async def test_a_slow_body_that_keeps_coming_is_taken() -> None:
    async with running(body_timeout_s=1.0, header_timeout_s=0.5) as server:
        client = await server.client()
        await client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n")
        for _ in range(15):
            await asyncio.sleep(0.1)
            await client.send(b"x")
        assert (await client.answer())[2] == b"15"


async def test_a_body_nobody_reads_is_not_the_clients_fault() -> None:
    async with running(body_timeout_s=0.2) as server:
        client = await server.client()
        sending = asyncio.create_task(
            client.send(
                b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000
            )
        )
        await asyncio.sleep(0.6)
        server.app.go.set()
        assert (await client.answer())[2] == b"9000000"
        await sending


async def test_expecting_continue_is_not_a_pause() -> None:
    async with running(body_timeout_s=0.2) as server:
        client = await server.client()
        await client.send(
            b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        await asyncio.sleep(0.5)
        server.app.go.set()
        assert (await client.answer())[0] == 100
        await client.send(b"ab")
        assert (await client.answer())[2] == b"2"


async def test_a_body_after_its_answer_ends() -> None:
    async with running() as server:
        client = await server.client()
        await client.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nab")
        assert (await client.answer())[2] == b"enough"

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    await client.send(b"x")
                    await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await client.closed() == b""
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_a_client_that_takes_nothing() -> None:
    async with running(body_timeout_s=0.3) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.2)
        running_tasks = server.listener._server.server_state.tasks
        assert running_tasks
        await eventually(lambda: not running_tasks)
        writer.close()
        del reader


async def test_too_many_connections() -> None:
    async with running(max_connections=3) as server:
        clients = [await server.client() for _ in range(3)]
        for client in clients:
            await client.send(GET)
            assert (await client.answer())[0] == 200
        late = await server.client()
        await late.send(GET)
        status, headers, body = await late.answer()
        assert (status, headers["connection"]) == (503, "close")
        assert int(headers["retry-after"]) >= 1
        assert json.loads(body)["error"]["code"] == "busy"
        assert await late.closed() == b""
        clients[0].writer.close()
        await asyncio.sleep(0.1)
        again = await server.client()
        await again.send(GET)
        assert (await again.answer())[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 1_000_000,
    ],
    ids=["many", "long", "url", "endless"],
)
async def test_large_headers(head: bytes) -> None:
    async with running() as server:
        client = await server.client()
        with contextlib.suppress(ConnectionError):
            await client.send(head)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            status, _, body = await client.answer()
            assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")
        await client.closed()
        assert server.app.scopes == []


async def test_trailers_are_no_headers() -> None:
    async with running() as server:
        client = await server.client()
        await client.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nab\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
        )
        assert (await client.answer())[2] == b"2"
        assert all(name != b"authorization" for name, _ in server.app.scopes[0]["headers"])


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX A: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-A: a\0b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_not_http(sent: bytes) -> None:
    async with running() as server:
        client = await server.client()
        await client.send(sent)
        status, headers, body = await client.answer()
        assert (status, json.loads(body)["error"]["code"]) == (400, "bad_input")
        assert headers["content-type"] == "application/problem+json"
        assert server.app.scopes == []


async def test_a_lost_client_cancels_its_request() -> None:
    async with running() as server:
        client = await server.client()
        await client.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.reader.readuntil(b"piece")
        client.writer.transport.abort()
        await eventually(lambda: server.app.events == ["began", "cancelled"])


async def test_drain_lets_a_stream_end() -> None:
    async with running(drain_s=20) as server:
        client, idle = await server.client(), await server.client()
        await idle.send(GET)
        await idle.answer()
        await client.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.reader.readuntil(b"piece")
        server.listener.stop()
        assert server.app.events == ["began", "draining"], "told before anything is closed"
        assert await idle.closed() == b""
        with pytest.raises(ConnectionError):
            for _ in range(100):
                await server.client()
                await asyncio.sleep(0.02)
        assert not server.task.done()
        server.app.stop.set()
        rest = await client.closed()
        assert b"end\n" in rest
        await asyncio.wait_for(server.task, 10)
        assert server.app.events == ["began", "draining", "shut down"]


async def test_drain_ends_in_time() -> None:
    async with running(drain_s=0.3) as server:
        client = await server.client()
        await client.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.reader.readuntil(b"piece")
        server.listener.stop()
        await asyncio.wait_for(server.task, 10)
        assert server.app.events == ["began", "draining", "cancelled", "shut down"]
        assert b"end" not in await client.closed()


async def test_a_second_stop_ends_at_once() -> None:
    async with running(drain_s=1000) as server:
        client = await server.client()
        await client.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.reader.readuntil(b"piece")
        server.listener.stop()
        await asyncio.sleep(0.3)
        assert not server.task.done()
        server.listener.stop()
        await asyncio.wait_for(server.task, 10)
        assert server.app.events == ["began", "draining", "cancelled"]


async def test_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=rf"Port {port} .* in use"):
            await Listener(App(), ServerSettings(port=port), print, print).run()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_hosts_that_are_not_here(host: str) -> None:
    with pytest.raises(BadInput, match="Cannot listen"):
        bind(host, 0)


async def test_ipv6() -> None:
    try:
        for listening in bind("::1", 0):
            listening.close()
    except BadInput:
        pytest.skip("no IPv6 on this machine")
    app = App()
    server = Running(app, host="::1")
    await eventually(lambda: bool(server.urls))
    assert server.urls[0].startswith("http://[::1]:")
    client = Client(*await asyncio.open_connection("::1", server.port))
    await client.send(GET)
    assert (await client.answer())[2] == b"hello"
    server.listener.stop()
    await asyncio.wait_for(server.task, 10)


def test_localhost_takes_one_port_for_all_its_addresses() -> None:
    sockets = bind("localhost", 0)
    assert len({listening.getsockname()[1] for listening in sockets}) == 1
    for listening in sockets:
        listening.close()


@pytest.mark.parametrize(
    ("raised", "expected"), [(BackendDown("no database"), BackendDown), (KeyError("x"), RoundhouseError)]
)
async def test_an_application_that_cannot_start(raised: Exception, expected: type[Exception]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            raise raised
        except Exception:
            await send({"type": "lifespan.startup.failed", "message": "Traceback …"})
            raise

    urls: list[str] = []
    with pytest.raises(expected) as caught:
        await Listener(app, ServerSettings(port=0), urls.append, print).run()
    assert type(caught.value) is expected
    assert urls == []


PROGRAM = """
    import asyncio, sys
    from roundhouse.core.settings import ServerSettings
    from roundhouse.infra.event_loop import run
    from roundhouse.infra.server import serve

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("shut down", flush=True)
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await asyncio.sleep(float(scope["path"][1:]))
        await send({"type": "http.response.body", "body": b"end"})

    def draining():
        print("draining", flush=True)

    def started(url):
        print(url, type(asyncio.get_running_loop()).__module__, flush=True)

    run(serve(app, ServerSettings(port=0, drain_s=30), started, draining))
    print("ended", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("times", [1, 2])
async def test_signals(number: signal.Signals, times: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(PROGRAM), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    first = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
    port = int(first[0].rsplit(":", 1)[1])
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.send(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"0.5" if times == 1 else b"1000"))
    await client.reader.readuntil(b"piece")
    process.send_signal(number)
    assert await asyncio.wait_for(process.stdout.readline(), 10) == b"draining\n"
    if times == 2:
        process.send_signal(number)
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    rest = await client.closed()
    assert (b"end" in rest, out) == ((True, b"shut down\nended\n") if times == 1 else (False, b"ended\n"))
