"""Disks that are full, databases that are away, processes that are killed, clients that do not read."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from conftest import REDIS_URL
from flows.calls import CHAT, EXTRACTIVE, make, records
from peers import scripts
from peers.proxy import Wire
from peers.upstream import Upstream
from raw_client import RawClient, request
from running_server import KEY, running
from serving import Client, House

TRIES = 400


async def until(what, within_s: float = 20.0):
    """The first true answer of `what`, asked again and again."""
    ends = time.monotonic() + within_s
    for _ in range(10_000):
        found = await what()
        if found:
            return found
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)
    raise AssertionError


async def fill(house: Client):
    """Write until the disk is full; the answer that says so."""
    for number in range(TRIES):
        answer = await house.post("/v1/keys", {"name": "x" * 200, "models": ["m" * 200] * 20})
        if answer.status != 201:
            return answer
        assert number < TRIES - 1
    raise AssertionError


async def check_full(house: Client, answer) -> None:
    assert (answer.status, answer.code) == (507, "storage_full")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-should-retry"] == "true"
    for method, path, body in (
        ("POST", "/v1/keys", {"name": "y" * 200, "models": ["m" * 200] * 20}),
        ("POST", "/v1/aliases", {"name": "full", "targets": ["m" * 200] * 50}),
    ):
        again = await house.send(method, path, body)
        assert (again.status, again.code) == (507, "storage_full")
    for path in ("/v1/keys", "/v1/audit", "/v1/usage", "/v1/models", "/v1/system"):
        assert (await house.get(path)).status == 200
    assert (await house.get("/v1/aliases/full")).status == 404
    for _ in range(5):
        assert (await house.post("/v1/chat/completions", CHAT)).status == 200


async def test_a_full_database_refuses_writes_and_goes_on(tmp_path: Path):
    """SQLite is told to take no more pages, as it finds it on a full disk."""
    async with House(tmp_path / "data", db={"pool_size": 1}) as house:
        async with house.app.db.read() as tx:
            pages = (await tx.exec_driver_sql("PRAGMA page_count")).scalar_one()
            await tx.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")
        await check_full(house, await fill(house))
        known = len((await house.get("/v1/keys?limit=200")).json()["data"])
        async with house.app.db.read() as tx:
            await tx.exec_driver_sql("PRAGMA max_page_count=100000")
        await make(house, name="after")
        listed = (await house.get("/v1/keys?limit=200")).json()["data"]
        assert len(listed) == known + 1
        assert len(await records(house)) == 5
        assert (await house.get("/v1/audit/verification")).json()["intact"]


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of a few MiB; only root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_full_disk_refuses_writes_and_goes_on(tmp_path: Path, small_disk: Path):
    """A real one, with the log on it as well."""
    with running(tmp_path, "--data-dir", str(small_disk / "data"), ROUNDHOUSE_LOG__REQUESTS="all") as server:
        (key,) = KEY.findall(server.out)
        async with Client(server.url, key) as house:
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            await check_full(house, await fill(house))
            assert (await house.get("/readyz")).status == 503
            filler.unlink()
            await make(house, name="after")
            assert (await house.get("/v1/audit/verification")).json()["intact"]

            async def written():
                return len((await house.get("/v1/usage/records")).json()["data"]) == 5

            assert await until(written)
        code, err = server.stop()
    assert code == 0
    assert "Traceback" not in err, err


async def test_the_database_away_and_back(tmp_path: Path, postgres_server):
    """Rooms say 503; known keys go on for their grace; usage waits and is written."""
    url = make_url(postgres_server.make())
    async with Wire(url.host or "127.0.0.1", url.port or 5432) as wire:
        db = {"url": url.set(host="127.0.0.1", port=wire.port).render_as_string(False), "busy_timeout_s": 1.0}
        async with House(tmp_path / "data", db=db) as house:
            made, unseen = await make(house), await make(house)
            assert (await house.post("/v1/chat/completions", CHAT, key=made["key"])).status == 200
            assert len(await records(house)) == 1
            wire.cut()
            for _ in range(20):
                assert (await house.post("/v1/chat/completions", CHAT, key=made["key"])).status == 200
            for method, path, body, key in (
                ("GET", "/v1/keys", None, None),
                ("POST", "/v1/keys", {"name": "x"}, None),
                ("GET", "/v1/usage", None, None),
                ("GET", "/v1/audit", None, None),
                ("POST", "/v1/aliases", {"name": "x", "targets": [EXTRACTIVE]}, None),
                ("POST", "/v1/chat/completions", CHAT, unseen["key"]),
                ("POST", "/v1/chat/completions", CHAT, "rh_01m7z25d96t51baaabva1gfq7y_" + "x" * 43),
            ):
                answer = await house.send(method, path, body, key=key)
                assert (answer.status, answer.code) == (503, "storage_unavailable"), path
                assert answer.headers["x-should-retry"] == "true"
                assert "postgres" not in answer.body.decode().lower()
                assert str(wire.port) not in answer.body.decode()
            assert (await house.get("/livez")).status == 200
            assert (await house.get("/readyz")).status == 503
            assert (await house.get("/health")).json()["database"] == "unavailable"
            wire.mend()

            async def back():
                return (await house.get("/readyz")).status == 200

            await until(back)

            async def written():
                found = await house.get("/v1/usage/records?limit=200")
                return found.status == 200 and len(found.json()["data"]) == 21

            assert await until(written)
            assert house.app.usage.dropped == 0
            assert (await house.post("/v1/chat/completions", CHAT, key=unseen["key"])).status == 200


async def test_known_keys_end_with_the_grace(tmp_path: Path, postgres_server):
    url = make_url(postgres_server.make())
    async with Wire(url.host or "127.0.0.1", url.port or 5432) as wire:
        db = {"url": url.set(host="127.0.0.1", port=wire.port).render_as_string(False), "busy_timeout_s": 1.0}
        async with House(tmp_path / "data", db=db, access={"offline_grace_s": 1.0}) as house:
            assert (await house.post("/v1/chat/completions", CHAT)).status == 200
            wire.cut()
            assert (await house.post("/v1/chat/completions", CHAT)).status == 200

            async def ended():
                return (await house.post("/v1/chat/completions", CHAT)).status == 503

            assert await until(ended)
            wire.mend()

            async def back():
                return (await house.post("/v1/chat/completions", CHAT)).status == 200

            assert await until(back)


@pytest.mark.slow
async def test_a_database_that_is_silent_is_away(tmp_path: Path, postgres_server):
    url = make_url(postgres_server.make())
    async with Wire(url.host or "127.0.0.1", url.port or 5432) as wire:
        db = {"url": url.set(host="127.0.0.1", port=wire.port).render_as_string(False), "busy_timeout_s": 0.2}
        async with House(tmp_path / "data", db=db) as house:
            assert (await house.post("/v1/chat/completions", CHAT)).status == 200
            wire.freeze()
            asking = [asyncio.create_task(house.get(path)) for path in ("/v1/keys", "/v1/usage", "/readyz")]
            assert (await house.post("/v1/chat/completions", CHAT)).status == 200
            for answer in await asyncio.wait_for(asyncio.gather(*asking), 60):
                assert answer.status == 503
            wire.mend()

            async def back():
                return (await house.get("/v1/keys")).status == 200

            assert await until(back)


async def test_redis_away_changes_nothing_for_clients(tmp_path: Path, redis_url: str):
    far = make_url(REDIS_URL)
    async with Upstream() as up, Wire(far.host or "127.0.0.1", far.port or 6379) as wire:
        up.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}]})
        up.script = scripts.json_answer(scripts.completion())
        cache = {"url": f"redis://127.0.0.1:{wire.port}/{far.database or 0}", "responses": True}
        providers = [{"name": "up", "kind": "openai", "url": up.url, "models": ["m"]}]
        async with House(tmp_path / "data", cache=cache, providers=providers) as house:
            key = (await make(house, requests_per_minute=3))["key"]
            body = {**CHAT, "model": "up/m", "seed": time.time_ns()}
            seen = []
            for number in range(3):
                if number == 2:
                    wire.cut()
                answer = await house.post("/v1/chat/completions", body, key=key)
                assert answer.status == 200
                seen.append(answer.headers["x-roundhouse-cache"])
            assert seen == ["miss", "hit", "miss"]
            for _ in range(3):
                last = await house.post("/v1/chat/completions", body, key=key)
            # Counted in this process meanwhile: the limit holds, from a full minute.
            assert (last.status, last.code) == (429, "rate_limit_exceeded")


async def test_kill_9_under_load_loses_the_last_second_at_most(tmp_path: Path):
    answered: list[tuple[float, str]] = []
    with running(tmp_path, ROUNDHOUSE_LOG__LEVEL="error") as server:
        (key,) = KEY.findall(server.out)
        async with Client(server.url, key) as house:

            async def keep_asking():
                with contextlib.suppress(Exception):
                    while True:
                        answer = await house.post("/v1/chat/completions", CHAT)
                        assert answer.status == 200
                        answered.append((time.monotonic(), answer.headers["x-request-id"]))

            asking = [asyncio.create_task(keep_asking()) for _ in range(8)]
            await asyncio.sleep(2.5)
            server.process.send_signal(signal.SIGKILL)
            killed_at = time.monotonic()
            await asyncio.wait(asking, timeout=20)
        server.process.wait(20)
    with closing(sqlite3.connect(tmp_path / "data" / "roundhouse.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = {row[0] for row in connection.execute("SELECT request_id FROM usage_records")}
        spent = connection.execute("SELECT sum(requests) FROM spending").fetchone()[0]
    due = [request_id for at_s, request_id in answered if at_s < killed_at - 1.0]
    assert len(due) > 20
    assert set(due) <= kept
    assert spent == len(kept)
    with running(tmp_path) as server:
        assert KEY.findall(server.out) == []
        async with Client(server.url, key) as house:
            assert (await house.post("/v1/chat/completions", CHAT)).status == 200
            assert (await house.get("/v1/audit/verification")).json()["intact"]
        assert server.stop()[0] == 0


async def test_a_stop_lets_a_stream_end(tmp_path: Path):
    go = asyncio.Event()

    async def held(exchange):
        await exchange.head(200, scripts.SSE)
        events = scripts.good_events("Hel", "lo")
        for event in events[:2]:
            await exchange.chunk(event)
        await go.wait()
        for event in events[2:]:
            await exchange.chunk(event)
        await exchange.finish()

    async with Upstream() as up:
        up.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}]})
        up.script = held
        providers = f'[{{"name":"up","kind":"openai","url":"{up.url}","models":["m"]}}]'
        with running(tmp_path, ROUNDHOUSE_PROVIDERS=providers) as server:
            (key,) = KEY.findall(server.out)
            async with Client(server.url, key) as house:
                body = b'{"model":"up/m","stream":true,"messages":[{"role":"user","content":"x"}]}'
                async with RawClient(house.port) as client:
                    head = ("Host: localhost", f"Authorization: Bearer {key}", f"Content-Length: {len(body)}")
                    await client.send(request("POST", "/v1/chat/completions", *head, body=body))
                    assert (await client.head())[0] == 200
                    assert b"Hel" in await client.reader.readuntil(b"Hel")
                    server.process.send_signal(signal.SIGTERM)

                    async def not_ready():
                        try:
                            return (await house.get("/readyz")).status == 503
                        except OSError:
                            return True

                    assert await until(not_ready)
                    assert server.process.poll() is None
                    go.set()
                    rest = await client.closed()
                    assert b'"lo"' in rest
                    assert b"data: [DONE]" in rest
                    assert rest.endswith(b"0\r\n\r\n")
            await asyncio.to_thread(server.process.wait, 30)
            assert server.process.returncode == 0
    with closing(sqlite3.connect(tmp_path / "data" / "roundhouse.db")) as connection:
        assert connection.execute("SELECT target, status FROM usage_records").fetchall() == [("up/m", 200)]


async def test_who_reads_slowly_holds_the_model_back_and_who_stops_is_let_go(up, tmp_path: Path):
    sent_bytes = 0
    event = scripts.event(scripts.chunk("x" * 16_000))

    async def pour(exchange):
        nonlocal sent_bytes
        await exchange.head(200, scripts.SSE)
        while True:
            await exchange.chunk(event)
            sent_bytes += len(event)

    up.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}]})
    up.script = pour
    providers = [{"name": "up", "kind": "openai", "url": up.url, "models": ["m"]}]
    async with House(tmp_path / "data", providers=providers, server={"body_timeout_s": 3.0}) as house:
        body = b'{"model":"up/m","stream":true,"messages":[{"role":"user","content":"x"}]}'
        head = ("Host: localhost", f"Authorization: Bearer {house.key}", f"Content-Length: {len(body)}")
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=65536)
        writer.write(request("POST", "/v1/chat/completions", *head, body=body))
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(3):
            # A slow reader is served as long as it reads.
            assert await reader.readexactly(65536)
            await asyncio.sleep(0.1)

        async def at_rest():
            before = sent_bytes
            await asyncio.sleep(0.4)
            return before == sent_bytes

        await until(at_rest)
        # The sockets' own buffers of both wires, and little more.
        assert sent_bytes < 32 * 1024 * 1024
        assert await up.client_left(within_s=30.0)
        writer.transport.abort()
        assert (await house.post("/v1/chat/completions", CHAT)).status == 200
        (record,) = [one for one in await records(house) if one["target"] == "up/m"]
        assert (record["status"], record["error_code"]) == (499, "cancelled")
