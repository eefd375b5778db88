"""Fetching for users: public addresses only, at every hop, at the moment of dialling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from raw_http import Peer, RawServer, always, answer, make_tls, raw_server
from roundhouse.core.errors import AddressRefused, BadInput, TooLarge
from roundhouse.core.settings import OutboundSettings
from roundhouse.infra.egress.guard import GuardedFetcher

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
LOCAL = ["127.0.0.1/32"]
LIMIT = 1024 * 1024


class Names:
    """A name server of a test: `rebinding` changes its answer at the second question."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host == "rebinding.test":
            return ["8.8.8.8"] if len(self.asked) == 1 else ["127.0.0.1"]
        if host == "mixed.test":
            return ["8.8.8.8", "127.0.0.1"]
        if host == "metadata.test":
            return ["169.254.169.254"]
        if host == "unknown.test":
            raise OSError("not known")
        return ["127.0.0.1"]


def guard(networks: list[str] | None = None, **settings: Any) -> GuardedFetcher:
    return GuardedFetcher(OutboundSettings(allow_networks=networks or [], **settings), Names())


async def test_an_image() -> None:
    async with raw_server(always(answer(PNG, b"Content-Type: image/png"))) as server:
        url = f"http://images.test:{server.port}/a.png?size=1"
        assert await guard(LOCAL).fetch(url, limit_bytes=LIMIT) == (PNG, "image/png")
    request = server.requests[0].decode().lower()
    assert request.startswith(f"get /a.png?size=1 http/1.1\r\nhost: images.test:{server.port}\r\n")
    assert "authorization" not in request
    assert "cookie" not in request


async def test_tls_is_for_the_name_not_the_address(tmp_path: Path) -> None:
    tls = make_tls(tmp_path, "images.test")
    async with raw_server(always(answer(PNG)), tls.server) as server:
        fetcher = guard(LOCAL, ca_file=tls.ca_file)
        body, kind = await fetcher.fetch(f"https://images.test:{server.port}/", limit_bytes=LIMIT)
        assert (body, kind) == (PNG, "application/octet-stream")
        with pytest.raises(BadInput, match="cannot be fetched"):
            await fetcher.fetch(f"https://other.test:{server.port}/", limit_bytes=LIMIT)


PRIVATE_URLS = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://１２７.０.０.１:{port}/",
    "http://mixed.test:{port}/",
    "http://metadata.test:{port}/",
    "http://169.254.169.254/latest/meta-data/",
]


@pytest.mark.parametrize("url", PRIVATE_URLS)
async def test_private_addresses(url: str) -> None:
    async with raw_server(always(answer(b"secret"))) as server:
        with pytest.raises(AddressRefused):
            await guard().fetch(url.format(port=server.port), limit_bytes=LIMIT)
        with pytest.raises(AddressRefused):
            await guard().check(url.format(port=server.port))
        assert server.connections == 0


async def test_metadata_even_when_allowed() -> None:
    with pytest.raises(AddressRefused):
        await guard(["0.0.0.0/0"]).fetch("http://169.254.169.254/", limit_bytes=LIMIT)


async def test_parser_differences() -> None:
    async with raw_server(always(answer(b"secret"))) as server:
        for url in (
            f"http://a@127.0.0.1:{server.port}\\@images.test/",
            f"http://images.test\\@127.0.0.1:{server.port}/",
            f"http://images.test@127.0.0.1:{server.port}/",
            f"http://127.0.0.1:{server.port}%23@images.test/",
            f"http://127%2e0%2e0%2e1:{server.port}/",
            f"http://images.test\t@127.0.0.1:{server.port}/",
        ):
            with pytest.raises(BadInput):
                await guard(LOCAL).fetch(url, limit_bytes=LIMIT)
        assert server.connections == 0


async def test_the_checked_address_is_the_one_dialled() -> None:
    """A name that is public when checked and private when dialled gains nothing."""
    async with raw_server(always(answer(b"secret"))) as server:
        fetcher = guard()
        await fetcher.check("http://rebinding.test/")
        with pytest.raises(AddressRefused):
            await fetcher.fetch(f"http://rebinding.test:{server.port}/", limit_bytes=LIMIT)
        assert server.connections == 0


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/secret",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.2]:{port}/",
        "//127.0.0.2:{port}/secret",
        "http://metadata.test/",
    ],
)
@pytest.mark.parametrize("status", [b"301 A", b"302 A", b"303 A", b"307 A", b"308 A"])
async def test_redirects_to_private_addresses(target: str, status: bytes) -> None:
    async with raw_server(always(answer(b"secret")), host="127.0.0.2") as inner:
        there = b"Location: " + target.format(port=inner.port).encode()
        async with raw_server(always(answer(b"", there, status=status))) as outer:
            with pytest.raises(AddressRefused):
                await guard(LOCAL).fetch(f"http://images.test:{outer.port}/", limit_bytes=LIMIT)
        assert inner.connections == 0


@pytest.mark.parametrize("target", [b"file:///etc/passwd", b"http://a@b/", b"gopher://127.0.0.1/"])
async def test_redirects_to_what_is_not_http(target: bytes) -> None:
    async with raw_server(always(answer(b"", b"Location: " + target, status=b"302 A"))) as server:
        with pytest.raises(BadInput):
            await guard(LOCAL).fetch(server.url, limit_bytes=LIMIT)


async def test_redirects_are_followed_three_times() -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        while request := await peer.request():
            left = int(request.split(b" ")[1].rsplit(b"/", 1)[1])
            hop = answer(b"", b"Location: ../hop/%d" % (left - 1), status=b"302 Found")
            await peer.write(hop if left else answer(PNG))

    async with raw_server(script) as server:
        assert (await guard(LOCAL).fetch(f"{server.url}/hop/3", limit_bytes=LIMIT))[0] == PNG
        with pytest.raises(BadInput, match="redirects"):
            await guard(LOCAL).fetch(f"{server.url}/hop/4", limit_bytes=LIMIT)


async def test_size_limits() -> None:
    async def endless(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    async with raw_server(endless) as server:
        with pytest.raises(TooLarge):
            await guard(LOCAL).fetch(server.url, limit_bytes=100_000)
    async with raw_server(always(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n")) as server:
        with pytest.raises(TooLarge):
            await guard(LOCAL).fetch(server.url, limit_bytes=100_000)


async def test_time_limit() -> None:
    async def script(server: RawServer, peer: Peer) -> None:
        await peer.request()
        await peer.closed()

    async with raw_server(script) as server:
        with pytest.raises(BadInput, match=r"in time|cannot be fetched"):
            await guard(LOCAL, media_timeout_s=0.2).fetch(server.url, limit_bytes=LIMIT)


async def test_failures_are_the_users() -> None:
    with pytest.raises(BadInput):
        await guard(LOCAL).fetch("http://unknown.test/", limit_bytes=LIMIT)
    with pytest.raises(BadInput):
        await guard(LOCAL).check("http://unknown.test/")
    async with raw_server(always(answer(b"", status=b"404 None"))) as server:
        with pytest.raises(BadInput, match="404"):
            await guard(LOCAL).fetch(server.url, limit_bytes=LIMIT)
    with pytest.raises(BadInput, match="cannot be fetched"):
        await guard(LOCAL).fetch("http://127.0.0.1:1/", limit_bytes=LIMIT)
    await guard(LOCAL).check("http://127.0.0.1:1/")
