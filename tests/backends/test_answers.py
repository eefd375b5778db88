"""Reading a vendor's answer: Retry-After in all its forms; the rest is tested through the chat backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest

from roundhouse.backends.answers import AnswerReader
from roundhouse.core.errors import BackendFailed
from roundhouse.core.ports import Clock

NOW_S = 1_800_000_000.0


class Given:
    """`core.ports.HttpResponse` in memory."""

    def __init__(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.body = body
        self.closed = False

    async def read(self, limit_bytes: int = 1024) -> bytes:
        return self.body

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self.body

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def reader(turned_clock: Clock) -> AnswerReader:
    assert turned_clock.now_s() == NOW_S
    return AnswerReader(turned_clock, ("sk-secret",))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        ({"retry_after": "20"}, 20.0),
        ({"retry_after": " 1.5 "}, 1.5),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": formatdate(NOW_S + 30, usegmt=True)}, 30.0),
        ({"retry_after": formatdate(NOW_S - 30, usegmt=True)}, 0.0),
        ({"retry_after": "99999999"}, 86_400.0),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "1e9"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry_after": "9" * 5000}, None),
        ({"retry_after_ms": "250", "retry_after": "20"}, 0.25),
        ({"retry_after_ms": "x", "retry_after": "20"}, 20.0),
    ],
)
def test_retry_after(reader: AnswerReader, told: dict[str, str], expected: float | None) -> None:
    assert reader.retry_after_s(Given(429, **told)) == expected


async def test_every_answer_is_closed(reader: AnswerReader) -> None:
    good = Given(200, b"{}")
    assert await reader.collect(good) == b"{}"
    assert good.closed
    for response in (Given(500), Given(302), Given(200, content_type="text/html")):
        with pytest.raises(BackendFailed):
            await reader.collect(response)
        assert response.closed
    for response in (Given(500), Given(302), Given(200, b"{}", content_type="application/json")):
        with pytest.raises(BackendFailed):
            await reader.expect_stream(response)
        assert response.closed
    running = Given(200, content_type="text/event-stream")
    await reader.expect_stream(running)
    assert not running.closed


async def test_an_echoed_key_is_taken_out(reader: AnswerReader) -> None:
    with pytest.raises(BackendFailed) as caught:
        await reader.collect(Given(500, b'{"error":{"message":"Key sk-secret unknown"}}'))
    assert caught.value.detail == "Key *** unknown"
    assert "sk-secret" not in repr(reader)


async def test_a_status_without_a_body_says_its_number(reader: AnswerReader) -> None:
    with pytest.raises(BackendFailed, match="HTTP 503"):
        await reader.collect(Given(503))
