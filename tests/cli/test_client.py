"""What a command says when the server is away, a stranger, or answers with an error."""

import asyncio
import json
from typing import Any

import pytest

from raw_http import always, answer, make_tls, raw_server
from roundhouse.cli.client import Client
from roundhouse.cli.exits import FAILED, REFUSED, UNREACHABLE, USAGE, Stop

OURS = b"x-request-id: req_1"
JSON = b"content-type: application/json"


async def call(url: str, method: str = "GET", path: str = "/v1/x", body: Any = None, key: str = "k") -> Any:
    return await asyncio.to_thread(Client(url, key, timeout_s=5).call, method, path, body)


async def stopped(url: str, **options: Any) -> Stop:
    with pytest.raises(Stop) as caught:
        await call(url, **options)
    return caught.value


async def test_a_request_carries_key_and_body() -> None:
    async with raw_server(always(answer(b'{"a": 1}', OURS, JSON))) as server:
        assert await call(f"{server.url}/v1/", "POST", body={"b": "é"}) == {"a": 1}
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x HTTP/1.1\r\n")
    assert b"Authorization: Bearer k" in head
    assert json.loads(body) == {"b": "é"}


async def test_a_path_before_the_api_is_kept() -> None:
    async with raw_server(always(answer(b"{}", OURS))) as server:
        await call(f"{server.url}/behind/proxy")
    assert server.requests[0].startswith(b"GET /behind/proxy/v1/x ")


async def test_without_a_key_no_header_is_sent() -> None:
    async with raw_server(always(answer(b"{}", OURS))) as server:
        await call(server.url, key="")
    assert b"authorization" not in server.requests[0].lower()


async def test_an_answer_without_body_is_none() -> None:
    async with raw_server(always(answer(b"", OURS, status=b"204 No Content"))) as server:
        assert await call(server.url, "DELETE") is None


async def test_pages_are_read_to_the_end() -> None:
    first = answer(b'{"data": [1, 2], "has_more": true, "next_cursor": "c/1"}', OURS)
    last = answer(b'{"data": [3], "has_more": false, "next_cursor": null}', OURS)

    async def script(server: Any, peer: Any) -> None:
        request = await peer.request()
        server.requests.append(request.split(b" ")[1])
        await peer.write(last if b"cursor" in request else first)

    async with raw_server(script) as server:
        found = await asyncio.to_thread(Client(server.url, "").pages, "/v1/keys", limit=2, from_="a", to=None)
    assert found == [1, 2, 3]
    assert server.requests == [b"/v1/keys?limit=2&from=a", b"/v1/keys?limit=2&from=a&cursor=c%2F1"]


async def test_a_problem_becomes_its_detail_and_code() -> None:
    body = {
        "title": "Not found",
        "detail": "No such key.",
        "instance": "req_7",
        "error": {"message": "No such key.", "type": "t", "param": "id", "code": "not_found"},
    }
    async with raw_server(always(answer(json.dumps(body).encode(), OURS, status=b"404 Not Found"))) as server:
        stop = await stopped(server.url)
    assert (stop.message, stop.code, stop.fix) == ("No such key. [not_found, id, req_7]", FAILED, None)


@pytest.mark.parametrize("code", ["not_signed_in", "not_allowed"])
async def test_a_missing_or_weak_key_has_its_own_exit_code_and_fix(code: str) -> None:
    body = json.dumps({"error": {"message": "No.", "code": code}}).encode()
    async with raw_server(always(answer(body, OURS, status=b"403 Forbidden"))) as server:
        stop = await stopped(server.url)
    assert stop.code == REFUSED
    assert "key" in (stop.fix or "")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"error": "flat"}'])
async def test_an_error_of_another_form_keeps_its_status(body: bytes) -> None:
    async with raw_server(always(answer(body, status=b"502 Bad Gateway"))) as server:
        stop = await stopped(server.url)
    assert stop.message == "The server answered with status 502."


@pytest.mark.parametrize("body", [b"<html>hello", b'{"object": "list"}'])
async def test_a_stranger_is_told_apart(body: bytes) -> None:
    async with raw_server(always(answer(body, JSON))) as server:
        stop = await stopped(server.url)
    assert "is not Roundhouse" in stop.message


async def test_redirects_are_not_followed() -> None:
    async with raw_server(always(answer(b"{}", OURS))) as other:
        moved = answer(b"", b"location: " + other.url.encode(), status=b"307 Temporary Redirect")
        async with raw_server(always(moved)) as server:
            stop = await stopped(server.url)
    assert "redirect" in stop.message
    assert other.connections == 0


async def test_a_server_that_is_away_is_unreachable() -> None:
    async with raw_server(always(answer())) as server:
        pass
    stop = await stopped(server.url)
    assert (stop.code, stop.fix is not None) == (UNREACHABLE, True)
    assert "connection refused" in stop.message


async def test_a_silent_server_is_unreachable() -> None:
    async def silent(_: Any, peer: Any) -> None:
        await peer.closed()

    async with raw_server(silent) as server:
        with pytest.raises(Stop, match="no answer in time") as caught:
            await asyncio.to_thread(Client(server.url, "", timeout_s=0.2).call, "GET", "/")
    assert caught.value.code == UNREACHABLE


@pytest.mark.parametrize(
    "bytes_sent", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]
)
async def test_a_broken_answer_is_unreachable(bytes_sent: bytes) -> None:
    async with raw_server(always(bytes_sent, close=True)) as server:
        assert (await stopped(server.url)).code == UNREACHABLE


async def test_an_unknown_authority_is_refused(tmp_path: Any) -> None:
    tls = make_tls(tmp_path, "127.0.0.1")
    async with raw_server(always(answer(b"{}", OURS)), tls.server) as server:
        stop = await stopped(server.url)
    assert stop.code == UNREACHABLE
    assert "safely" in stop.message
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://host", "http://", "http://host:port", "http://[::1"]
)
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(Stop) as caught:
        Client(url, "")
    assert caught.value.code == USAGE


@pytest.mark.parametrize("key", ["a\r\nx: y", "schlüssel", "tab\t"])
def test_what_is_no_key_is_wrong_usage_and_not_repeated(key: str) -> None:
    with pytest.raises(Stop) as caught:
        Client("http://host", key)
    assert caught.value.code == USAGE
    assert key not in caught.value.message


async def events(*parts: bytes, last_id: str | None = None) -> tuple[list[Any], bytes]:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_1\r\n\r\n"
    async with raw_server(always(head, *parts, close=True)) as server:
        found = await asyncio.to_thread(lambda: list(Client(server.url, "").events("/p", last_id)))
    return found, server.requests[0]


async def test_events_are_read_as_they_come() -> None:
    found, _ = await events(
        b'id: 1\nevent: job.queued\ndata: {"a":1}\n\nid: 2\nevent: job.st',
        b'arted\r\ndata:{"a":2}\r\n\r\n:\n\n: note\n\nid: 3\n\n',
        b'data: {"a":3}\n\nid: 4\ndata: {"cut',
    )
    assert found == [("1", "job.queued", {"a": 1}), ("2", "job.started", {"a": 2}), ("3", "", {"a": 3})]


async def test_who_comes_back_says_what_is_known() -> None:
    assert b"last-event-id: 7\r\n" in (await events(last_id="7"))[1].lower()
    assert b"last-event-id" not in (await events())[1].lower()


async def test_a_stream_that_is_broken_says_so() -> None:
    with pytest.raises(Stop, match="not JSON"):
        await events(b"data: {\n\n")


@pytest.mark.parametrize(("told", "passing"), [(b"true", True), (b"false", False)])
async def test_an_error_before_the_stream_is_the_error(told: bytes, passing: bool) -> None:
    body = json.dumps({"error": {"message": "No model.", "code": "model_not_found"}}).encode()
    headers = (OURS, b"x-should-retry: " + told)
    async with raw_server(always(answer(body, *headers, status=b"404 Not Found"))) as server:
        with pytest.raises(Stop, match="No model") as caught:
            await asyncio.to_thread(lambda: list(Client(server.url, "").events("/p")))
    assert caught.value.passing is passing


async def test_a_server_that_is_away_may_come_back() -> None:
    async with raw_server(always(answer())) as server:
        pass
    with pytest.raises(Stop) as caught:
        await asyncio.to_thread(lambda: list(Client(server.url, "").events("/p")))
    assert (caught.value.code, caught.value.passing) == (UNREACHABLE, True)
