"""PostgreSQL's own: transactions in one visit of a thread, and connections that are told to be dead without asking."""

import asyncio
import threading

import pytest
import sqlalchemy as sa

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.settings import DbSettings
from roundhouse.infra.db import Database

pytestmark = pytest.mark.postgres


@pytest.fixture
async def db(postgres_url):
    db = Database(DbSettings(busy_timeout_s=1), postgres_url)
    async with db.begin() as tx:
        await tx.exec_driver_sql("DROP TABLE IF EXISTS things")
        await tx.exec_driver_sql("CREATE TABLE things (place integer PRIMARY KEY)")
    yield db
    await db.close()


async def places(db):
    async with db.read() as tx:
        return [row[0] for row in await tx.exec_driver_sql("SELECT place FROM things ORDER BY place")]


def putting(place):
    async def put(tx):
        await tx.exec_driver_sql("INSERT INTO things VALUES (%s)", (place,))
        return threading.current_thread().name

    return put


async def test_each_visit_is_a_transaction_of_its_own_in_a_thread(db):
    done = await asyncio.gather(*(db.whole(putting(place)) for place in (1, 2, 2, 3)), return_exceptions=True)
    assert sum(isinstance(one, sa.exc.IntegrityError) for one in done) == 1
    assert all(one.startswith("writes") for one in done if isinstance(one, str))
    assert await places(db) == [1, 2, 3]


async def test_who_is_cancelled_has_written_all_or_nothing(db):
    tasks = [asyncio.create_task(db.whole(putting(place))) for place in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    there = set(await places(db))
    assert all(place in there for place, one in enumerate(done) if isinstance(one, str))
    assert set(range(1, 20, 2)) <= there


async def test_reading_leaves_statements_prepared(db):
    async def prepared():
        async with db.read() as tx:
            rows = await tx.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
            return rows.scalar_one()

    for _ in range(12):
        await places(db)
    assert await prepared() > 0


async def test_dead_connections_are_replaced_before_they_are_used(db, postgres_server):
    await db.whole(putting(1))
    name = db.url.database
    postgres_server.run(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    await db.whole(putting(2))
    assert await places(db) == [1, 2]


async def test_a_server_that_falls_silent_is_cut_off(db):
    """What was begun is not written, and closing does not wait for it."""
    async with Silence(db.url.host, db.url.port or 5432) as silence:
        through = db.url.set(host="127.0.0.1", port=silence.port)
        beyond = Database(DbSettings(busy_timeout_s=0.1), through.render_as_string(hide_password=False))

        async def halting(tx):
            await putting(7)(tx)
            silence.begins = True
            await putting(8)(tx)

        assert await beyond.whole(putting(1))
        with pytest.raises(StorageUnavailable):
            await beyond.whole(halting)
        await beyond.close()
    assert await places(db) == [1]


class Silence:
    """A way to the server on which nothing comes back any more once it `begins`."""

    def __init__(self, host, port):
        self._there = (host, port)
        self._served = []
        self.begins = False

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await asyncio.wait(self._served)

    async def _serve(self, reader, writer):
        self._served.append(asyncio.current_task())
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))

    async def _pump(self, reader, writer):
        while data := await reader.read(65_536):
            if self.begins:
                continue
            writer.write(data)
        writer.close()
