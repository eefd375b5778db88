"""Requests that mean to be read in two ways: hosts, targets, paths, headers, origins."""

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
import pytest_asyncio

from raw_client import RawAnswer, RawClient, ask, request
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello."}]}).encode()
JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("edge") / "data") as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_house(tmp_path_factory):
    server = {"open": True, "cors_origins": ["http://127.0.0.1:5173", "https://console.example"]}
    async with House(tmp_path_factory.mktemp("open") / "data", server=server) as running:
        yield running


async def get(
    house: House, target: str | bytes = "/v1/system", *headers: str | bytes, method="GET"
) -> RawAnswer:
    key = () if not house.key else (f"Authorization: Bearer {house.key}",)
    return await ask(house.port, request(method, target, *headers, *key, "Connection: close"))


MALFORMED_HOSTS = [
    "x/v1/health?",
    "x#y",
    "x\\y",
    "user@localhost",
    "user:secret@localhost",
    "localhost, evil.example",
    "local\thost",
    "local host",
    "localhost:99999",
    "localhost:80:80",
    "localhost:-1",
    "[::1",
    "[evil.example]",
    "::1",
    "%6cocalhost",
    b"l\xf6calhost",
    "",
]


@pytest.mark.parametrize("host", MALFORMED_HOSTS)
async def test_a_malformed_host_is_refused(house, open_house, host):
    header = b"Host: " + (host if isinstance(host, bytes) else host.encode())
    for one in (house, open_house):
        for path in ("/livez", "/v1/system", "/docs"):
            answer = await get(one, path, header)
            assert (answer.status, answer.code) == (400, "bad_input")


async def test_one_host_and_no_other(house, open_house):
    for one in (house, open_house):
        assert (await get(one, "/livez")).status == 400
        for second in ("localhost", "evil.example"):
            for hosts in (("Host: localhost", f"host: {second}"), (f"HOST: {second}", "Host: localhost")):
                answer = await get(one, "/livez", *hosts)
                assert (answer.status, answer.code) == (400, "bad_input")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:80", "[::1]"])
async def test_loopback_in_every_spelling_is_this_machine(house, open_house, host):
    for one in (house, open_house):
        assert (await get(one, "/v1/system", f"Host: {host}")).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1.nip.io",
        "127.1",
        "[::ffff:127.0.0.1]",
    ],
)
async def test_open_answers_to_loopback_names_only(house, open_house, host):
    """A name of somebody else's that leads to this machine (DNS rebinding) opens nothing."""
    assert (await get(house, "/v1/system", f"Host: {host}")).status == 200
    for path in ("/v1/system", "/livez", "/docs", "/openapi.json", "/metrics"):
        answer = await get(open_house, path, f"Host: {host}")
        assert (answer.status, answer.code) == (403, "not_allowed")


async def test_allowed_hosts_are_a_setting(tmp_path: Path):
    async with House(tmp_path / "data", server={"allowed_hosts": ["AI.example"]}) as house:
        for host, status in (("ai.example:443", 200), ("localhost", 200), ("evil.example", 403)):
            assert (await get(house, "/v1/system", f"Host: {host}")).status == status


TARGETS = {
    "http://evil.example/v1/system": 400,
    "HTTP://EVIL.example/v1/system": 400,
    "http://a:b@localhost/v1/system": 400,
    "http://localhost@evil.example/v1/system": 400,
    "http://localhost:9/v1/system": 400,
    "http://localhost?/v1/system": 400,
    "http://localhost": 400,
    "http:///v1/system": 400,
    "http://localhost/v1/system": 200,
    "HTTP://LocalHost/v1/system": 200,
    "evil.example:443": 400,
    "v1/system": 400,
    "*": 400,
}


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_with_a_host_in_it_names_the_same_host(house, open_house, target):
    for one in (house, open_house):
        assert (await get(one, target, "Host: localhost")).status == TARGETS[target]


@pytest.mark.parametrize(
    "path",
    [
        "//v1/keys",
        "///v1/keys",
        "//evil.example/v1/keys",
        "/v1//keys",
        "/v1/../v1/keys",
        "/v1/./keys",
        "/v1/%2e%2e/v1/keys",
        "/livez/../v1/keys",
        "/livez/%2e%2e/v1/keys",
        "/docs/static/..%2f..%2f..%2fv1/keys",
        "/docs/static/%2e%2e/%2e%2e/app.py",
        "/docs/static/..%5c..%5cpyproject.toml",
        "/docs/static//etc/passwd",
        "/docs/static/%00",
        "/api/api/v1/keys",
        "/api//v1/keys",
        "/api/v1//keys",
        "/api/livez",
        "/API/v1/keys",
        "/V1/keys",
        "/v1/keys/",
        "/api/v1/keys/",
        "/v1/keys;x=1",
        "/v1/keys%20",
        "/v1/keys%00",
        "/v1/keys%0a",
        "/v1/keys%2f",
        "/v1%5ckeys",
        "/v1/chat/completions/",
        "/v1/chat//completions",
        "/v1/chat/../chat/completions",
    ],
)
async def test_a_path_is_what_it_is(house, path):
    """Nothing is folded, nothing redirected: what a proxy in front allowed is what is served."""
    for method in ("GET",) if path.startswith("/docs") else ("GET", "POST"):
        answer = await get(house, path, "Host: evil.example", method=method)
        assert (answer.status, answer.code) == (404, "not_found")
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/system", "/api/v1/system", "/v1/%73ystem", "/%61pi/v1/system", "/v1%2Fsystem"]
)
async def test_letters_as_percent_codes_need_the_same_key(house, path):
    assert (await get(house, path, "Host: localhost")).status == 200
    assert (await ask(house.port, request("GET", path, "Host: localhost"))).status == 401


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/api/v1/embeddings"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_a_lean_path_takes_post_and_says_so(house, path, method):
    answer = await get(house, path, "Host: localhost", method=method)
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method_not_allowed", "POST")


NOT_HTTP = [
    b"GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: localhost\nX: a\n\n",
    b"GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
]


@pytest.mark.parametrize("sent", NOT_HTTP, ids=range(len(NOT_HTTP)))
async def test_what_two_readers_could_read_differently_is_not_read(house, sent):
    async with RawClient(house.port) as client:
        await client.send(sent)
        answer = await client.answer()
        assert (answer.status, answer.code) == (400, "bad_input")
        assert answer.headers["content-type"] == "application/problem+json"
        assert await client.closed() == b""


async def test_a_body_packed_on_its_way_is_refused(house):
    key = f"Authorization: Bearer {house.key}"
    head = request("POST", "/v1/chat/completions", "Host: localhost", key, "Transfer-Encoding: gzip, chunked")
    answer = await ask(house.port, head + b"2\r\n{}\r\n0\r\n\r\n")
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


ONCE = [
    "Authorization",
    "X-API-Key",
    "api-key",
    "X-Site-Id",
    "X-User-Id",
    "X-App-Id",
    "X-Scopes",
    "X-Signature",
]


@pytest.mark.parametrize("name", ONCE)
async def test_a_header_that_says_who_asks_stands_there_once(house, name):
    """A proxy that adds its own behind the client's, or before it, must not be outvoted."""
    values = {"Authorization": f"Bearer {house.key}", "X-API-Key": house.key, "api-key": house.key}
    good = f"{name}: {values.get(name, 'usage:read')}"
    for other in ("Bearer rh_other", "north"):
        for pair in ((good, f"{name.lower()}: {other}"), (f"{name.upper()}: {other}", good)):
            for method, path in (("GET", "/v1/keys"), ("POST", "/v1/chat/completions")):
                head = request(
                    method, path, "Host: localhost", *pair, f"Content-Length: {len(BODY)}", body=BODY
                )
                answer = await ask(house.port, head)
                assert (answer.status, answer.code) == (400, "bad_input")


async def test_nothing_is_upgraded(house, open_house):
    for one in (house, open_house):
        for path in ("/ws", "/", "/v1/chat/completions", "/v1/models", "/docs"):
            answer = await get(
                one,
                path,
                "Host: localhost",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            )
            assert answer.status in (200, 404, 405)
            assert "upgrade" not in answer.headers


async def test_a_wish_for_another_protocol_costs_no_body(house):
    """Java's client sends it with every first request."""
    for wish in (
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
        ("UPGRADE: websocket", "connection: upgrade"),
    ):
        chat = request(
            "POST",
            "/v1/chat/completions",
            *wish,
            "HTTP2-Settings: AAMAAABkAAQAAP__",
            "Host: localhost",
            f"Authorization: Bearer {house.key}",
            f"Content-Length: {len(BODY)}",
            body=BODY,
        )
        async with RawClient(house.port) as client:
            for _ in range(3):
                await client.send(chat)
                assert (await client.answer()).status == 200
    upgrading = b'{"model":"auto","messages":[{"role":"user","content":"\\r\\nUpgrade: x"}]}'
    head = ("Host: localhost", f"Authorization: Bearer {house.key}", f"Content-Length: {len(upgrading)}")
    answer = await ask(house.port, request("POST", "/v1/chat/completions", *head, body=upgrading))
    assert answer.status == 200


FOREIGN = [
    "https://evil.example",
    "http://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "https://127.0.0.1:5173",
    "http://127.0.0.1:51730",
    "http://user@127.0.0.1:5173",
    "file://",
    "chrome-extension://abc",
    "",
]
SIMPLE = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json",
]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_open_refuses_pages_of_other_origins_before_anything(open_house, origin):
    for kind in SIMPLE:
        for method, path in (
            ("POST", "/v1/chat/completions"),
            ("POST", "/v1/keys"),
            ("POST", "/v1/models/load"),
            ("GET", "/v1/models"),
            ("GET", "/livez"),
            ("GET", "/nowhere"),
        ):
            headers = {"Origin": origin, "Content-Type": kind}
            answer = await open_house.send(
                method, path, data=BODY if method == "POST" else None, headers=headers
            )
            assert (answer.status, answer.code) == (403, "not_allowed"), (path, kind)
            assert "access-control-allow-origin" not in answer.headers
    await open_house.app.usage.flush()
    assert not (await open_house.get("/v1/usage/records")).json()["data"]


async def test_open_lets_itself_and_the_allowed_origins_in(open_house):
    for origin in (open_house.url, "http://127.0.0.1:5173", "https://console.example"):
        answer = await open_house.send("GET", "/v1/models", headers={"Origin": origin})
        assert answer.status == 200
        shown = answer.headers.get("access-control-allow-origin")
        assert shown == (None if origin == open_house.url else origin)
    assert (await open_house.get("/v1/models")).status == 200


async def test_browsers_are_let_in_by_setting_only(house, open_house, tmp_path: Path):
    ask_first = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for origin in ("https://console.example", "http://localhost:3000"):
        headers = {"Origin": origin, **ask_first}
        answer = await house.send("OPTIONS", "/v1/chat/completions", headers=headers, key="")
        assert answer.status == 405
        assert not any(name.startswith("access-control") for name in answer.headers)
    allowed = await open_house.send(
        "OPTIONS", "/v1/chat/completions", headers={"Origin": "https://console.example", **ask_first}
    )
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == "https://console.example"
    assert "access-control-allow-credentials" not in allowed.headers
    foreign = await open_house.send(
        "OPTIONS", "/v1/chat/completions", headers={"Origin": "https://evil.example", **ask_first}
    )
    assert "access-control-allow-origin" not in foreign.headers
    async with House(tmp_path / "data", server={"debug": True}) as debugging:
        for origin, shown in (
            ("http://localhost:3000", True),
            ("http://[::1]:3000", True),
            ("http://localhost.evil.example", False),
            ("http://evil.example", False),
        ):
            answer = await debugging.chat()
            answer = await debugging.send("GET", "/v1/models", headers={"Origin": origin})
            assert ("access-control-allow-origin" in answer.headers) == shown


async def test_answers_in_a_stream_keep_to_their_request(house):
    """Requests behind one another on one connection: each answer is that of its own caller."""
    chat = request(
        "POST",
        "/v1/chat/completions",
        "Host: localhost",
        f"Authorization: Bearer {house.key}",
        f"Content-Length: {len(BODY)}",
        body=BODY,
    )
    stranger = request(
        "POST", "/v1/chat/completions", "Host: localhost", f"Content-Length: {len(BODY)}", body=BODY
    )
    async with RawClient(house.port) as client:
        await client.send(chat + stranger + chat + stranger)
        assert [(await client.answer()).status for _ in range(4)] == [200, 401, 200, 401]


async def test_slow_loris_is_closed_by_a_deadline(tmp_path: Path):
    server = {"header_timeout_s": 0.5, "body_timeout_s": 0.5, "keep_alive_s": 0.5}
    async with House(tmp_path / "data", server=server) as house:
        begun = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        begun += f"Authorization: Bearer {house.key}\r\n".encode()

        async def dripping() -> None:
            async with RawClient(house.port) as client:
                await client.send(begun)
                with contextlib.suppress(ConnectionError):
                    for _ in range(300):
                        await client.send(b"X-A: b\r\n")
                        await asyncio.sleep(0.05)
                    raise AssertionError

        async def stopping() -> None:
            async with RawClient(house.port) as client:
                await client.send(begun + b"Content-Length: 100\r\n\r\n{")
                assert (await client.answer(15)).code == "request_timeout"
                assert await client.closed(15) == b""

        async def idling() -> None:
            async with RawClient(house.port) as client:
                assert await client.closed(15) == b""

        async with asyncio.timeout(15):
            attacks = [attack() for attack in (dripping, stopping, idling) for _ in range(20)]
            await asyncio.gather(*attacks)
        assert (await house.chat()).status == 200
