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

from bench.chat.clients import Stream, made, request, send
from bench.gateway.measure import CpuReading, Memory

HERE = Path(__file__).parent
MODEL = "up/mock"

Ask = Callable[[int, str], Awaitable[bytes]]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def _upstream(folder: Path, chunks: int, delay_us: int) -> Iterator[int]:
    """The model server of bench/gateway: its paced streams cost next to nothing."""
    binary, port = folder / "mock", _free_port()
    source = HERE.parent / "gateway" / "mock.c"
    subprocess.run(["cc", "-O2", "-o", str(binary), str(source)], check=True)
    process = subprocess.Popen([str(binary), str(port), str(chunks), str(delay_us)])
    try:
        time.sleep(0.3)
        yield port
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def _server(folder: Path, db_url: str, upstream_port: int) -> AsyncIterator[tuple[int, int]]:
    """Process id and port of the server."""
    provider = {
        "name": "up",
        "kind": "openai",
        "url": f"http://127.0.0.1:{upstream_port}/v1",
        "models": ["mock"],
        "max_concurrent": 1000,
    }
    settings = {
        "data_dir": str(folder / "data"),
        "db": {"url": db_url},
        "server": {"port": 0, "open": True},
        "engine": {"discover": False},
        "log": {"level": "error"},
        "providers": [provider],
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


async def _plain(port: int, _: str) -> bytes:
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "paced"}]}
    return await send(port, "POST", "/v1/chat/completions", body)


async def _durable(port: int, session_id: str) -> bytes:
    path = f"/v1/sessions/{session_id}/messages"
    body = {"model": MODEL, "stream": True, "content": "paced"}
    return await send(port, "POST", path, body)


async def _cpu_us_per_chunk(pid: int, port: int, ask: Ask, streams: int, chunks: int, end: bytes) -> float:
    sessions = [str((await made(port, "/v1/sessions", {}))["id"]) for _ in range(streams)]
    await asyncio.sleep(0.3)
    before = CpuReading.of(pid)
    answers = await asyncio.gather(*(ask(port, session_id) for session_id in sessions))
    await asyncio.sleep(0.2)
    used_s = before.seconds_until(CpuReading.of(pid))
    broken = [answer[-400:] for answer in answers if end not in answer]
    if broken:
        raise AssertionError(f"{len(broken)} streams did not end well: {broken[0]!r}")
    return used_s * 1e6 / (streams * chunks)


async def _idle_readers_kb(pid: int, port: int, readers: int) -> float:
    """Memory of one reader that waits for an answer in the making, in kB (1,000 bytes)."""
    session = await made(port, "/v1/sessions", {})
    body = {"model": MODEL, "stream": True, "content": "paced"}
    asker = asyncio.create_task(send(port, "POST", f"/v1/sessions/{session['id']}/messages", body))
    await asyncio.sleep(0.5)
    listed = await send(port, "GET", f"/v1/sessions/{session['id']}/generations?running=true", kept=True)
    (generation,) = json.loads(listed.partition(b"\r\n\r\n")[2])["data"]
    path = f"/v1/generations/{generation['id']}/events"
    before = Memory.of(pid).pss_mb
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(readers):
        _, client = await loop.create_connection(lambda: Stream(request("GET", path)), "127.0.0.1", port)
        clients.append(client)
    for client in clients:
        if not await asyncio.wait_for(client.began, 60):
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
        with _upstream(folder, asked.chunks, asked.delay_us) as upstream_port:
            async with _server(folder, db_url, upstream_port) as (pid, port):
                ratios = []
                for number in range(asked.rounds + 1):
                    sizes = (asked.streams, asked.chunks)
                    plain_us = await _cpu_us_per_chunk(pid, port, _plain, *sizes, b"[DONE]")
                    durable_us = await _cpu_us_per_chunk(
                        pid, port, _durable, *sizes, b"event: generation.completed"
                    )
                    if number:  # the first round warms up
                        ratios.append(durable_us / plain_us)
                        _tell(
                            f"round {number}: plain {plain_us:.1f} us, durable {durable_us:.1f} us per chunk"
                        )
                ratio = sorted(ratios)[len(ratios) // 2]
                _tell(f"streams {asked.streams} x {asked.chunks}: durable / plain = {ratio:.2f}")
        if asked.readers:
            with _upstream(folder, 300, 1_000_000) as upstream_port:
                async with _server(folder, db_url, upstream_port) as (pid, port):
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
    parser.add_argument("--chunks", type=int, default=500, help="chunks of a stream")
    parser.add_argument("--delay-us", type=int, default=10_000, help="time between two chunks of a stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", type=int, default=500, help="idle readers; 0 = none")
    asyncio.run(_main(parser.parse_args()))
    return 0
