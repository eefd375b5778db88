"""A model server that says one answer, token by token at a given pace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

MODEL = "author"


@asynccontextmanager
async def author(tokens: Sequence[str], tokens_per_s: float) -> AsyncIterator[str]:
    """Its address, with `/v1`; it speaks OpenAI's chat API, streamed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _answer(reader, writer, tokens, tokens_per_s):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tokens: Sequence[str], tokens_per_s: float
) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((int(line[15:]) for line in head.splitlines() if line.startswith("content-length:")), 0)
    await reader.readexactly(length)
    if head.startswith("get "):
        body = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
        told = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(told.encode() + body)
        await writer.drain()
        return True
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number, token in enumerate(tokens):
        # By the clock, not by pauses: what comes late is caught up with, and the pace is kept.
        await asyncio.sleep(began_s + number / tokens_per_s - loop.time())
        writer.write(_event({"role": "assistant", "content": token}, None))
        await writer.drain()
    writer.write(_event({}, "stop") + b"data: [DONE]\n\n")
    await writer.drain()
    return False


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_800_000_000,
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
