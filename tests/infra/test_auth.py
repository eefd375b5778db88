from urllib.parse import quote

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from roundhouse.core.errors import NotAllowed, NotSignedIn, RoundhouseError
from roundhouse.core.types import Caller
from roundhouse.infra.auth import CONSOLE_COOKIE, read_cookie, read_credential, require, route_allowed


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "BEARER  abc "}, "abc"),
        ({"authorization": "Bearer a b"}, "a b"),
        ({"x-api-key": "abc"}, "abc"),
        ({"api-key": " abc "}, "abc"),
        ({"authorization": "Bearer one", "x-api-key": "two", "api-key": "three"}, "one"),
        ({"x-api-key": "two", "api-key": "three"}, "two"),
        ({"authorization": "Basic one", "api-key": "three"}, "three"),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "abc"}, None),
        ({"cookie": "authorization=abc"}, None),
        ({}, None),
    ],
)
def test_where_a_credential_is_found(headers, found):
    assert read_credential(headers) == found


OURS = {"host": "house:8000", "cookie": f"a=b; {CONSOLE_COOKIE}={quote('kéy;1', safe='')}; c=d"}


@pytest.mark.parametrize(
    ("method", "headers", "found"),
    [
        ("GET", OURS, "kéy;1"),
        ("HEAD", OURS, "kéy;1"),
        ("GET", OURS | {"origin": "http://house:8000"}, "kéy;1"),
        ("POST", OURS | {"origin": "https://HOUSE:8000"}, "kéy;1"),
        ("POST", {"host": "house"}, None),
        ("POST", {"host": "house", "cookie": f"{CONSOLE_COOKIE}="}, None),
        ("POST", {"host": "house", "cookie": f"x{CONSOLE_COOKIE}=abc; {CONSOLE_COOKIE}2=abc"}, None),
    ],
)
def test_the_consoles_cookie(method, headers, found):
    assert read_cookie(method, headers) == found


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_by_cookie_says_where_it_comes_from(method):
    with pytest.raises(NotAllowed):
        read_cookie(method, OURS)


@pytest.mark.parametrize(
    "origin",
    [
        "http://house:8001",
        "http://house",
        "http://evil.example",
        "null",
        "",
        "http://house:8000@evil.example",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_origin_does_not_use_the_cookie(method, origin):
    with pytest.raises(NotAllowed):
        read_cookie(method, OURS | {"origin": origin})


def test_two_cookies_of_one_name_are_nobodys():
    with pytest.raises(NotSignedIn):
        read_cookie("GET", {"host": "house", "cookie": f"{CONSOLE_COOKIE}=one; {CONSOLE_COOKIE}=two"})


@pytest.mark.parametrize(
    ("routes", "route", "allowed"),
    [
        ((), "/v1/anything", True),
        (("/v1/models",), "/v1/models", True),
        (("/v1/models",), "/api/v1/models", True),
        (("/v1/models",), "/v1/models/{id}", False),
        (("/v1/models*",), "/v1/models/{id}", True),
        (("/v1/a", "/v1/b"), "/v1/b", True),
    ],
)
def test_routes_of_a_key(routes, route, allowed):
    assert route_allowed(Caller("key_a", routes=routes), route) is allowed


def test_a_scope_that_does_not_exist_is_a_fault_of_ours():
    with pytest.raises(RoundhouseError):
        require("everything")


class Lenient:
    """Lets everybody in, with the scopes and routes that the test says."""

    def __init__(self) -> None:
        self.caller = Caller("key_a")
        self.asked: list[tuple[str, str]] = []

    def recall(self, authorization: bytes) -> Caller | None:
        return None

    async def authenticate(self, method, path, headers) -> Caller:
        self.asked.append((method, path))
        return self.caller


async def test_the_guard_looks_at_the_matched_route():
    app = FastAPI()
    app.state.authenticator = lenient = Lenient()
    inner = APIRouter()

    @inner.get("/v1/things/{name:path}")
    async def thing(name: str, caller: Caller = Depends(require("ops"))) -> str:  # noqa: B008 - the framework's way
        return f"{caller.key_id} {name}"

    app.include_router(inner)
    app.include_router(inner, prefix="/api")

    @app.exception_handler(RoundhouseError)
    async def shown(_: Request, error: RoundhouseError) -> JSONResponse:
        return JSONResponse({"code": error.code}, status_code=error.status)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:

        async def status(path: str, **changed: object) -> int:
            lenient.caller = Caller("key_a", **changed)
            return (await client.get(path)).status_code

        ops = frozenset({"ops"})
        assert await status("/v1/things/a/b", scopes=ops) == 200
        assert lenient.asked[-1] == ("GET", "/v1/things/a/b")
        assert await status("/v1/things/a/b") == 403
        assert await status("/v1/things/x", scopes=frozenset({"admin"})) == 200
        template = ("/v1/things/{name:path}",)
        for path in ("/v1/things/a", "/api/v1/things/a", "/v1/things/%2e%2e%2fmodels"):
            assert await status(path, scopes=ops, routes=template) == 200
            # A path that looks like an allowed one does not open a route that is not.
            assert await status(path, scopes=ops, routes=("/v1/models*",)) == 403
