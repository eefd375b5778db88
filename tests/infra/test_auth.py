import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import Caller
from roundhouse.infra.auth import read_credential, require, route_allowed


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
    async def thing(name: str, caller: Caller = Depends(require("ops"))) -> str:  # noqa: B008
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
