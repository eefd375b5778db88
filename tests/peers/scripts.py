"""Scripts for `peers.upstream`: every way in which a model server behaves or misbehaves."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterable
from typing import Any

from peers.upstream import Exchange, Script

JSON = {"Content-Type": "application/json"}
SSE = {"Content-Type": "text/event-stream"}
DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(
    text: str | None = None, *, finish: str | None = None, index: int = 0, **delta: Any
) -> dict[str, Any]:
    """A chat completion chunk of one choice."""
    if text is not None:
        delta["content"] = text
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_800_000_000,
        "model": "scripted",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
    }


def usage_chunk(prompt: int = 5, completion: int = 2) -> dict[str, Any]:
    """The chunk with the usage and no choice."""
    return chunk() | {"choices": [], "usage": usage(prompt, completion)}


def usage(prompt: int = 5, completion: int = 2) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def good_events(*texts: str) -> list[bytes]:
    """Events of a good answer: role, texts, finish, usage, done."""
    return [
        event(chunk("", role="assistant")),
        *(event(chunk(text)) for text in texts),
        event(chunk(finish="stop")),
        event(usage_chunk(completion=len(texts))),
        DONE,
    ]


def completion(text: str = "Hello there.") -> dict[str, Any]:
    """A whole chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "scripted",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": usage(),
    }


def json_answer(value: Any, status: int = 200, **headers: str) -> Script:
    """A JSON body; a header's name is written with `_` for `-`."""
    return body_answer(json.dumps(value).encode(), status, **{"Content_Type": "application/json", **headers})


def body_answer(body: bytes, status: int = 200, **headers: str) -> Script:
    told = {name.replace("_", "-"): value for name, value in headers.items()}

    async def play(exchange: Exchange) -> None:
        await exchange.answer(body, status, told)

    return play


def error_answer(status: int, message: str = "No.", **headers: str) -> Script:
    """OpenAI's error object."""
    return json_answer({"error": {"message": message, "type": "scripted", "code": None}}, status, **headers)


def html_answer(status: int = 200) -> Script:
    page = b"<!doctype html><html><body>502 Bad Gateway</body></html>"
    return body_answer(page, status, Content_Type="text/html")


def gzip_answer(value: Any) -> Script:
    return body_answer(
        gzip.compress(json.dumps(value).encode()), Content_Type="application/json", Content_Encoding="gzip"
    )


def redirect(to: str, status: int = 307) -> Script:
    return body_answer(b"", status, Location=to)


def stream(events: Iterable[bytes], *, delay_s: float = 0.0, headers: dict[str, str] | None = None) -> Script:
    """Events one by one, then the end of the body."""
    pieces = list(events)

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, headers or SSE)
        for piece in pieces:
            await exchange.chunk(piece)
            await asyncio.sleep(delay_s)
        await exchange.finish()

    return play


def drip(data: bytes, headers: dict[str, str] | None = None) -> Script:
    """A body byte by byte, each its own piece."""
    return stream([data[place : place + 1] for place in range(len(data))], headers=headers)


def endless(piece: bytes, *, delay_s: float = 0.01) -> Script:
    """One event again and again until the client leaves."""

    async def play(exchange: Exchange) -> None:
        gone = asyncio.create_task(exchange.gone())
        await exchange.head(200, SSE)
        while not gone.done():
            await exchange.chunk(piece)
            await asyncio.wait({gone}, timeout=delay_s)

    return play


async def hang(exchange: Exchange) -> None:
    """No answer at all."""
    await exchange.gone()


def hang_after(events: Iterable[bytes], headers: dict[str, str] | None = None) -> Script:
    """Some events, then nothing."""
    pieces = list(events)

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, headers or SSE)
        for piece in pieces:
            await exchange.chunk(piece)
        await exchange.gone()

    return play


async def reset(exchange: Exchange) -> None:
    """RST instead of an answer."""
    exchange.reset()


def reset_after(events: Iterable[bytes], headers: dict[str, str] | None = None) -> Script:
    """Some events, then RST."""
    pieces = list(events)

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, headers or SSE)
        for piece in pieces:
            await exchange.chunk(piece)
        # What is not read yet when the RST comes is lost; the client gets the time to read it.
        await asyncio.sleep(0.05)
        exchange.reset()

    return play


def close_in_body(body: bytes, promised: int, headers: dict[str, str] | None = None) -> Script:
    """Fewer bytes than the Content-Length says, then an orderly close."""

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, {**(headers or JSON), "Content-Length": str(promised)})
        await exchange.raw(body)

    return play


def until_close(body: bytes, headers: dict[str, str] | None = None) -> Script:
    """A body without any length, ended by the close of the connection, as HTTP/1.0 has it."""

    async def play(exchange: Exchange) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or SSE).items())
        await exchange.raw(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{lines}\r\n".encode() + body)

    return play


def huge(size_bytes: int) -> Script:
    """A JSON text that is longer than anybody wants."""

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, JSON)
        await exchange.chunk(b'{"choices":[{"text":"')
        for _ in range(size_bytes // 65536 + 1):
            await exchange.chunk(b"a" * 65536)
        await exchange.chunk(b'"}]}')
        await exchange.finish()

    return play
