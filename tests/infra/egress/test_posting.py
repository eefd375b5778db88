"""Posting to users' addresses: judged when it is dialled, never elsewhere, in time."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest

from raw_http import Peer, RawServer, always, answer, raw_server
from roundhouse.core.errors import AddressRefused, BackendDown, BackendFailed, BackendTimeout, BadInput
from roundhouse.core.settings import OutboundSettings
from roundhouse.infra.egress.posting import GuardedPoster, Posted

LOCAL = ["127.0.0.1/32"]


class Names:
    """Of `rebinding.test` it says something else at the second question."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        if host == "unknown.test":
            raise OSError("not known")
        if host == "rebinding.test" and self.asked == 1:
            return ["8.8.8.8"]
        return {"metadata.test": ["169.254.169.254"], "mixed.test": ["8.8.8.8", "127.0.0.1"]}.get(
            host, ["127.0.0.1"]
        )


def poster(networks: list[str] | None = None, **more: Any) -> GuardedPoster:
    return GuardedPoster(OutboundSettings(allow_networks=networks or []), Names(), **more)


async def test_a_message_and_its_answer() -> None:
    async with raw_server(always(answer(b"thank you" * 1000, b"Content-Type: text/plain"))) as server:
        url = f"http://hooks.test:{server.port}/in?token=1"
        posted = await poster(LOCAL).post(url, {"webhook-id": "evt_1"}, b'{"a":1}', 5.0)
    assert posted == Posted(200, (b"thank you" * 1000)[:1024])
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.lower().splitlines()
    assert lines[0] == b"post /in?token=1 http/1.1"
    assert {b"host: hooks.test:%d" % server.port, b"webhook-id: evt_1", b"content-length: 7"} <= set(lines)
    assert body == b'{"a":1}'


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with raw_server(
        always(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
    ) as server:
        posted = await poster(LOCAL).post(f"http://127.0.0.1:{server.port}/a", {}, b"", 5.0)
        assert (posted, len(server.requests)) == (Posted(302, b""), 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0x7f.0.0.1:{port}/",
        "http://mixed.test:{port}/",
        "http://metadata.test:{port}/",
        "http://169.254.169.254/",
        "http://local.test:{port}/",
    ],
)
async def test_addresses_that_are_not_public(url: str) -> None:
    async with raw_server(always(answer(b""))) as server:
        for one in (poster(), poster(["10.0.0.0/8"])):
            with pytest.raises(AddressRefused):
                await one.check(url.format(port=server.port))
            with pytest.raises(AddressRefused):
                await one.post(url.format(port=server.port), {}, b"{}", 5.0)
        assert server.connections == 0


async def test_a_name_is_judged_again_when_it_is_dialled() -> None:
    async with raw_server(always(answer(b""))) as server:
        one, url = poster(), f"http://rebinding.test:{server.port}/"
        await one.check(url)
        with pytest.raises(AddressRefused):
            await one.post(url, {}, b"{}", 5.0)
        assert server.connections == 0


async def test_an_open_house_may_post_to_itself_and_not_to_metadata() -> None:
    async with raw_server(always(answer(b""))) as server:
        one = poster(loopback=True)
        assert (await one.post(f"http://local.test:{server.port}/", {}, b"", 5.0)).status == 200
        for url in ("http://metadata.test/", "http://10.0.0.1/"):
            with pytest.raises(AddressRefused):
                await one.check(url)


async def test_what_is_not_there() -> None:
    await poster().check("http://unknown.test/")
    with pytest.raises(BackendDown):
        await poster().post("http://unknown.test/", {}, b"", 5.0)
    with pytest.raises(BackendFailed):
        await poster(LOCAL).post("http://127.0.0.1:1/", {}, b"", 5.0)
    with pytest.raises(BadInput):
        await poster().check("http://user@example.org/")


async def test_an_answer_has_its_time() -> None:
    async def silent(_: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.closed()

    async with raw_server(silent) as server:
        began_s = time.monotonic()
        with pytest.raises(BackendTimeout):
            await poster(LOCAL).post(f"http://127.0.0.1:{server.port}/", {}, b"{}", 0.2)
        assert time.monotonic() - began_s < 3


async def test_a_body_that_breaks_off_or_never_ends_changes_nothing() -> None:
    async def endless(_: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    async with raw_server(endless) as server:
        posted = await poster(LOCAL).post(f"http://127.0.0.1:{server.port}/", {}, b"{}", 5.0)
    assert posted == Posted(200, b"x" * 1024)
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort"
    async with raw_server(always(cut)) as server:
        posted = await poster(LOCAL).post(f"http://127.0.0.1:{server.port}/", {}, b"{}", 0.5)
    assert posted.status == 200
