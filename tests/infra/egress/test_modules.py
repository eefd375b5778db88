"""Calls to modules: nothing is sent twice by itself, whatever happens to a connection."""

from __future__ import annotations

import pytest

from raw_http import Peer, RawServer, answer, raw_server
from roundhouse.core.errors import BackendFailed, BadInput
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Timeouts
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.egress.modules import ModuleClient


async def dies_at_the_second(server: RawServer, peer: Peer) -> None:
    """Answers once over each connection, then takes a request and is gone."""
    server.requests.append(await peer.request())
    await peer.write(answer(b"{}"))
    if request := await peer.request():
        server.requests.append(request)


async def test_a_module_that_dies_in_the_middle_is_not_asked_again() -> None:
    async with raw_server(dies_at_the_second) as server:
        client = ModuleClient(OutboundSettings())
        endpoint = client.endpoint("POST", f"{server.url}/do", trusted=True)
        await (await endpoint.send(b"{}", timeouts=Timeouts())).read()
        with pytest.raises(BackendFailed, match="before it answered"):
            await endpoint.send(b"{}", timeouts=Timeouts())
        await client.close()
    assert len(server.requests) == 2
    async with raw_server(dies_at_the_second) as server:
        others = LeanClient(OutboundSettings())
        endpoint = others.endpoint("POST", f"{server.url}/do")
        for _ in range(2):
            await (await endpoint.send(b"{}", timeouts=Timeouts())).read()
        await others.close()
    assert len(server.requests) == 3


def test_networks_are_read_at_the_start() -> None:
    with pytest.raises(BadInput):
        ModuleClient(OutboundSettings(allow_networks=["everywhere"]))
