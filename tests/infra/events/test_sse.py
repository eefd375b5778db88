"""Events over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from infra.events.appending import new, write
from roundhouse.core.settings import DbSettings, EventSettings, ServerSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.events.reading import PAGE
from roundhouse.infra.events.sse import EventStream
from roundhouse.infra.events.store import Event, NewEvent
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.rooms import render_errors
from roundhouse.infra.server import Listener
from roundhouse.infra.web import Front, RequestIds

MANY = [
    NewEvent("default", "job_a", "job.progress", {"number": n, "text": "x" * 20_000}, 0.0) for n in range(400)
]


def is_last(event: Event) -> bool:
    return event.type in ("job.completed", "job.failed", "job.cancelled")


class Served:
    """A room with event routes: of a thing, of the tenant, and of a thing that has ended."""

    def __init__(self, tail: EventTail, **settings: Any) -> None:
        self.tail = tail
        self.faults: list[BaseException] = []
        self.urls: list[str] = []
        rooms = FastAPI()
        render_errors(rooms)

        @rooms.get("/v1/jobs/{job_id}/events", response_class=EventStream)
        async def of_a_job(request: Request, job_id: str, over: bool = False) -> Response:
            return EventStream(request, tail, job_id, "default", default_after=0, is_last=is_last, over=over)

        @rooms.get("/v1/tasks/{job_id}/events", response_class=EventStream)
        async def of_a_task(request: Request, job_id: str, over: bool = False) -> Response:
            def shown(event: Event) -> bool:
                return not is_last(event)

            return EventStream(
                request, tail, job_id, "default", default_after=0, is_last=is_last, over=over, shown=shown
            )

        @rooms.get("/v1/mine", response_class=EventStream)
        async def of_the_caller(request: Request) -> Response:
            return EventStream(request, tail, None, "default", shown=lambda event: event.topic == "job_b")

        @rooms.get("/v1/events", response_class=EventStream)
        async def of_the_tenant(request: Request) -> Response:
            return EventStream(request, tail, None, "default")

        front = Front(rooms, {}, ServerSettings(), RequestIds(), lambda error, _: self.faults.append(error))
        server = ServerSettings(port=0, **settings)
        self.listener = Listener(front, server, self.urls.append, tail.drain)
        self.task = asyncio.create_task(self.listener.run())

    @property
    def port(self) -> int:
        return int(self.urls[0].rpartition(":")[2])

    async def get(self, path: str, *headers: str) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**24))
        client.writer.write("\r\n".join([f"GET {path} HTTP/1.1", "Host: a", *headers, "", ""]).encode())
        head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 30)
        lines = head.decode().lower().split("\r\n")
        client.status = int(lines[0].split(" ")[1])
        client.headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return client


class Client:
    """What comes over one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self._body = b""

    async def _chunk(self) -> bytes:
        size = int(await asyncio.wait_for(self.reader.readline(), 30), 16)
        chunk = await self.reader.readexactly(size)
        assert await self.reader.readexactly(2) == b"\r\n"
        return chunk

    async def block(self) -> str:
        """The next event or comment; "" = the answer ended as it should."""
        while b"\n\n" not in self._body:
            chunk = await self._chunk()
            if not chunk:
                assert self._body == b""
                return ""
            self._body += chunk
        block, _, self._body = self._body.partition(b"\n\n")
        return block.decode() or ":"

    async def event(self) -> dict[str, Any] | None:
        """The next event with its number as `seq`, None at the end; comments are passed over."""
        while (block := await self.block()).startswith(":"):
            pass
        if not block:
            return None
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        event = json.loads(fields["data"])
        assert event["type"] == fields["event"]
        return {**event, "seq": int(fields["id"])}

    async def numbers(self, count: int = 10**6) -> list[int]:
        found: list[int] = []
        while len(found) < count and (event := await self.event()):
            found.append(event["data"]["number"])
        return found

    async def body(self) -> bytes:
        length = self.headers.get("content-length")
        return await self.reader.readexactly(int(length)) if length else b""


@contextlib.asynccontextmanager
async def serving(tail: EventTail, **settings: Any) -> AsyncIterator[Served]:
    served = Served(tail, **settings)
    for _ in range(2000):
        if served.urls or served.task.done():
            break
        await asyncio.sleep(0.005)
    try:
        yield served
    finally:
        served.listener.stop()
        served.listener.stop()
        await asyncio.wait_for(served.task, 30)
        assert served.faults == []


@pytest.fixture
async def db(sqlite_url):
    """One dialect is enough here: what differs is below the tail."""
    database = Database(DbSettings(), sqlite_url)
    yield database
    await database.close()


@pytest.fixture
async def served(tail):
    async with serving(tail) as served:
        yield served


@pytest.fixture
async def beating(db):
    """Served with a quick heartbeat."""
    tail = EventTail(db, EventSettings(poll_ms=5, heartbeat_s=0.05), SystemClock())
    await tail.start()
    async with serving(tail) as served:
        yield served
    await tail.close()


async def test_a_job_from_its_first_event_to_its_last(db, served):
    await write(db, new(0), new(1), new(7, "job_b"), new(8, site_id="other"))
    client = await served.get("/v1/jobs/job_a/events")
    assert client.status == 200
    assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert client.headers["cache-control"] == "no-cache"
    assert client.headers["x-request-id"].startswith("req_")
    first = await client.event()
    assert first == {
        "seq": first["seq"],
        "id": first["id"],
        "type": "job.progress",
        "topic": "job_a",
        "at": "2027-01-15T08:00:00.250000Z",
        "data": {"number": 0},
    }
    assert await client.numbers(1) == [1]
    await write(db, new(2))
    assert await client.numbers(1) == [2]
    await write(db, new(3, kind="job.completed"), new(9, "job_b"))
    assert await client.numbers() == [3]
    client.writer.write(b"GET /v1/jobs/job_a/events HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.reader.readuntil(b"\r\n\r\n")
    assert await client.numbers() == [0, 1, 2, 3]


async def test_the_tenants_events_from_now_on(db, served, tail, eventually):
    await write(db, new(0))
    await eventually(lambda: tail.position > 0)
    client = await served.get("/v1/events")
    await write(db, new(1, kind="job.failed"), new(2, site_id="other"), new(3, "job_b"))
    assert await client.numbers(2) == [1, 3]


@pytest.mark.parametrize("way", ["header", "query", "both"])
async def test_a_client_goes_on_where_it_was(db, served, way):
    await write(db, *(new(number) for number in range(5)), new(5, kind="job.completed"))
    client = await served.get("/v1/jobs/job_a/events")
    seen = [await client.event() for _ in range(3)]
    query = {"header": "", "query": f"?after={seen[-1]['seq']}", "both": "?after=0"}[way]
    headers = [] if way == "query" else [f"Last-Event-ID: {seen[-1]['seq']}"]
    client = await served.get(f"/v1/jobs/job_a/events{query}", *headers)
    assert await client.numbers() == [3, 4, 5]


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "1e3", "٣", "9223372036854775808", "1" * 400, "1;"])
async def test_an_id_that_is_none(served, text):
    sent = text.encode().decode("latin-1")
    client = await served.get("/v1/events", f"Last-Event-ID: {sent}")
    assert client.status == 400
    body = json.loads(await client.body())
    assert body["error"] == {
        "message": "Last-Event-ID is not the id of an event.",
        "type": "invalid_request_error",
        "param": "Last-Event-ID",
        "code": "bad_input",
    }
    if text.isascii():
        client = await served.get(f"/v1/events?after={text.replace(';', '%3B')}")
        assert (client.status, json.loads(await client.body())["error"]["param"]) == (400, "after")


async def test_an_empty_id_is_none_at_all_but_an_empty_query_is_wrong(db, served):
    await write(db, new(0, kind="job.failed"))
    assert await (await served.get("/v1/jobs/job_a/events", "Last-Event-ID:")).numbers() == [0]
    assert (await served.get("/v1/jobs/job_a/events?after=")).status == 400


async def test_who_has_seen_the_end_is_not_kept_waiting(db, served):
    await write(db, new(0), new(1, kind="job.failed"))
    client = await served.get("/v1/jobs/job_a/events")
    last = [await client.event(), await client.event()][-1]["seq"]
    assert await client.event() is None
    client = await served.get(f"/v1/jobs/job_a/events?after={last}")
    assert client.status == 200
    assert await client.numbers() == []
    # A browser comes back by itself until it is told not to.
    client = await served.get("/v1/jobs/job_a/events", f"Last-Event-ID: {last}")
    assert client.status == 204
    assert "content-length" not in client.headers


@pytest.mark.parametrize("over", ["true", "false"])
async def test_an_end_that_is_not_shown_is_one_all_the_same(db, served, over):
    await write(db, new(0), new(1, kind="task.completed"), new(2, kind="job.completed"))
    client = await served.get(f"/v1/tasks/job_a/events?over={over}")
    seen = [await client.event(), await client.event()]
    assert await client.event() is None
    half = await served.get(f"/v1/tasks/job_a/events?over={over}", f"Last-Event-ID: {seen[0]['seq']}")
    assert (half.status, await half.numbers()) == (200, [1])
    # What is behind it will never be shown: a browser that came back would do so for ever.
    whole = await served.get(f"/v1/tasks/job_a/events?over={over}", f"Last-Event-ID: {seen[1]['seq']}")
    assert whole.status == 204


async def test_what_is_not_shown_now_ends_nothing_that_goes_on(db, served):
    await write(db, new(0), new(1, kind="job.failed"), new(2, kind="job.queued"), new(3, kind="job.failed"))
    await write(db, new(4, kind="job.queued"))
    rest = await served.get("/v1/tasks/job_a/events", "Last-Event-ID: 3")
    assert rest.status == 200
    await write(db, new(5, kind="job.completed"))
    assert await rest.numbers() == [4]


async def test_a_job_that_was_tried_again_goes_on(db, served):
    await write(db, new(0, kind="job.failed"))
    client = await served.get("/v1/jobs/job_a/events")
    first = await client.event()
    assert await client.event() is None
    await write(db, new(1, kind="job.queued"))
    whole = await served.get("/v1/jobs/job_a/events")
    rest = await served.get("/v1/jobs/job_a/events", f"Last-Event-ID: {first['seq']}")
    await write(db, new(2, kind="job.completed"))
    assert await whole.numbers() == [0, 1, 2]
    assert await rest.numbers() == [1, 2]


async def test_a_job_whose_last_event_is_deleted(db, served):
    client = await served.get("/v1/jobs/job_a/events?over=true")
    assert (client.status, await client.numbers()) == (200, [])
    await write(db, new(0))
    assert await (await served.get("/v1/jobs/job_a/events?over=true")).numbers() == [0]
    assert (await served.get("/v1/jobs/job_a/events?over=true", "Last-Event-ID: 999")).status == 204


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 1001])
async def test_the_last_event_may_stand_anywhere(db, served, count):
    told = [new(number) for number in range(count - 1)]
    await write(db, *told, new(count - 1, kind="job.completed"))
    assert await (await served.get("/v1/jobs/job_a/events")).numbers() == list(range(count))


async def test_a_silent_stream_gives_signs(db, beating):
    client = await beating.get("/v1/jobs/job_a/events")
    assert [await client.block() for _ in range(3)] == [":", ":", ":"]
    await write(db, new(0, kind="job.completed"))
    assert await client.numbers() == [0]


async def test_what_is_not_shown_leaves_no_trace(db, served):
    client = await served.get("/v1/mine")
    for number in range(5):
        await write(db, new(number))
    await write(db, new(5, "job_b"), new(6))
    assert (await client.block()).startswith("id: ")
    await write(db, new(7), new(8, "job_b"), new(9, "job_b"))
    assert await client.numbers(2) == [8, 9]


async def test_a_stream_that_shows_nothing_gives_signs_all_the_same(db, beating):
    client = await beating.get("/v1/mine")

    enough = asyncio.Event()

    async def go_on() -> None:
        while not enough.is_set():
            await write(db, new(0))

    writing = asyncio.create_task(go_on())
    assert [await client.block() for _ in range(3)] == [":", ":", ":"]
    enough.set()
    await writing


async def test_a_client_that_leaves_is_forgotten_at_once(db, served, tail, eventually):
    await write(db, new(0))
    clients = [await served.get("/v1/jobs/job_a/events") for _ in range(5)]
    for client in clients:
        await client.event()
    assert len(tail._followers["default", "job_a"]) == 5
    for client in clients:
        client.writer.close()
    await eventually(lambda: tail._followers == {})
    tasks = served.listener._server.server_state.tasks
    await eventually(lambda: not tasks)


async def test_a_slow_client_costs_no_memory_and_misses_nothing(db, served, tail, eventually):
    slow = await served.get("/v1/jobs/job_a/events")
    slow.reader._transport.pause_reading()
    quick = await served.get("/v1/jobs/job_a/events")
    for start in range(0, 400, 50):
        await write(db, *MANY[start : start + 50])
        assert await quick.numbers(50) == list(range(start, start + 50))
    for _ in range(40):
        await write(db, *MANY[:50])
        await quick.numbers(50)
    (behind,) = [one for one in tail._followers["default", "job_a"] if not one.caught_up]
    assert len(behind._kept) <= 512
    for connection in served.listener._server.server_state.connections:
        assert connection.transport.get_write_buffer_size() < 512 * 1024
    slow.reader._transport.resume_reading()
    assert await slow.numbers(400) == list(range(400))
    assert await slow.numbers(2000) == list(range(50)) * 40


async def test_a_drain_ends_streams_such_that_they_can_be_taken_up(db, tail):
    async with serving(tail) as served:
        silent = await served.get("/v1/events")
        client = await served.get("/v1/jobs/job_a/events")
        await write(db, new(0))
        first = await client.event()
        served.listener.stop()
        assert await client.event() is None
        assert await silent.numbers() == [0]
        await asyncio.wait_for(served.task, 10)
    await write(db, new(1), new(2, kind="job.completed"))
    other = EventTail(db, EventSettings(), SystemClock())
    await other.start()
    async with serving(other) as served:
        client = await served.get("/v1/jobs/job_a/events", f"Last-Event-ID: {first['seq']}")
        assert await client.numbers() == [1, 2]
    await other.close()


async def test_while_it_drains_and_while_the_database_is_away_it_answers_so(sqlite_url):
    db = Database(DbSettings(busy_timeout_s=0.2), sqlite_url)
    tail = EventTail(db, EventSettings(), SystemClock())
    await tail.start()
    async with serving(tail) as served:
        async with contextlib.AsyncExitStack() as held:
            for _ in range(DbSettings().pool_size):
                await held.enter_async_context(db.read())
            client = await served.get("/v1/jobs/job_a/events")
            assert client.status == 503
            assert json.loads(await client.body())["error"]["code"] == "storage_unavailable"
        tail.drain()
        client = await served.get("/v1/events")
        assert client.status == 503
        assert client.headers["x-should-retry"] == "true"
        assert json.loads(await client.body())["error"]["code"] == "shutting_down"
    await tail.close()
    await db.close()


async def test_under_another_server(db, tail, eventually):
    """Without our own connection the message of the client's leaving is waited for."""
    sent: list[Any] = []
    gone = asyncio.Event()
    first = True

    async def receive() -> Any:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [], "query_string": b""}
    stream = EventStream(Request(scope), tail, "job_a", "default")
    running = asyncio.create_task(stream(scope, receive, send))
    await eventually(lambda: len(sent) == 1)
    await write(db, new(0))
    await eventually(lambda: len(sent) == 2)
    gone.set()
    await asyncio.wait_for(running, 10)
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    assert tail._followers == {}
