"""A server with one endpoint, `/v1/responses`, over an engine whose chats are scripted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from openai import AsyncOpenAI

from features.gateway.scripted_chat import Everyone, Gateway, ScriptedEngine
from roundhouse.core.settings import ServerSettings
from roundhouse.engine.metering import Meter
from roundhouse.features.gateway.call import Desk
from roundhouse.features.gateway.inference import InferenceEndpoint
from roundhouse.features.gateway.media import MediaGuard
from roundhouse.features.gateway.responses import ResponsesAdapter
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.web import Front, RequestIds


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A server on a free port and the official client of it."""
    engine, everyone = ScriptedEngine(), Everyone()
    desk = Desk(
        engine,
        authenticator=everyone,
        meter=Meter(everyone, everyone, everyone, everyone, SystemClock()),
        media=MediaGuard(fetcher=None, limit_bytes=1, total_bytes=1),
        max_body_bytes=1 << 20,
        body_timeout_s=5.0,
    )
    endpoint = InferenceEndpoint(desk, "chat", "/v1/responses", ResponsesAdapter())
    faults: list[BaseException] = []
    front = Front(
        endpoint,
        {"/v1/responses": endpoint},
        ServerSettings(),
        RequestIds(),
        lambda error, request_id: faults.append(error),
    )
    server = uvicorn.Server(uvicorn.Config(front, lifespan="off", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    client = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="rh_test", max_retries=0)
    yield Gateway(engine, everyone.records, client)
    await client.close()
    server.should_exit = True
    await serving
    assert faults == []
