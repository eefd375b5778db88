"""Export and import over HTTP, with the room's own routes behind them."""

import io
import json
import zipfile
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from features.chat.transfer.test_chatgpt import conversation
from features.chat.transfer.test_service import ANNA, House
from features.chat.transfer.wholes import plain
from roundhouse.core.types import Caller
from roundhouse.features.chat.transfer import own
from roundhouse.features.chat.transfer.routes import IMPORT_PATH, router
from roundhouse.infra.blobs.staging import Staging
from roundhouse.infra.rooms import render_errors


class Known:
    """Knows one caller."""

    def __init__(self) -> None:
        self.scopes = frozenset({"chats:read", "chats:write"})

    def recall(self, authorization: bytes) -> Caller | None:
        return None

    async def authenticate(self, method: str, path: str, headers: Any) -> Caller:
        return Caller(key_id="key_1", site_id="site", user_id="anna", scopes=self.scopes)


@pytest.fixture
async def house(db, tmp_path, turned_clock):
    staging = Staging(tmp_path / "staging")
    yield House(db, staging, turned_clock)
    await staging.close()


@pytest.fixture
async def client(house):
    later = APIRouter()

    @later.get("/v1/sessions/{session_id}")
    async def taken(session_id: str) -> dict[str, str]:
        return {"taken": session_id}

    app = FastAPI()
    app.state.authenticator = Known()
    render_errors(app)
    app.include_router(router(house.transfer, 5.0))
    app.include_router(later)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as made:
        made.app = app
        yield made


async def test_there_and_back_again(client, house):
    raw = json.dumps([conversation(title='你好 "x" \r\n y')]).encode()
    answer = await client.post(IMPORT_PATH, content=raw)
    assert answer.status_code == 200
    report = answer.json()
    assert (report["object"], report["imported"], report["complete"]) == ("import_report", 1, True)
    session_id = report["entries"][0]["session_id"]
    answer = await client.get(f"/v1/sessions/{session_id}/export")
    assert answer.headers["content-type"] == "application/json"
    assert own.read(answer.content, "x").session.id == session_id
    assert answer.headers["content-disposition"].isascii()
    assert answer.headers["x-content-type-options"] == "nosniff"
    for form, kind in (("markdown", "text/markdown"), ("txt", "text/plain"), ("csv", "text/csv")):
        answer = await client.get(f"/v1/sessions/{session_id}/export", params={"format": form})
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert "A language." in answer.text


async def test_an_account(client, house):
    await house.enter(plain(3, title="One"))
    answer = await client.get("/v1/sessions/export", params={"format": "markdown", "memories": False})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["sessions/000001-One.md"]
    answer = await client.get("/v1/sessions/export", params={"created_after": "2030-01-01T00:00:00Z"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["memories.json"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/sessions/ses_none/export", 404),
        ("GET", "/v1/sessions/ses_none/export?format=exe", 422),
        ("GET", "/v1/sessions/export?format=exe", 422),
        ("GET", "/v1/sessions/export?tag=%00", 422),
        ("POST", "/v1/sessions/import?format=exe", 422),
        ("POST", "/v1/sessions/import", 400),
    ],
)
async def test_what_is_wrong_is_a_clear_error(client, method, path, status):
    answer = await client.request(method, path, content=b"nonsense" if method == "POST" else None)
    assert answer.status_code in (status, 400)
    assert answer.json()["error"]["message"]


async def test_scopes_are_needed(client):
    client.app.state.authenticator.scopes = frozenset({"chats:read"})
    assert (await client.post(IMPORT_PATH, content=b"[]")).status_code == 403
    client.app.state.authenticator.scopes = frozenset({"chats:write"})
    assert (await client.get("/v1/sessions/export")).status_code == 403


async def test_another_users_session_is_not_there(client, house):
    await house.enter(plain(1, user_id="ben"))
    assert (await client.get("/v1/sessions/ses_1/export")).status_code == 404
    assert await house.listed(ANNA) == []
