"""Runs the benchmark; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import sqlalchemy as sa

from bench.chat.clients import Stream, made, request, send
from bench.gateway.measure import CpuReading, Memory
from roundhouse.core.settings import DbSettings
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.model import NewMessage
from roundhouse.features.chat.rows import sessions
from roundhouse.infra.db import Database

HERE = Path(__file__).parent
SHORT_CHUNKS = 100
LOOK_S = 3.0
REST_SHARE = 0.04
LONG_MESSAGES = 10_000
OPENINGS = 200

Ask = Callable[[int, str, str], Awaitable[bytes]]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def _upstream(folder: Path, chunks: int, delay_us: int) -> Iterator[int]:
    """The model server of bench/gateway: its paced streams cost next to nothing."""
    port = _free_port()
    binary = folder / f"mock-{port}"
    source = HERE.parent / "gateway" / "mock.c"
    subprocess.run(["cc", "-O2", "-DWORDS", "-o", str(binary), str(source)], check=True)
    process = subprocess.Popen([str(binary), str(port), str(chunks), str(delay_us)])
    try:
        time.sleep(0.3)
        yield port
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def _server(folder: Path, db_url: str, **upstream_ports: int) -> AsyncIterator[tuple[int, int]]:
    """Process id and port of the server; its models are `NAME/mock`."""
    providers = [
        {
            "name": name,
            "kind": "openai",
            "url": f"http://127.0.0.1:{upstream_port}/v1",
            "models": ["mock"],
            "max_concurrent": 1000,
        }
        for name, upstream_port in upstream_ports.items()
    ]
    settings = {
        "data_dir": str(folder / "data"),
        "db": {"url": db_url},
        "server": {"port": 0, "open": True},
        "engine": {"discover": False},
        "log": {"level": "error"},
        "providers": providers,
    }
    words = ["-m", "bench.chat.serve", json.dumps(settings)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        line = (await asyncio.wait_for(process.stderr.readline(), 60)).decode().strip()
        if not line.startswith("http://"):
            raise AssertionError(line + (await process.stderr.read()).decode())
        yield process.pid, int(line.rpartition(":")[2])
    finally:
        process.terminate()
        await process.wait()


async def _plain(port: int, model: str, _: str) -> bytes:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "paced"}]}
    return await send(port, "POST", "/v1/chat/completions", body)


async def _durable(port: int, model: str, session_id: str) -> bytes:
    path = f"/v1/sessions/{session_id}/messages"
    body = {"model": model, "stream": True, "content": "paced"}
    return await send(port, "POST", path, body)


async def _cpu_us(pid: int, port: int, ask: Ask, model: str, streams: int, end: bytes) -> float:
    """CPU of the server for one stream, with what it does behind it: usage, the index."""
    ids = [str((await made(port, "/v1/sessions", {}))["id"]) for _ in range(streams)]
    before = await _at_rest(pid)
    answers = await asyncio.gather(*(ask(port, model, session_id) for session_id in ids))
    used_s = before.seconds_until(await _at_rest(pid))
    broken = [answer[-400:] for answer in answers if end not in answer]
    if broken:
        raise AssertionError(f"{len(broken)} streams did not end well: {broken[0]!r}")
    return used_s * 1e6 / streams


async def _at_rest(pid: int) -> CpuReading:
    """What it has used once it does no more than wait, twice in a row."""
    last, rests = CpuReading.of(pid), 0
    while rests < 2:
        await asyncio.sleep(LOOK_S)
        now = CpuReading.of(pid)
        rests = rests + 1 if last.seconds_until(now) < REST_SHARE * LOOK_S else 0
        last = now
    return last


async def _compare(pid: int, port: int, asked: argparse.Namespace) -> None:
    """Plain and durable streams by turns, long and short ones: the difference tells what a chunk costs."""
    ratios = []
    for number in range(asked.rounds + 1):
        told = []
        for ask, end in ((_plain, b"[DONE]"), (_durable, b"event: generation.completed")):
            long_us = await _cpu_us(pid, port, ask, "up/mock", asked.streams, end)
            short_us = await _cpu_us(pid, port, ask, "short/mock", asked.streams, end)
            slope_us = (long_us - short_us) / (asked.chunks - SHORT_CHUNKS)
            fixed_ms = (short_us - slope_us * SHORT_CHUNKS) / 1000
            told.append((long_us / asked.chunks, slope_us, fixed_ms))
        if not number:  # the first round warms up
            continue
        (plain_us, *plain), (durable_us, *durable) = told
        ratios.append(durable_us / plain_us)
        _tell(
            f"round {number}: plain {plain_us:.1f} us per chunk ({plain[0]:.1f} us each + {plain[1]:.1f} ms),"
            f" durable {durable_us:.1f} us ({durable[0]:.1f} us each + {durable[1]:.1f} ms): {ratios[-1]:.2f}"
        )
    ratio = sorted(ratios)[len(ratios) // 2]
    _tell(f"streams {asked.streams} x {asked.chunks}: durable / plain = {ratio:.2f}")


async def _long_session(db_url: str, port: int) -> str:
    """A session of many messages, written behind the server's back."""
    session_id = str((await made(port, "/v1/sessions", {}))["id"])
    db = Database(DbSettings(), db_url)
    try:
        async with db.begin() as tx:
            rows = await tx.execute(sa.select(sessions.c.site_id).where(sessions.c.id == session_id))
            caller = Caller("", rows.scalar_one())
            session = await store.get_session(tx, caller, session_id, lock=True)
            for start in range(0, LONG_MESSAGES, 200):
                said = [
                    NewMessage("assistant" if number % 2 else "user", f"Message {number}. " + "word " * 60)
                    for number in range(start, start + 200)
                ]
                await store.append_messages(tx, session, said, time.time())
    finally:
        await db.close()
    return session_id


async def _open_long(db_url: str, port: int) -> list[float]:
    """Milliseconds to the first page of a session of many messages, in order."""
    session_id = await _long_session(db_url, port)
    path = f"/v1/sessions/{session_id}/messages?order=desc"
    took_ms = []
    for number in range(OPENINGS + 20):
        began_s = time.perf_counter()
        answer = await send(port, "GET", path, kept=True)
        if not answer.startswith(b"HTTP/1.1 200") or f"Message {LONG_MESSAGES - 1}.".encode() not in answer:
            raise AssertionError(answer[:400])
        if number >= 20:
            took_ms.append((time.perf_counter() - began_s) * 1000)
    return sorted(took_ms)


async def _idle_readers_kb(pid: int, port: int, readers: int) -> float:
    """Memory of one reader that waits for an answer in the making, in kB (1,000 bytes)."""
    session = await made(port, "/v1/sessions", {})
    body = {"model": "up/mock", "stream": True, "content": "paced"}
    asker = asyncio.create_task(send(port, "POST", f"/v1/sessions/{session['id']}/messages", body))
    listed: list[dict[str, str]] = []
    while not listed:
        await asyncio.sleep(0.5)
        told = await send(port, "GET", f"/v1/sessions/{session['id']}/generations?running=true", kept=True)
        listed = json.loads(told.partition(b"\r\n\r\n")[2])["data"]
    (generation,) = listed
    path = f"/v1/generations/{generation['id']}/events"
    before = Memory.of(pid).pss_mb
    loop = asyncio.get_running_loop()
    clients: list[Stream] = []
    for number in range(readers):
        _, client = await loop.create_connection(lambda: Stream(request("GET", path)), "127.0.0.1", port)
        clients.append(client)
        # In waves: what is measured is what they hold, not how many can come at once.
        if len(clients) % 50 == 0 or number == readers - 1:
            for one in clients[-50:]:
                if not await asyncio.wait_for(one.began, 60):
                    raise AssertionError("a reader was not answered 200")
    after = Memory.of(pid).pss_mb
    for client in clients:
        client.transport.abort()
    await send(port, "POST", f"/v1/generations/{generation['id']}/stop")
    await asker
    return (after - before) * 1000 / readers


async def _main(asked: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-chat-"))
    db_url = asked.db or f"sqlite:///{folder / 'bench.db'}"
    try:
        with (
            _upstream(folder, asked.chunks, asked.delay_us) as long,
            _upstream(folder, SHORT_CHUNKS, asked.delay_us) as short,
        ):
            async with _server(folder, db_url, up=long, short=short) as (pid, port):
                if asked.rounds:
                    await _compare(pid, port, asked)
                took_ms = await _open_long(db_url, port)
                p50, p95 = (took_ms[len(took_ms) * part // 100] for part in (50, 95))
                _tell(f"first page of {LONG_MESSAGES} messages: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
        if asked.readers:
            with _upstream(folder, 300, 1_000_000) as upstream_port:
                async with _server(folder, db_url, up=upstream_port) as (pid, port):
                    kb = await _idle_readers_kb(pid, port, asked.readers)
                    _tell(f"{asked.readers} readers of a running answer: {kb:.1f} kB each")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.chat")
    parser.add_argument("--db", default=os.environ.get("ROUNDHOUSE_BENCH_DB", ""), help="database URL")
    parser.add_argument("--streams", type=int, default=32, help="streams at a time")
    parser.add_argument("--chunks", type=int, default=500, help="chunks of a stream, more than 100")
    parser.add_argument("--delay-us", type=int, default=10_000, help="time between two chunks of a stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", type=int, default=2000, help="idle readers; 0 = none")
    asyncio.run(_main(parser.parse_args()))
    return 0
