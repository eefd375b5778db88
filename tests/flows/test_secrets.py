"""Nothing that is secret comes out anywhere: logs, answers, metrics, reports, the database's file."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

from flows.calls import CHAT
from peers import scripts
from running_server import KEY, Running, running
from serving import Client

PROVIDER_KEY = "sk-canary-provider-0123456789"
HEADER_SECRET = "canary-header-0123456789"
STORED_KEY = "plain-canary-stored-0123456789"
JWT_SECRET = "canary-jwt-secret-of-thirty-two-bytes"
CORE_SECRET = "canary-core-secret-0123456789"
PEPPER = "canary-pepper-0123456789"
FIXED_KEY = "canary-fixed-admin-key-0123456789"
DB_PASSWORD = "canary-database-0123456789"


async def echo(exchange) -> None:
    """A model server that repeats what it was sent, its key as well."""
    told = json.dumps(exchange.request.headers)
    await exchange.answer(json.dumps({"error": {"message": f"No: {told}"}}).encode(), 400, scripts.JSON)


async def echo_unread(exchange) -> None:
    told = json.dumps(exchange.request.headers)
    await exchange.answer(f"<html>{told}</html>".encode(), 500, {"Content-Type": "text/html"})


async def echo_stream(exchange) -> None:
    await exchange.head(200, scripts.SSE)
    await exchange.chunk(scripts.event(scripts.chunk("x")))
    await exchange.chunk(scripts.event({"error": {"message": json.dumps(exchange.request.headers)}}))
    await exchange.finish()


def environment(up, database: str) -> dict[str, str]:
    providers = [
        {
            "name": "up",
            "kind": "openai",
            "url": up.url,
            "key": PROVIDER_KEY,
            "headers": {"X-Secret": HEADER_SECRET},
            "models": ["m"],
            "retries": 0,
        },
        {
            "name": "dead",
            "kind": "openai",
            "url": "http://127.0.0.1:9/v1",
            "key": PROVIDER_KEY,
            "models": ["d"],
        },
        {"name": "odd", "kind": "nonsense", "url": up.url, "key": PROVIDER_KEY, "models": ["o"]},
    ]
    return {
        "DATABASE_URL": database,
        "SECRET_API_KEY": FIXED_KEY,
        "ROUNDHOUSE_PROVIDERS": json.dumps(providers),
        "ROUNDHOUSE_ACCESS__JWT_SECRET": JWT_SECRET,
        "ROUNDHOUSE_ACCESS__CORE_SECRET": CORE_SECRET,
        "ROUNDHOUSE_ACCESS__PEPPER": PEPPER,
        "ROUNDHOUSE_LOG__LEVEL": "debug",
        "ROUNDHOUSE_LOG__REQUESTS": "all",
    }


class Eavesdropper:
    """Keeps every answer."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self.heard: list[tuple[str, bytes]] = []

    async def send(self, method: str, path: str, body: Any = None, **more: Any) -> None:
        answer = await self._api.send(method, path, body, **more)
        self.heard.append((f"{method} {path} {answer.status}", str(answer.headers).encode() + answer.body))

    async def chat(self, key: str | None = None, **more: Any) -> None:
        await self.send("POST", "/v1/chat/completions", {**CHAT, **more}, key=key)


@contextmanager
def drained(server: Running):
    """Read what the server says, for a full pipe would stop it."""
    said: list[str] = []
    reading = threading.Thread(target=lambda: said.extend(server.process.stderr))
    reading.start()
    yield said
    reading.join(30)


async def provoke(ears: Eavesdropper, up, made: dict[str, str], token: str) -> None:
    """Everything that may go wrong with a secret in hand."""
    key = made["key"]
    up.paths["/models"] = echo
    for script in (
        echo,
        echo_unread,
        echo_stream,
        scripts.redirect("http://127.0.0.1:9/x"),
        scripts.reset,
        scripts.html_answer(),
    ):
        up.script = script
        for stream in (False, True):
            await ears.chat(model="up/m", stream=stream)
            await ears.send(
                "POST", "/v1/responses", {"model": "up/m", "input": "x", "stream": stream}, key=key
            )
        await ears.send("POST", "/v1/embeddings", {"model": "up/m", "input": "x"}, key=key)
    await ears.chat(model="dead/d")
    for bad in (key[:-1] + "!", key + "x", token[:-3] + "abc", FIXED_KEY + "x"):
        await ears.chat(bad)
        await ears.send("GET", "/v1/keys", key=bad)
        await ears.send("GET", f"/v1/keys?api_key={key}&token={token}", key="")
    await ears.send(
        "GET", "/v1/keys", key="", headers={"Cookie": f"key={key}", "Authorization": f"Basic {key}"}
    )
    await ears.chat(token)
    signature = {"X-Signature": CORE_SECRET, "X-Site-Id": "x", "X-Timestamp": str(int(time.time()))}
    await ears.send("POST", "/v1/chat/completions", CHAT, key="", headers=signature)
    provider = {
        "name": "stored",
        "kind": "openai",
        "url": up.url,
        "key": STORED_KEY,
        "headers": {"X-Other": STORED_KEY},
    }
    await ears.send("POST", "/v1/providers", provider)
    await ears.send("POST", "/v1/providers", provider)
    await ears.send("POST", "/v1/providers", {**provider, "name": "bad name"})
    await ears.send("POST", "/v1/providers", {**provider, "name": "b", "url": "nowhere"})
    await ears.send("POST", "/v1/providers", {**provider, "name": "c", "kind": STORED_KEY[:5]})
    await ears.send("POST", "/v1/providers", {**provider, "name": "d", "key": STORED_KEY * 500})
    await ears.send("POST", "/v1/providers", {**provider, "name": "e", "key": [STORED_KEY]})
    await ears.send("POST", "/v1/providers", {**provider, "name": "f", "headers": {"X: y": STORED_KEY}})
    await ears.send(
        "POST", "/v1/providers", {**provider, "name": "g", "headers": {"X": f"a\r\n{STORED_KEY}"}}
    )
    await ears.send("POST", "/v1/providers", data=json.dumps(provider).encode()[:-2])
    await ears.send("PATCH", "/v1/providers/stored", {"key": STORED_KEY, "url": "http://h:99999/"})
    await ears.send("PATCH", "/v1/providers/stored", {"headers": {"X-Other": STORED_KEY}})
    for path in (
        "/v1/providers",
        "/v1/providers/stored",
        "/v1/providers/up",
        "/v1/models",
        "/v1/models/status",
    ):
        await ears.send("GET", path)
    for name in ("up", "stored", "dead"):
        await ears.send("POST", f"/v1/providers/{name}/test")
    await ears.send("POST", "/v1/models/load", {"model": "up/m"})
    await ears.send("POST", f"/v1/keys/{made['id']}/rotate", {"overlap_s": 1, "key": key})
    await ears.send("DELETE", f"/v1/keys/{made['id']}")
    await ears.chat(key)
    for path in (
        "/metrics",
        "/health",
        "/readyz",
        "/v1/usage?group_by=model",
        "/v1/usage/records?limit=200",
        "/v1/audit?limit=200",
        "/v1/keys?limit=200",
        "/v1/quotas/me",
        "/v1/system",
        "/openapi.json",
    ):
        await ears.send("GET", path)


@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_no_secret_comes_out(tmp_path: Path, up, dialect: str, request):
    database = ""
    if dialect == "postgresql":
        made_url = request.getfixturevalue("postgres_server").make()
        database = made_url.replace("://postgres@", f"://postgres:{DB_PASSWORD}@")
    up.script = echo
    up.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}]})
    token = jwt.encode({"exp": time.time() + 600, "site_id": "outer"}, JWT_SECRET, "HS256")
    with running(tmp_path, **environment(up, database)) as server, drained(server) as said:
        async with Client(server.url, FIXED_KEY) as api:
            made = (await api.post("/v1/keys", {"name": "canary", "scopes": ["inference"]})).json()
            ears = Eavesdropper(api)
            await provoke(ears, up, made, token)
            server.process.terminate()
            code = await asyncio.to_thread(server.process.wait, 30)
        err = "".join(said)
    assert code == 0
    assert KEY.findall(server.out) == []
    secrets = {
        "provider key": PROVIDER_KEY,
        "provider header": HEADER_SECRET,
        "stored provider key": STORED_KEY,
        "JWT secret": JWT_SECRET,
        "core secret": CORE_SECRET,
        "pepper": PEPPER,
        "fixed key": FIXED_KEY,
        "database password": DB_PASSWORD,
        "client key": made["key"],
        "client key's secret": made["key"].split("_", 2)[2],
        "token": token,
        "token's signature": token.rpartition(".")[2],
    }
    logged = b"".join(path.read_bytes() for path in (tmp_path / "data" / "logs").iterdir())
    kept = b"".join(
        path.read_bytes()
        for path in (tmp_path / "data").iterdir()
        if path.is_file() and path.name != "admin.key"
    )
    assert logged.count(b'"event":"request"') > 20
    assert any(status.endswith(" 400") for status, _ in ears.heard)
    for name, secret in secrets.items():
        text = secret.encode()
        for place, told in (
            ("stdout", server.out.encode()),
            ("stderr", err.encode()),
            ("log", logged),
            *ears.heard,
        ):
            assert text not in told, f"{name} in {place}"
        assert text not in kept, f"{name} in a file of the data folder"
    # They did arrive where they belong.
    assert any(PROVIDER_KEY in asked.headers.get("authorization", "") for asked in up.requests)
    assert any(asked.headers.get("x-secret") == HEADER_SECRET for asked in up.requests)
    assert not any(made["key"] in str(asked.headers) for asked in up.requests)
