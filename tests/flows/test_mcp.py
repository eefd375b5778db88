"""The MCP server of the whole product, asked by the official client in both eras of the protocol."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.subscriptions import ToolsListChanged

from flows.calls import make
from peers.modules import module_server
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module():
    async with module_server() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    server = {"allowed_hosts": ["lab-server", "127.0.0.1"]}
    async with House(tmp_path_factory.mktemp("mcp") / "data", server=server) as made:
        yield made


@asynccontextmanager
async def asking(house: House, key: str, mode: str = "auto", **headers: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}", **headers}) as http,
        Client(streamable_http_client(f"{house.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def key(house):
    return (await make(house, scopes=["mcp"]))["key"]


async def register(house: House, name: str, url: str, **more: Any) -> None:
    body = {
        "name": name,
        "title": "Solve",
        "description": "Solves.",
        "input_schema": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
        "output_schema": {"type": "object", "required": ["result"]},
        "examples": [{"name": "two", "input": {"expression": "2+2"}}],
        "endpoint": {"url": url},
        **more,
    }
    answer = await house.post("/v1/capabilities", body)
    assert answer.status == 201, answer.body


@pytest.mark.parametrize(("mode", "version"), ERAS.items())
async def test_a_capability_is_a_tool_without_a_restart(house, module, key, mode, version):
    async with asking(house, key, mode) as client:
        assert client.protocol_version == version
        assert client.server_info is None or client.server_info.name == "roundhouse"
        before = {tool.name for tool in (await client.list_tools()).tools}
        assert "builtin__chat" in before
        name = f"ai-math.solve-{mode}"
        await register(house, name, f"{module.url}/solve")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools.keys() - before == {f"ai-math__solve-{mode}"}
        tool = tools[f"ai-math__solve-{mode}"]
        assert tool.input_schema["required"] == ["expression"]
        assert "2+2" in (tool.description or "")
        answer = await client.call_tool(tool.name, {"expression": "2+2"})
        assert not answer.is_error
        assert answer.structured_content == {"result": 4, "confidence": 0.9}
        assert answer.content[0].text == '{"result": 4, "confidence": 0.9}'
        await house.send("PATCH", f"/v1/capabilities/{name}", {"expose_mcp": False})
        assert tool.name not in {one.name for one in (await client.list_tools()).tools}
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.session.call_tool(tool.name, {"expression": "2+2"})


@pytest.mark.parametrize("mode", ERAS)
async def test_what_goes_wrong_is_told_in_words(house, module, key, mode):
    await register(house, f"wrong.{mode}", f"{module.url}/wrong")
    await register(house, f"away.{mode}", f"{module.url}/status/500")
    before = len(module.seen)
    async with asking(house, key, mode) as client:
        answer = await client.call_tool(f"wrong__{mode}", {"expression": 4})
        assert answer.is_error
        assert answer.content[0].text.startswith("unprocessable:")
        assert "/expression" in answer.content[0].text
        assert len(module.seen) == before
        answer = await client.call_tool(f"wrong__{mode}", {"expression": "1"})
        assert answer.is_error
        assert answer.content[0].text.startswith("output_invalid:")
        answer = await client.call_tool(f"away__{mode}", {"expression": "1"})
        assert answer.is_error
        assert answer.content[0].text.startswith("backend_failed:")


async def test_inputs_and_outputs_that_are_no_objects(house, module, key):
    more = {
        "input_schema": {"type": "array", "items": {"type": "number"}},
        "output_schema": None,
        "examples": [],
    }
    await register(house, "echo", f"{module.url}/echo", **more)
    await register(house, "hello", f"{module.url}/text", output_schema={"type": "string"})
    async with asking(house, key) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["echo"].input_schema["required"] == ["input"]
        answer = await client.call_tool("echo", {"input": [1, 2]})
        assert (answer.is_error, answer.content[0].text) == (False, "[1, 2]")
        assert (await client.call_tool("echo", {"input": ["a"]})).is_error
        assert (await client.call_tool("echo", {})).is_error
        assert tools["hello"].output_schema is None
        answer = await client.call_tool("hello", {"expression": "?"})
        assert answer.content[0].text == "Xin chào"


async def test_who_listens_is_told_of_changes(house, module, key):
    async with asking(house, key) as client, asyncio.timeout(20):
        async with client.listen(tools_list_changed=True) as events:
            await register(house, "heard", f"{module.url}/solve")
            async for event in events:
                assert isinstance(event, ToolsListChanged)
                break
        assert "heard" in {tool.name for tool in (await client.list_tools()).tools}


async def test_each_tenant_sees_its_own_tools(house, module):
    await register(house, "mine.only", f"{module.url}/solve")
    other = (await make(house, scopes=["mcp"], site_id="south"))["key"]
    async with asking(house, other) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert "builtin__chat" in names
        assert "mine__only" not in names
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.session.call_tool("mine__only", {"expression": "1"})


DISCOVER = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
MODERN = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/list",
}


async def test_the_path_answers_itself_and_asks_for_the_scope(house, key):
    answer = await house.post("/mcp", DISCOVER, key=key, headers=MODERN)
    assert answer.status == 200, answer.body
    assert "tools" in answer.json()["result"]
    assert (await house.post("/mcp", DISCOVER, key="", headers=MODERN)).code == "not_signed_in"
    other = (await make(house, scopes=["tasks"]))["key"]
    assert (await house.post("/mcp", DISCOVER, key=other, headers=MODERN)).code == "not_allowed"
    for method in ("GET", "DELETE"):
        answer = await house.send(method, "/mcp", key=key)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_names_of_the_local_network_are_those_of_the_server(house, key):
    for host, status in (("lab-server", 200), ("lab-server:8000", 200), ("evil.example", 403)):
        answer = await house.post("/mcp", DISCOVER, key=key, headers=MODERN | {"Host": host})
        assert answer.status == status, (host, answer.body)


async def test_what_is_no_message(house, key):
    for body in ([], {}, {"jsonrpc": "2.0", "id": 1}, {"jsonrpc": "2.0", "id": 1, "method": "no/such"}):
        answer = await house.post("/mcp", body, key=key, headers=MODERN)
        assert 400 <= answer.status < 500, (body, answer.body)
    assert (await house.post("/mcp", {}, key=key)).status < 500


async def test_a_start_does_not_load_the_library():
    code = "import sys, roundhouse.app.api; sys.exit('mcp' in sys.modules or 'mcp_types' in sys.modules)"
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    assert ended.returncode == 0
