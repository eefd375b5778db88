"""What can happen to the connection that listens."""

import asyncio
import contextlib

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from infra.events.appending import new, write
from roundhouse.core.settings import DbSettings, EventSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.events.postgres_reader import APPLICATION
from roundhouse.infra.events.tail import EventTail

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("db_url", ["postgresql"], indirect=True),
]
OURS = "FROM pg_stat_activity WHERE application_name = :name AND datname = current_database()"


@pytest.fixture
def heard(tail):
    """Numbers of the events that the tail told."""
    numbers = []
    tail.on_event(lambda event: numbers.append(event.data["number"]), ("job.progress", "x.y"))
    return numbers


async def terminate(db):
    async with db.begin() as tx:
        await tx.execute(sa.text(f"SELECT pg_terminate_backend(pid) {OURS}"), {"name": APPLICATION})


async def become(db, count):
    """Wait until so many connections listen."""
    for _ in range(3000):
        async with db.read() as tx:
            found = await tx.execute(sa.text(f"SELECT count(*) {OURS}"), {"name": APPLICATION})
            if found.scalar_one() == count:
                return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not {count} connections within 30 s")


def events_in(log):
    return [line["event"] for line in log if line["event"].startswith("events_")]


async def test_a_lost_connection_loses_and_repeats_nothing(db, tail, heard, logged, eventually):
    async with tail.follow("job_a", "default") as follower:
        for number in range(60):
            await write(db, new(number))
            if number % 15 == 7:
                await terminate(db)
        await eventually(lambda: len(heard) >= 60)
        assert heard == list(range(60))
        assert [(await anext(follower)).data["number"] for _ in range(60)] == heard
    assert "events_unreadable" in events_in(logged)
    await eventually(lambda: events_in(logged)[-1] == "events_readable_again")


async def test_events_without_a_notification_come_as_well(db, tail, heard, eventually):
    """As behind a pooler that gives the connection away between two statements."""
    async with db.begin() as tx:
        await tx.execute(
            sa.text(
                "INSERT INTO events (id, site_id, topic, type, data, at_s)"
                " VALUES ('evt_1', 'default', 't', 'x.y', '{\"number\": 1}', 0)"
            )
        )
    await eventually(lambda: heard == [1])


async def test_a_restored_database_gives_numbers_again(db, tail, heard, logged, eventually):
    await write(db, *(new(number) for number in range(10)))
    await eventually(lambda: len(heard) == 10)
    async with tail.follow("job_a", "default") as follower:
        async with db.begin() as tx:
            await tx.exec_driver_sql("TRUNCATE events RESTART IDENTITY")
        await terminate(db)
        await eventually(lambda: "events_start_anew" in events_in(logged))
        await write(db, new(100))
        await eventually(lambda: heard[10:] == [100])
        assert (await anext(follower)).data == {"number": 100}


async def test_a_server_that_is_away_for_a_while(db, db_url, logged, eventually):
    async with Way(db_url) as way:
        far = Database(DbSettings(), way.url)
        tail = EventTail(far, EventSettings(), SystemClock())
        heard = []
        tail.on_event(lambda event: heard.append(event.data["number"]), ("job.progress", "x.y"))
        await tail.start()
        await write(db, new(0))
        await eventually(lambda: heard == [0])
        await way.close()
        await write(db, new(1))
        await eventually(lambda: "events_unreadable" in events_in(logged))
        await write(db, new(2))
        await way.open()
        await eventually(lambda: heard == [0, 1, 2])
        assert events_in(logged) == ["events_unreadable", "events_readable_again"]
        await tail.close()
        await far.close()


async def test_close_gives_the_connection_up(db):
    tail = EventTail(db, EventSettings(), SystemClock())
    await tail.start()
    await become(db, 1)
    await tail.close()
    await become(db, 0)


class Way:
    """A way to the server that can be closed and opened."""

    def __init__(self, url: str) -> None:
        self._target = make_url(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._ends: list[asyncio.StreamWriter] = []
        self._pipes: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return self._target.set(host="127.0.0.1", port=self._port).render_as_string(hide_password=False)

    async def __aenter__(self):
        await self.open()
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()
        if self._pipes:
            await asyncio.wait(self._pipes)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._target.host, self._target.port or 5432)
        self._ends += [writer, there[1]]
        for source, sink in ((reader, there[1]), (there[0], writer)):
            pipe = asyncio.create_task(_pass_on(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
    sink.transport.abort()
