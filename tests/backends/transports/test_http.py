"""How an input becomes a request and an answer an output, and what is never called."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from peers.modules import Module, NoFiles, module_server, transport_context
from roundhouse.backends.transports.http import HttpTransport
from roundhouse.backends.transports.refusals import read_retry_after
from roundhouse.core.errors import (
    AddressRefused,
    BackendBadAnswer,
    BackendDown,
    BackendRefused,
    BackendTimeout,
    BadInput,
    NotFound,
    TargetRefused,
)
from roundhouse.core.transports import CapabilityCall, CapabilityReply
from roundhouse.core.types import Caller

NORTH = Caller("key_n", site_id="north")
KEY = {"Authorization": "Bearer top-secret-key"}


async def ask(
    endpoint: dict[str, Any],
    given: Any,
    *,
    files: NoFiles | None = None,
    lookup: Any = None,
    trusted: bool = True,
    secrets: dict[str, str] | None = None,
    **outbound: Any,
) -> CapabilityReply:
    more = {} if lookup is None else {"lookup": lookup}
    async with transport_context(files=files, **more, **outbound) as context:
        call = CapabilityCall("m.v", endpoint, given, NORTH, "job_1:call:1", 20.0, trusted, secrets or {})
        return await HttpTransport(context).call(call)


async def sent(module: Module, endpoint: dict[str, Any], given: Any, **more: Any) -> Any:
    endpoint = {**endpoint, "url": module.url + endpoint["url"]}
    await ask(endpoint, given, **more)
    return module.seen[-1]


async def test_places_of_parameters() -> None:
    places = {
        "id": "path",
        "q": "query",
        "lang": {"place": "header", "name": "X-Lang"},
        "b_id": {"place": "body", "name": "id"},
    }
    endpoint = {"url": "/echo/{id}/x?fixed=1", "method": "PUT", "places": places}
    given = {"id": "a/b ?c", "q": ["one", 2, None], "lang": "vi", "b_id": 7, "rest": {"deep": True}}
    async with module_server() as module:
        request = await sent(module, endpoint, given)
    assert request.method == "PUT"
    parts = urlsplit(request.path)
    assert parts.path in ("/echo/a%2Fb%20%3Fc/x", "/echo/a%2Fb %3Fc/x")
    assert parse_qsl(parts.query) == [("fixed", "1"), ("q", "one"), ("q", "2")]
    assert request.headers["x-lang"] == "vi"
    assert json.loads(request.body) == {"id": 7, "rest": {"deep": True}}


async def test_a_method_without_a_body_puts_the_rest_into_the_query() -> None:
    async with module_server() as module:
        request = await sent(
            module, {"url": "/echo/{id}", "method": "get"}, {"id": 3, "flag": True, "none": None}
        )
    assert (request.method, request.body) == ("GET", b"")
    assert request.path == "/echo/3?flag=true"


async def test_a_form_a_whole_body_and_one_that_is_no_object() -> None:
    async with module_server() as module:
        form = await sent(
            module, {"url": "/echo", "body": "form", "answer": "text"}, {"a": "x y", "b": [1, 2]}
        )
        whole = await sent(module, {"url": "/echo", "places": {"items": "whole"}}, {"items": [1, 2]})
        plain = await sent(module, {"url": "/echo"}, [1, "two"])
    assert form.body == b"a=x+y&b=1&b=2"
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (whole.body, plain.body) == (b"[1,2]", b'[1,"two"]')


async def test_files_go_as_parts_of_a_form() -> None:
    files = NoFiles()
    kept = files.put('a"b.txt', b"content of a file")
    endpoint = {"url": "/echo", "body": "multipart", "files": ["document"], "answer": "text"}
    async with module_server() as module:
        request = await sent(module, endpoint, {"document": kept.id, "note": "hello"}, files=files)
        with pytest.raises(NotFound):
            await sent(module, endpoint, {"document": "file_9"}, files=files)
        with pytest.raises(BadInput):
            await sent(module, endpoint, {"document": 9}, files=files)
    assert int(request.headers["content-length"]) == len(request.body)
    assert (
        b'name="document"; filename="a_b.txt"\r\nContent-Type: text/plain\r\n\r\ncontent of a file'
        in request.body
    )
    assert b'name="note"\r\n\r\nhello\r\n' in request.body


@pytest.mark.parametrize("value", ["..", ".", "", None])
async def test_a_value_cannot_leave_its_segment(value: Any) -> None:
    with pytest.raises(BadInput) as caught:
        await ask({"url": "http://127.0.0.1:9/{id}"}, {"id": value})
    assert caught.value.param == "/id"


async def test_a_part_of_the_address_must_be_there() -> None:
    with pytest.raises(BadInput, match="lacks 'id'"):
        await ask({"url": "http://127.0.0.1:9/{id}"}, {})
    with pytest.raises(BadInput, match="cannot be a header"):
        await ask({"url": "http://127.0.0.1:9/", "places": {"h": "header"}}, {"h": "a\r\nHost: b"})


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("/text", "Xin chào"),
        ("/html", "<p>hello"),
        ("/picture", {"content_type": "image/png", "base64": "iVBORw0KGgo="}),
    ],
)
async def test_answers_that_are_no_json(path: str, output: Any) -> None:
    async with module_server() as module:
        assert (await ask({"url": module.url + path}, {})).output == output


async def test_an_answer_kept_as_a_file() -> None:
    files = NoFiles()
    async with module_server() as module:
        output = (await ask({"url": f"{module.url}/picture", "answer": "file"}, {}, files=files)).output
    assert output == {
        "file_id": "file_1",
        "filename": "answer.png",
        "content_type": "image/png",
        "size_bytes": 8,
    }
    assert files.kept["file_1"][1] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "endpoint",
    [{"url": "/broken"}, {"url": "/html", "answer": "json"}, {"url": "/huge", "answer_limit_bytes": 1024}],
)
async def test_answers_that_are_not_what_they_should_be(endpoint: dict[str, Any]) -> None:
    async with module_server() as module:
        with pytest.raises(BackendBadAnswer):
            await ask({**endpoint, "url": module.url + endpoint["url"]}, {})


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (400, BackendRefused, 400),
        (409, BackendRefused, 409),
        (401, TargetRefused, 502),
        (404, TargetRefused, 404),
        (408, BackendTimeout, 504),
        (503, BackendDown, 503),
        (504, BackendTimeout, 504),
    ],
)
async def test_statuses(status: int, kind: type[Exception], told: int) -> None:
    async with module_server() as module:
        with pytest.raises(kind) as caught:
            await ask({"url": f"{module.url}/status/{status}"}, {}, secrets=KEY)
    assert type(caught.value) is kind
    assert caught.value.status == told  # type: ignore[attr-defined]  # all of these have one
    assert f"HTTP {status}" in str(caught.value)
    assert "top-secret" not in str(caught.value)


async def test_secrets_are_sent_and_never_shown() -> None:
    async with module_server() as module:
        endpoint = {"url": f"{module.url}/echo", "places": {"authorization": "header"}}
        reply = await ask(endpoint, {"authorization": "Bearer mine"}, secrets=KEY)
    request = module.seen[0]
    assert request.headers["authorization"] == "Bearer top-secret-key"
    assert request.headers["idempotency-key"] == "job_1:call:1"
    assert request.headers["traceparent"].startswith("00-")
    assert reply.request["headers"]["Authorization"] == "***"
    assert "top-secret" not in repr(reply)


async def test_calls_of_one_task_are_one_trace() -> None:
    async with module_server() as module:
        await ask({"url": f"{module.url}/echo"}, {})
        await ask({"url": f"{module.url}/echo"}, {})
    first, second = (one.headers["traceparent"].split("-") for one in module.seen)
    assert first[1] == second[1]
    assert first[2] != second[2]


async def test_redirects_are_not_followed() -> None:
    async with module_server() as module:
        with pytest.raises(TargetRefused, match="redirect"):
            await ask({"url": f"{module.url}/redirect"}, {})
    assert len(module.seen) == 1


def names(address: str) -> Any:
    async def lookup(host: str, port: int) -> list[str]:
        return [address]

    return lookup


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "100.100.100.200", "::ffff:169.254.169.254"]
)
async def test_a_name_that_turns_to_a_metadata_service_is_never_called(address: str, trusted: bool) -> None:
    with pytest.raises(AddressRefused):
        await ask({"url": "http://module.test/"}, {}, lookup=names(address), trusted=trusted)


async def test_private_addresses_are_for_operators() -> None:
    async with module_server() as module:
        endpoint = {"url": f"http://module.test:{module.port}/echo"}
        local = names("127.0.0.1")
        assert (await ask(endpoint, {"a": 1}, lookup=local)).output == {"a": 1}
        with pytest.raises(AddressRefused):
            await ask(endpoint, {}, lookup=local, trusted=False)
        allowed = {"allow_networks": ["127.0.0.0/8"]}
        assert (await ask(endpoint, {}, lookup=local, trusted=False, **allowed)).output == {}


async def test_a_connection_of_an_operator_is_not_found_again_by_others() -> None:
    async with module_server() as module, transport_context(lookup=names("127.0.0.1")) as context:
        transport = HttpTransport(context)
        endpoint = {"url": f"http://module.test:{module.port}/echo"}

        def call(trusted: bool) -> CapabilityCall:
            return CapabilityCall("m.v", endpoint, {}, NORTH, "k", 20.0, trusted)

        await transport.call(call(trusted=True))
        with pytest.raises(AddressRefused):
            await transport.call(call(trusted=False))


@pytest.mark.parametrize(
    ("endpoint", "param"),
    [
        ({}, "endpoint"),
        ({"url": "ftp://a.test/"}, None),
        ({"url": "http://a.test/", "method": "TRACE"}, "endpoint.method"),
        ({"url": "http://a.test/", "colour": 1}, "endpoint"),
        ({"url": "http://a.test/", "answer_limit_bytes": 1}, "endpoint.answer_limit_bytes"),
        ({"url": "http://a.test/", "body": "xml"}, "endpoint.body"),
        ({"url": "http://{host}/"}, "endpoint.url"),
        ({"url": "http://a.test/?q={q}"}, "endpoint.url"),
        ({"url": "http://a.test/#{q}"}, "endpoint.url"),
        ({"url": "http://user:word@a.test/"}, None),
        ({"url": "http://a.test/", "places": {"id": "path"}}, "endpoint.places"),
        ({"url": "http://a.test/", "places": {"Host": "header"}}, "endpoint.places"),
        ({"url": "http://a.test/", "method": "GET", "places": {"a": "body"}}, "endpoint.places"),
        ({"url": "http://a.test/", "files": ["f"]}, "endpoint.files"),
    ],
)
async def test_endpoints_that_are_refused(endpoint: dict[str, Any], param: str | None) -> None:
    async with transport_context() as context:
        with pytest.raises(BadInput) as caught:
            HttpTransport(context).check(endpoint, trusted=True)
    assert caught.value.param == param


async def test_literal_addresses_are_judged_at_once() -> None:
    async with transport_context() as context:
        transport = HttpTransport(context)
        transport.check({"url": "http://10.0.0.1/"}, trusted=True)
        for url, trusted in (
            ("http://10.0.0.1/", False),
            ("http://169.254.169.254/", True),
            ("http://0x7f.1/", True),
        ):
            with pytest.raises(AddressRefused):
                transport.check({"url": url}, trusted=trusted)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("", None),
        (None, None),
        ("soon", None),
        ("9" * 13, None),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after(told: str | None, seconds: float | None) -> None:
    assert read_retry_after(told, 100.0) == seconds
