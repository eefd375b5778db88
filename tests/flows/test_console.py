"""Signing in to the console, and what its cookie opens: asked of the whole product."""

from http.cookies import SimpleCookie

import jwt
import pytest
import pytest_asyncio

from flows.calls import make
from roundhouse.infra.auth import CONSOLE_COOKIE
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

JWT_SECRET = "a secret that is long enough for HS256"  # as tests/flows/test_outer_system.py


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    access = {"jwt_secret": JWT_SECRET}
    async with House(tmp_path_factory.mktemp("console") / "data", access=access) as made:
        yield made


def ours(house, **more):
    """Headers of a request of the console's own page."""
    return {"Origin": house.url, **more}


async def sign_in(house, credential, **more):
    """The cookie's text and the whole header of a login."""
    answer = await house.post(
        "/console/login", {"credential": credential} | more, key="", headers=ours(house)
    )
    assert answer.status == 200, answer.body
    told = SimpleCookie(answer.headers["set-cookie"])[CONSOLE_COOKIE]
    return f"{CONSOLE_COOKIE}={told.coded_value}", told


async def test_the_cookie_is_for_the_browser_alone(house):
    _, told = await sign_in(house, house.key)
    assert (told["httponly"], told["samesite"].lower(), told["path"]) == (True, "strict", "/")
    assert (told["secure"], told["max-age"], told["domain"]) == ("", "", "")
    _, kept = await sign_in(house, house.key, remember=True)
    assert kept["max-age"] == str(30 * 86_400)


async def test_under_https_it_is_sent_under_https_alone(house):
    origin = house.url.replace("http://", "https://")
    answer = await house.post("/console/login", {"credential": house.key}, key="", headers={"Origin": origin})
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_it_opens_what_the_key_opens_and_no_more(house):
    key = (await make(house, name="reader", scopes=["models:read"], site_id="north"))["key"]
    cookie, _ = await sign_in(house, key)
    me = (await house.get("/console/me", key="", headers={"Cookie": cookie})).json()
    assert (me["signed_in"], me["site_id"], me["scopes"]) == (True, "north", ["models:read"])
    assert me["ways"] == ["key", "jwt"]
    assert (await house.get("/v1/models", key="", headers={"Cookie": cookie})).status == 200
    assert (await house.get("/v1/keys", key="", headers={"Cookie": cookie})).code == "not_allowed"


async def test_a_revoked_key_ends_what_its_cookie_opens(house):
    made = await make(house, name="short", scopes=["models:read"])
    cookie, _ = await sign_in(house, made["key"])
    await house.send("DELETE", f"/v1/keys/{made['id']}")
    assert (await house.get("/v1/models", key="", headers={"Cookie": cookie})).code == "not_signed_in"
    assert (await house.get("/console/me", key="", headers={"Cookie": cookie})).json()["signed_in"] is False


async def test_the_cookie_has_the_keys_limits(house):
    made = await make(house, name="slow", scopes=["inference"], requests_per_minute=1)
    cookie, _ = await sign_in(house, made["key"])
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hello."}]}
    first = await house.post("/v1/chat/completions", body, key=made["key"])
    second = await house.post("/v1/chat/completions", body, key="", headers=ours(house, Cookie=cookie))
    assert (first.status, second.code) == (200, "rate_limit_exceeded")


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/chat/completions", "/v1/embeddings"])
@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:1", "https://evil.example", "null"])
async def test_another_page_writes_nothing(house, path, origin):
    cookie, _ = await sign_in(house, house.key)
    headers = {"Cookie": cookie} | ({"Origin": origin} if origin else {})
    body = {"name": "stolen", "model": "auto", "messages": [{"role": "user", "content": "x"}], "input": "x"}
    assert (await house.post(path, body, key="", headers=headers)).code == "not_allowed"


async def test_the_consoles_own_page_writes(house):
    cookie, _ = await sign_in(house, house.key)
    answer = await house.post(
        "/v1/keys", {"name": "made in the console"}, key="", headers=ours(house, Cookie=cookie)
    )
    assert answer.status == 201


async def test_a_key_in_a_header_goes_before_the_cookie(house):
    cookie, _ = await sign_in(house, house.key)
    key = (await make(house, name="other", scopes=["models:read"], site_id="south"))["key"]
    me = (await house.get("/console/me", key=key, headers={"Cookie": cookie})).json()
    assert me["site_id"] == "south"


async def test_nobody_signs_another_in_or_out(house):
    for path, body in (("/console/login", {"credential": house.key}), ("/console/logout", None)):
        answer = await house.post(path, body, key="", headers={"Origin": "https://evil.example"})
        assert (answer.code, "set-cookie" in answer.headers) == ("not_allowed", False)


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        ("rh_unknown_" + "x" * 43, "not_signed_in"),
        ("", "unprocessable"),
        ("a\nb", "unprocessable"),
        ("x" * 3001, "unprocessable"),
    ],
)
async def test_what_is_no_key_opens_nothing(house, credential, code):
    answer = await house.post("/console/login", {"credential": credential}, key="", headers=ours(house))
    assert (answer.code, "set-cookie" in answer.headers) == (code, False)


async def test_signing_out_takes_the_cookie_back(house):
    answer = await house.post("/console/logout", key="", headers=ours(house))
    told = SimpleCookie(answer.headers["set-cookie"])[CONSOLE_COOKIE]
    assert (answer.status, told.value, told["max-age"]) == (204, "", "0")


async def test_that_nobody_is_signed_in_is_an_answer(house):
    answer = await house.get("/console/me", key="")
    assert (answer.status, answer.json()["signed_in"], answer.json()["scopes"]) == (200, False, [])
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_of_the_outer_system_opens_it_too(house):
    claims = {"site_id": "east", "sub": "ann", "scopes": ["models:read"], "exp": 4_000_000_000}
    cookie, _ = await sign_in(house, jwt.encode(claims, JWT_SECRET, algorithm="HS256"))
    me = (await house.get("/console/me", key="", headers={"Cookie": cookie})).json()
    assert (me["site_id"], me["scopes"]) == ("east", ["models:read"])
    assert me["expires_at"].startswith("2096-")


async def test_an_open_server_asks_nobody(tmp_path):
    async with House(tmp_path / "data", server={"open": True}) as running:
        me = (await running.get("/console/me", key="")).json()
        assert (me["open"], me["signed_in"], me["scopes"]) == (True, True, ["admin"])
        refused = await running.get("/console/me", key="", headers={"Origin": "http://127.0.0.1:1"})
        assert refused.code == "not_allowed"
