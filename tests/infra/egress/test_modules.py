"""Calls to modules: nothing is sent twice by itself, whatever happens to a connection."""

from __future__ import annotations

import pytest

from raw_http import Peer, RawServer, answer, raw_server
from roundhouse.core.errors import AddressRefused, BackendDown, BackendFailed, BadInput, NotLocal
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


NAMES = {
    "lab.example": ["192.168.1.7"],
    "api.example": ["8.8.8.8"],
    "both.example": ["192.168.1.7", "8.8.8.8"],
    "metadata.example": ["169.254.169.254"],
}


async def lookup(host: str, port: int) -> list[str]:
    if host not in NAMES:
        raise OSError("unknown")
    return NAMES[host]


@pytest.mark.parametrize(
    ("host", "trusted", "refusal"),
    [
        ("lab.example", True, None),
        ("127.0.0.1", True, None),
        # Who is no admin reaches private addresses in the networks of the settings only, here as elsewhere.
        ("lab.example", False, None),
        ("10.0.0.1", False, AddressRefused),
        ("api.example", True, NotLocal),
        ("api.example", False, NotLocal),
        # One address outside is one too many: the next connection may take it.
        ("both.example", True, NotLocal),
        ("both.example", False, NotLocal),
        ("metadata.example", True, AddressRefused),
        ("unknown.example", True, BackendDown),
    ],
)
async def test_what_is_outside_is_not_dialled_for_who_may_not_leave(host, trusted, refusal) -> None:
    client = ModuleClient(OutboundSettings(allow_networks=["192.168.1.0/24"]), lookup)
    url = f"http://{host}/do"
    if refusal is None:
        await client.check_inside(url, trusted=trusted)
    else:
        with pytest.raises(refusal):
            await client.check_inside(url, trusted=trusted)
        with pytest.raises(refusal):
            endpoint = client.endpoint("POST", url, trusted=trusted, local_only=True)
            await endpoint.send(b"{}", timeouts=Timeouts())
    await client.close()
