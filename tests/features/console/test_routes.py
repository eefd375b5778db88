"""The page and its files as browsers get them; signing in is asked of the whole product (tests/flows)."""

import gzip

import httpx
import pytest
from fastapi import FastAPI

from console_checkout import MADE_UP, make_up
from roundhouse.core.types import Caller
from roundhouse.features.console.files import ConsoleFiles
from roundhouse.features.console.routes import router
from roundhouse.infra.rooms import render_errors

BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-encoding": "gzip"}


class Everybody:
    """Lets everybody in."""

    def recall(self, authorization: bytes) -> Caller | None:
        return None

    async def authenticate(self, method, path, headers):
        return Caller("key_a")


@pytest.fixture
async def ask(tmp_path):
    app = FastAPI()
    render_errors(app)
    files = ConsoleFiles(tmp_path / "ui")
    app.include_router(router(Everybody(), files, rooms=["chat"], is_open=False, takes_jwt=True))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://house") as client:
        yield client


@pytest.fixture
def built(tmp_path):
    make_up(tmp_path / "ui")


@pytest.mark.parametrize(
    "path", ["/console/", "/console/chat", "/console/chat/ses_1/and/deeper", "/console/assets"]
)
async def test_every_address_without_a_file_is_the_page(ask, built, path):
    answer = await ask.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.text == MADE_UP["index.html"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'self'; object-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await ask.head(path, headers=BROWSER)).status_code == 200


async def test_a_file_is_sent_packed_and_once(ask, built):
    answer = await ask.get("/console/assets/a.js", headers=BROWSER)
    assert answer.text == MADE_UP["assets/a.js"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = await ask.get("/console/assets/a.js", headers=BROWSER | {"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = await ask.get("/console/assets/a.js", headers={"accept-encoding": "identity"})
    assert plain.text == MADE_UP["assets/a.js"]
    assert "content-encoding" not in plain.headers
    assert len(gzip.compress(plain.content)) > 0


async def test_a_file_that_is_not_there_is_not_the_page(ask, built):
    answer = await ask.get("/console/assets/old.js", headers=BROWSER)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


async def test_a_person_is_told_how_the_console_is_built(ask):
    answer = await ask.get("/console/chat", headers=BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "make console" in answer.text
    program = await ask.get("/console/chat", headers={"accept": "*/*"})
    assert "make console" in program.json()["detail"]


async def test_what_is_built_anew_is_served_anew(ask, built, tmp_path):
    await ask.get("/console/", headers=BROWSER)
    await ask.get("/console/assets/a.js")
    (tmp_path / "ui" / "index.html").write_text("another")
    (tmp_path / "ui" / "assets" / "a.js").write_text("another script")
    assert (await ask.get("/console/", headers=BROWSER)).text == "another"
    assert (await ask.get("/console/assets/a.js")).text == "another script"


async def test_the_front_door_knows_people_from_programs(ask):
    person = await ask.get("/", headers=BROWSER)
    assert (person.status_code, person.headers["location"]) == (307, "/console/")
    program = await ask.get("/", headers={"accept": "*/*"})
    assert (program.status_code, program.json()["error"]["code"]) == (404, "not_found")
    assert (await ask.get("/console")).headers["location"] == "/console/"


async def test_both_ways_to_sign_in_are_told(ask):
    assert (await ask.get("/console/me")).json()["ways"] == ["key", "jwt"]
