"""Files through the whole product: the official client, plain HTTP, and what hostile clients do."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import openai
import pytest
import pytest_asyncio

from features.knowledge.files.house import BOUNDARY, upload_form
from features.knowledge.parsing.writers import Pdf
from flows.calls import make
from raw_client import RawClient, request
from roundhouse.features.knowledge.files import store
from running_server import KEY, running
from s3_server import s3_server
from serving import Answered, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
FORM = f"multipart/form-data; boundary={BOUNDARY}"
LIMITS = {"max_bytes": 3 * MIB}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("files") / "data"
    async with House(folder, files=LIMITS, server={"body_timeout_s": 1.0}) as made:
        yield made


def client(house: House, key: str | None = None) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=key or house.key, max_retries=0)


async def upload(house: House, data: bytes = b"hello", name: str = "a.txt", **more: Any) -> Answered:
    headers = {"Content-Type": FORM, **more.pop("headers", {})}
    path = more.pop("path", "/v1/files")
    key = more.pop("key", None)
    return await house.send("POST", path, data=upload_form(data, name, **more), headers=headers, key=key)


async def states(house: House) -> list[str]:
    import sqlalchemy as sa

    async with house.app.db.read() as tx:
        return sorted((await tx.execute(sa.select(store.blobs.c.state))).scalars())


def staged(house: House) -> list[str]:
    incoming = house.settings.data_dir / "blobs" / "incoming"
    return [path.name for path in incoming.rglob("tmp_*")]


# The official client


async def test_the_official_client(house: House) -> None:
    async with client(house) as api:
        content = "Xin chào.\n".encode() * 1000
        made = await api.files.create(file=("báo cáo.md", content), purpose="assistants")
        assert (made.object, made.bytes, made.filename) == ("file", len(content), "báo cáo.md")
        assert (made.purpose, made.status, made.expires_at) == ("assistants", "processed", None)
        assert made.id.startswith("file_")
        assert await api.files.retrieve(made.id) == made
        answer = await api.files.content(made.id)
        assert answer.content == content
        assert [one.id async for one in api.files.list(purpose="assistants")] == [made.id]
        ended = await api.files.delete(made.id)
        assert (ended.id, ended.deleted, ended.object) == (made.id, True, "file")
        for gone in (api.files.retrieve, api.files.content, api.files.delete):
            with pytest.raises(openai.NotFoundError):
                await gone(made.id)


async def test_the_official_client_with_files_of_every_form(house: House, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":2}\n')
    async with client(house) as api:
        for file in (path, path.open("rb"), io.BytesIO(path.read_bytes()), ("x.jsonl", path.read_bytes())):
            made = await api.files.create(
                file=file, purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
            )
            assert made.expires_at == made.created_at + 3600
            assert made.bytes == 16
            await api.files.delete(made.id)


async def test_the_official_client_follows_pages(house: House) -> None:
    key = (await make(house, scopes=["files:read", "files:write"], site_id="pages"))["key"]
    async with client(house, key) as api:
        made = [
            (await api.files.create(file=(f"{n}.txt", b"x%d" % n), purpose="user_data")).id for n in range(7)
        ]
        assert [one.id async for one in api.files.list(limit=3)] == made[::-1]
        assert [one.id async for one in api.files.list(limit=3, order="asc")] == made
        first = await api.files.list(limit=3)
        assert (first.has_more, len(first.data)) == (True, 3)


@pytest.mark.parametrize(
    ("file", "purpose", "kind", "told"),
    [
        (("a.txt", b""), "user_data", openai.BadRequestError, "empty"),
        (("a.pdf", b"\x7fELF\0\0"), "user_data", openai.UnprocessableEntityError, "x-executable"),
        (("a.txt", b"x"), "no-such", openai.BadRequestError, "purpose must be one of"),
        (("a.txt", b"x" * (3 * MIB + 1)), "user_data", openai.APIStatusError, "larger than"),
    ],
)
async def test_the_official_client_is_told_what_is_wrong(
    house: House, file: Any, purpose: Any, kind: type[openai.APIStatusError], told: str
) -> None:
    if kind is openai.UnprocessableEntityError:
        kind = openai.APIStatusError
    async with client(house) as api:
        with pytest.raises(kind, match=told) as error:
            await api.files.create(file=file, purpose=purpose)
    assert error.value.status_code in (400, 413, 415)


# Plain HTTP


async def test_the_list_has_both_forms_of_cursor(house: House) -> None:
    key = (await make(house, scopes=["files:read", "files:write"], site_id="cursors"))["key"]
    made = [(await upload(house, bytes([65 + n]), key=key)).json()["id"] for n in range(3)]
    page = (await house.get("/v1/files?limit=2", key=key)).json()
    assert page["object"] == "list"
    assert (page["first_id"], page["last_id"], page["next_cursor"]) == (made[2], made[1], made[1])
    assert page["has_more"] is True
    rest = (await house.get(f"/v1/files?limit=2&after={page['next_cursor']}", key=key)).json()
    assert [one["id"] for one in rest["data"]] == [made[0]]
    assert rest["next_cursor"] is None
    assert (await house.get("/v1/files?limit=0", key=key)).status == 422
    assert (await house.get("/v1/files?limit=10000", key=key)).status == 200
    assert (await house.get("/v1/files?order=up", key=key)).status == 422
    assert (await house.get("/v1/files?after=a%00b", key=key)).status == 422


async def test_under_api_as_well_and_with_the_purpose_last(house: House) -> None:
    answer = await upload(house, path="/api/v1/files")
    assert answer.status == 200, answer.body
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="z.txt"\r\n\r\nzzz\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--{BOUNDARY}--\r\n'
    ).encode()
    answer = await house.send("POST", "/v1/files", data=body, headers={"Content-Type": FORM})
    assert answer.json()["bytes"] == 3


async def test_the_same_upload_again(house: House) -> None:
    first, again = [await upload(house, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert first.json() == again.json()
    other = await upload(house, b"other", headers={"Idempotency-Key": "once"})
    assert (other.status, other.code) == (409, "conflict")
    assert (await upload(house, headers={"Idempotency-Key": "x" * 201})).status == 422


async def test_what_is_no_form(house: House) -> None:
    for kind in ("application/json", "text/plain", "multipart/form-data"):
        answer = await house.send("POST", "/v1/files", data=b"{}", headers={"Content-Type": kind})
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), kind
    answer = await upload(house, headers={"Content-Encoding": "gzip"})
    assert answer.status == 415


async def test_hostile_names_are_made_safe(house: House) -> None:
    for name, safe in (
        ("../../../etc/passwd", "passwd"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("x" * 5000, "x" * 200),
        ("..\\..\\a.txt", "a.txt"),
        ("a%0d%0aSet-Cookie: x.txt", "aSet-Cookie_ x.txt"),
    ):
        answer = await upload(house, name=name)
        found = answer.json()
        assert found["filename"].replace("%0d%0a", "") == safe
        content = await house.get(f"/v1/files/{found['id']}/content")
        assert "set-cookie" not in content.headers
        assert content.headers["content-disposition"].startswith('attachment; filename="')


# Delivery


@pytest_asyncio.fixture(loop_scope="module")
async def kept(house: House) -> dict[str, Any]:
    found = (await upload(house, bytes(range(32, 127)) * 10, "a.txt")).json()
    assert isinstance(found, dict)
    return found


async def test_delivery_is_safe(house: House) -> None:
    page = b"<!doctype html><script>alert(document.domain)</script>"
    made = (await upload(house, page, "pägé.html")).json()
    assert made["content_type"] == "text/html"
    answer = await house.get(f"/v1/files/{made['id']}/content")
    headers = answer.headers
    assert answer.body == page
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-disposition"] == (
        "attachment; filename=\"page.html\"; filename*=UTF-8''p%C3%A4g%C3%A9.html"
    )
    assert headers["cache-control"] == "private, no-cache"
    assert headers["etag"] == f'"{hashlib.sha256(page).hexdigest()}"'


async def test_parts(house: House, kept: dict[str, Any]) -> None:
    path = f"/v1/files/{kept['id']}/content"
    whole = (await house.get(path)).body
    etag = f'"{kept["sha256"]}"'
    for header, start, end in (("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=-5", 945, 950)):
        part = await house.get(path, headers={"Range": header})
        assert (part.status, part.body) == (206, whole[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/950"
        assert part.headers["content-length"] == str(end - start)
        assert (await house.get(path, headers={"Range": header, "If-Range": etag})).status == 206
        stale = await house.get(path, headers={"Range": header, "If-Range": '"other"'})
        assert (stale.status, stale.body) == (200, whole)
    for header in ("bytes=0-1,4-5", "lines=1-2", "bytes=5-2"):
        assert (await house.get(path, headers={"Range": header})).body == whole
    behind = await house.get(path, headers={"Range": "bytes=950-"})
    assert (behind.status, behind.code) == (416, "range_not_satisfiable")
    assert behind.headers["content-range"] == "bytes */950"
    assert behind.headers["content-type"] == "application/problem+json"


async def test_conditions_and_head(house: House, kept: dict[str, Any]) -> None:
    path = f"/v1/files/{kept['id']}/content"
    etag = f'"{kept["sha256"]}"'
    for header in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        same = await house.get(path, headers={"If-None-Match": header, "Range": "bytes=0-1"})
        assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    assert (await house.get(path, headers={"If-None-Match": '"x"'})).status == 200
    head, whole = await house.send("HEAD", path), await house.get(path)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "etag", "content-disposition", "accept-ranges", "content-type"):
        assert head.headers[name] == whole.headers[name]
    ranged = await house.send("HEAD", path, headers={"Range": "bytes=0-1"})
    assert (ranged.status, ranged.headers["content-length"]) == (200, "950")


async def test_a_reader_that_goes_away_in_the_middle(house: House, logged: list[dict[str, Any]]) -> None:
    made = (await upload(house, b"y" * (3 * MIB))).json()
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {house.key}"}
        answer = await session.get(f"{house.url}/v1/files/{made['id']}/content", headers=headers)
        await answer.content.readexactly(10)
        answer.close()
    assert (await house.get(f"/v1/files/{made['id']}")).status == 200
    await asyncio.sleep(0.1)
    assert [line for line in logged if line["log_level"] == "error"] == []


async def test_bytes_that_break_off_in_the_middle(house: House, logged: list[dict[str, Any]]) -> None:
    """The reader must see that it is not all."""
    made = (await upload(house, b"w" * (2 * MIB))).json()
    (path,) = (house.settings.data_dir / "blobs").glob(f"{made['sha256'][:2]}/{made['sha256'][2:]}*")
    os.truncate(path, MIB)
    with pytest.raises(aiohttp.ClientPayloadError):
        await house.get(f"/v1/files/{made['id']}/content")
    assert "delivery_cut_off" in [line["event"] for line in logged]
    path.unlink()
    lost = await house.get(f"/v1/files/{made['id']}/content")
    assert (lost.status, lost.code) == (503, "storage_unavailable")


# Who may


async def test_scopes(house: House, kept: dict[str, Any]) -> None:
    reader = (await make(house, scopes=["files:read"]))["key"]
    writer = (await make(house, scopes=["files:write"]))["key"]
    other = (await make(house, scopes=["inference"]))["key"]
    path = f"/v1/files/{kept['id']}"
    assert (await house.get(path, key=reader)).status == 200
    assert (await house.get(f"{path}/content", key=reader)).status == 200
    assert (await upload(house, key=reader)).status == 403
    assert (await house.send("DELETE", path, key=reader)).status == 403
    assert (await upload(house, key=writer)).status == 200
    for refused in (path, f"{path}/content", "/v1/files"):
        assert (await house.get(refused, key=writer)).status == 403
        assert (await house.get(refused, key=other)).status == 403
        assert (await house.get(refused, key="")).status == 401
    assert (await upload(house, key="")).status == 401


async def test_another_tenants_files_are_not_there(house: House, kept: dict[str, Any]) -> None:
    admin = (await make(house, scopes=["admin"], site_id="elsewhere"))["key"]
    stranger = (await make(house, scopes=["files:read", "files:write"], site_id="elsewhere"))["key"]
    path = f"/v1/files/{kept['id']}"
    for key in (stranger, admin):
        for method, asked in (
            ("GET", path),
            ("DELETE", path),
            ("GET", f"{path}/content"),
            ("HEAD", f"{path}/content"),
        ):
            answer = await house.send(method, asked, key=key)
            assert answer.status == 404, (method, asked)
        ids = [one["id"] for one in (await house.get("/v1/files", key=key)).json()["data"]]
        assert kept["id"] not in ids
    assert (await house.get(f"{path}/content")).status == 200


async def test_a_page_as_it_looks(house: House) -> None:
    pdf = Pdf()
    pdf.lines("It boils.")
    made = (await upload(house, pdf.done(), "kettle.pdf", purpose="assistants")).json()
    path = f"/v1/files/{made['id']}/pages"
    shown = await house.get(f"{path}/1")
    assert (shown.status, shown.headers["content-type"], shown.body[:4]) == (200, "image/png", b"\x89PNG")
    assert (shown.headers["x-content-type-options"], shown.headers["cache-control"]) == (
        "nosniff",
        "private, no-cache",
    )
    again = await house.get(f"{path}/1", headers={"If-None-Match": shown.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert (await house.get(f"{path}/2")).status == 404
    assert (await house.get(f"{path}/0")).status == 422
    stranger = (await make(house, scopes=["files:read"], site_id="elsewhere"))["key"]
    writer = (await make(house, scopes=["files:write"]))["key"]
    assert (await house.get(f"{path}/1", key=stranger)).status == 404
    assert (await house.get(f"{path}/1", key=writer)).status == 403


async def test_a_key_of_one_user_sees_its_own_files_only(house: House, kept: dict[str, Any]) -> None:
    keys = [
        (await make(house, scopes=["files:read", "files:write"], user_id=name))["key"]
        for name in ("u1", "u2")
    ]
    made = (await upload(house, b"mine", key=keys[0])).json()["id"]
    assert (await house.get(f"/v1/files/{made}", key=keys[0])).status == 200
    assert (await house.get(f"/v1/files/{made}", key=keys[1])).status == 404
    assert (await house.get(f"/v1/files/{kept['id']}", key=keys[0])).status == 404
    assert [one["id"] for one in (await house.get("/v1/files", key=keys[0])).json()["data"]] == [made]


# Bodies that lie, drip or break off


def head(house: House, *headers: str) -> bytes:
    return request(
        "POST",
        "/v1/files",
        "Host: localhost",
        f"Authorization: Bearer {house.key}",
        f"Content-Type: {FORM}",
        *headers,
    )


async def test_a_length_over_the_limit_is_refused_before_the_body(house: House) -> None:
    async with RawClient(house.port) as raw:
        await raw.send(head(house, f"Content-Length: {10**12}"))
        answer = await raw.answer()
    assert (answer.status, answer.code) == (413, "too_large")


async def test_a_body_without_a_length_is_refused_at_the_limit(house: House) -> None:
    async with RawClient(house.port) as raw:
        await raw.send(head(house, "Transfer-Encoding: chunked"))
        chunk = upload_form(b"x" * 65_000)[:65_000]
        sent = 0
        while sent < 8 * MIB:
            try:
                await raw.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            except ConnectionError:
                break
            sent += len(chunk)
            chunk = b"x" * 65_000
            await asyncio.sleep(0)
        answer = await raw.answer()
    assert (answer.status, answer.code) == (413, "too_large")
    assert staged(house) == []


async def test_a_body_that_drips_or_stops(house: House) -> None:
    body = upload_form(b"x" * 1000)
    async with RawClient(house.port) as raw:
        await raw.send(head(house, f"Content-Length: {len(body)}") + body[:200])
        answer = await raw.answer(within_s=20)
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert staged(house) == []


async def test_a_client_that_breaks_off_leaves_nothing(house: House) -> None:
    before = len(await states(house))
    body = upload_form(b"x" * 2 * MIB)
    async with RawClient(house.port) as raw:
        await raw.send(head(house, f"Content-Length: {len(body)}") + body[:MIB])
        for _ in range(500):
            if staged(house):
                break
            await asyncio.sleep(0.01)
        assert staged(house)
    for _ in range(500):
        if not staged(house):
            break
        await asyncio.sleep(0.01)
    assert staged(house) == []
    assert len(await states(house)) == before


async def test_a_form_of_other_sizes_than_it_says(house: House) -> None:
    body = upload_form(b"x" * 100)
    before = len(await states(house))
    async with RawClient(house.port) as raw:
        await raw.send(head(house, f"Content-Length: {len(body) - 30}") + body[:-30])
        answer = await raw.answer()
    assert (answer.status, answer.code) == (400, "bad_input")
    async with RawClient(house.port) as raw:
        await raw.send(head(house, f"Content-Length: {len(body) - 30}") + body)
        await raw.closed()
    assert staged(house) == []
    assert len(await states(house)) == before


async def test_other_routes_keep_their_limit(house: House) -> None:
    for path in ("/v1/files/x", "/v1/keys"):
        async with RawClient(house.port) as raw:
            length = f"Content-Length: {33 * MIB}"
            await raw.send(
                request("POST", path, "Host: localhost", f"Authorization: Bearer {house.key}", length)
            )
            assert (await raw.answer()).status == 413


# Storage


async def test_no_room_on_the_disk(tmp_path: Path) -> None:
    async with House(tmp_path / "data") as house:
        made = (await upload(house)).json()
    async with House(tmp_path / "data", files={"reserve_mib": 10**9}) as house:
        house.key = (tmp_path / "data" / "admin.key").read_text().strip()
        full = await upload(house, b"more")
        assert (full.status, full.code) == (507, "storage_full")
        assert (await house.get(f"/v1/files/{made['id']}/content")).body == b"hello"
        assert (await house.send("DELETE", f"/v1/files/{made['id']}")).status == 200


async def test_bytes_in_s3(tmp_path: Path) -> None:
    with s3_server(tmp_path / "s3") as server:
        async with House(tmp_path / "data", files=server.options()) as house, client(house) as api:
            content = os.urandom(9 * MIB)
            png = b"\x89PNG\r\n\x1a\n" + content
            made = await api.files.create(file=("a.png", png), purpose="vision")
            assert len(server.objects()) == 1
            assert (await api.files.content(made.id)).content == png
            part = await house.get(f"/v1/files/{made.id}/content", headers={"Range": "bytes=8-17"})
            assert (part.status, part.body) == (206, content[:10])
            server.refuse_with = 503
            away = await house.get(f"/v1/files/{made.id}/content")
            assert (away.status, away.code) == (503, "storage_unavailable")
            assert (await api.files.retrieve(made.id)).bytes == len(png)
            server.refuse_with = None
            await api.files.delete(made.id)
            assert server.objects() == []


async def test_killed_in_the_middle_of_an_upload(tmp_path: Path) -> None:
    def begin(url: str, key: str, size: int) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        connection.putrequest("POST", "/v1/files")
        connection.putheader("Authorization", f"Bearer {key}")
        connection.putheader("Content-Type", FORM)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        return connection

    def leftovers() -> list[Path]:
        return list((tmp_path / "data" / "blobs" / "incoming").rglob("tmp_*"))

    def work() -> None:
        body = upload_form(b"x" * 4 * MIB)
        with running(tmp_path) as server:
            key = KEY.search(server.out)[0]
            whole = begin(server.url, key, len(body))
            whole.send(body)
            made = whole.getresponse().read()
            assert b'"file_' in made
            half = begin(server.url, key, len(body))
            half.send(body[: 3 * MIB])
            while not leftovers() or not leftovers()[0].stat().st_size:
                pass
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            assert leftovers()
            half.close()
        with running(tmp_path) as server:
            status, listed = server.get("/v1/files", key)
            assert (status, [one["bytes"] for one in listed["data"]]) == (200, [4 * MIB])
            again = begin(server.url, key, len(body))
            again.send(body)
            assert again.getresponse().status == 200
            assert leftovers() == []
            kept = [path for path in (tmp_path / "data" / "blobs").glob("??/*") if path.is_file()]
            assert len(kept) == 1

    await asyncio.to_thread(work)
