"""WebSockets of the listening server: where they open, what they bear, how they end."""

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roundhouse.core.errors import Cancelled, NotAllowed, RoundhouseError
from roundhouse.core.settings import ServerSettings
from roundhouse.infra.hosts import HostRules
from roundhouse.infra.server import Listener
from roundhouse.infra.socket_protocol import MOST_FRAGMENTS
from roundhouse.infra.sockets import Socket
from roundhouse.infra.web import Front, RequestIds


class App:
    """`/ws` does what the last path of its query says; `/` answers 404."""

    def __init__(self):
        self.ended = []
        self.faults = []
        self.read = asyncio.Event()

    async def rooms(self, scope, receive, send):
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{answer}.complete"})
            return
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def socket(self, scope, receive, send):
        what = scope["query_string"].decode()
        if what == "refuse":
            raise NotAllowed("Not you.")
        socket = Socket(scope, receive, send)
        try:
            async with socket:
                await socket.accept()
                await getattr(self, what)(socket)
        except Cancelled:
            self.ended.append(what)

    async def echo(self, socket):
        while True:
            await socket.tell({"heard": await socket.receive()})

    async def talk(self, socket):
        while True:
            await socket.tell({"said": "x" * 60_000})

    async def deaf(self, socket):
        while not self.read.is_set():
            socket.probe()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.read.wait(), 0.05)
        await self.echo(socket)

    async def polite(self, socket):
        stopping = asyncio.Event()
        socket.on_drain(stopping.set)
        await stopping.wait()
        await socket.tell({"said": "goodbye"})
        await socket.close(1012, "The service stops.")

    async def fault(self, socket):
        raise ZeroDivisionError


@contextlib.asynccontextmanager
async def serving(app, **more):
    settings = ServerSettings(port=0, drain_s=2.0, max_message_bytes=100_000, **more)
    front = Front(
        app.rooms,
        {},
        settings,
        RequestIds(),
        lambda error, _: app.faults.append(error),
        None,
        {"/v1/ws": app.socket},
    )
    started = asyncio.get_running_loop().create_future()
    listener = Listener(front, settings, started.set_result, lambda: None, ["/v1/ws", "/api/v1/ws"])
    task = asyncio.create_task(listener.run())
    try:
        yield (await started).replace("http", "ws"), listener
    finally:
        listener.stop()
        await task


async def code_of(socket, most_s=3.0):
    async with asyncio.timeout(most_s):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code


async def until(condition, most_s=2.0):
    for _ in range(int(most_s * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_messages_go_both_ways_and_a_fault_of_ours_is_told_as_one():
    app = App()
    async with serving(app) as (url, _):
        for path in ("/v1/ws", "/api/v1/ws"):
            async with connect(f"{url}{path}?echo") as socket:
                await socket.send("xin chào")
                assert await socket.recv() == '{"heard":"xin chào"}'
                await socket.send(b"\x00")
                assert await socket.recv() == '{"heard":null}'
        await until(lambda: app.ended == ["echo", "echo"])
        for what, status in (("refuse", 403), ("echo", 404)):
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"{url}/{'v1/ws' if status == 403 else 'other'}?{what}")
            assert caught.value.response.status_code == status
        async with connect(f"{url}/v1/ws?fault") as socket:
            assert await code_of(socket) == 1011
        assert [type(one) for one in app.faults] == [ZeroDivisionError]


async def test_what_is_too_large_or_in_too_many_pieces_ends_it():
    app = App()
    async with serving(app) as (url, _):
        for message, code in (
            ("x" * 100_001, 1009),
            (["x"] * (MOST_FRAGMENTS + 2), 1008),
            (["x" * 60_000] * 2, 1009),
        ):
            async with connect(f"{url}/v1/ws?echo") as socket:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(message)
                assert await code_of(socket) == code
    assert app.ended == ["echo"] * 3


async def test_a_client_that_takes_nothing_is_cut_off():
    app = App()
    async with (
        serving(app, body_timeout_s=0.2) as (url, _),
        connect(f"{url}/v1/ws?talk", max_queue=1, close_timeout=0.1),
    ):
        await until(lambda: app.ended == ["talk"])


async def test_a_client_that_sends_too_fast_is_slowed_down_and_missed_when_it_goes():
    app = App()
    async with serving(app) as (url, _), connect(f"{url}/v1/ws?deaf") as socket:

        async def send():
            for _ in range(400):
                await socket.send("x" * 90_000)

        sending = asyncio.create_task(send())
        done, _ = await asyncio.wait([sending], timeout=0.3)
        assert not done
        socket.transport.abort()
        await until(lambda: app.ended == ["deaf"], 1)
        with contextlib.suppress(ConnectionClosed):
            await sending


async def test_a_stop_is_told_to_those_who_asked_and_closes_the_others():
    app = App()
    async with (
        serving(app) as (url, listener),
        connect(f"{url}/v1/ws?polite") as polite,
        connect(f"{url}/v1/ws?echo") as other,
    ):
        listener.stop()
        assert await polite.recv() == '{"said":"goodbye"}'
        assert [await code_of(polite), await code_of(other)] == [1012, 1012]


@pytest.mark.parametrize(
    ("origin", "more", "may"),
    [
        (None, {}, True),
        ("http://house.example:8000", {}, True),
        ("https://house.example:8000", {}, True),
        ("http://house.example", {}, False),
        ("http://[", {}, False),
        ("null", {}, False),
        ("https://app.example", {}, False),
        ("https://app.example", {"cors_origins": ["https://app.example"]}, True),
        ("https://app.example", {"cors_origins": ["*"]}, True),
        ("http://localhost:5173", {}, False),
        ("http://localhost:5173", {"debug": True}, True),
        ("http://localhost.evil.example", {"debug": True}, False),
    ],
)
def test_pages_of_other_origins_open_no_socket(origin, more, may):
    headers = {"host": "house.example:8000"} | ({} if origin is None else {"origin": origin})
    rules = HostRules(ServerSettings(**more))
    with contextlib.nullcontext() if may else pytest.raises(RoundhouseError):
        rules.check_socket(headers)


async def test_a_head_may_come_in_pieces_and_must_be_whole():
    app = App()
    async with serving(app) as (url, _):
        port = int(url.rpartition(":")[2])
        head = (
            b"GET /v1/ws?echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        for pieces, wanted in (
            ([head[:30], head[30:80], head[80:]], b"HTTP/1.1 101"),
            ([head[:7], head[7:]], b"HTTP/1.1 101"),
            ([head[:1], head[1:]], b"HTTP/1.1 101"),
            ([head.replace(b"?echo", b"")[:20], head[25:]], b"HTTP/1.1 101"),
            ([head.replace(b"13", b"12")], b"HTTP/1.1 400"),
            ([head.replace(b"Upgrade: WebSocket\r\n", b"")], b"HTTP/1.1 400"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.02)
            assert (await reader.readline()).startswith(wanted)
            writer.transport.abort()
