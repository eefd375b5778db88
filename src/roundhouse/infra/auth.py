"""Who calls: finding the credential in a request's headers, and the dependency that guards a route.

A route says which scope it needs: `caller: Annotated[Caller, Depends(require("keys"))]`. The decision hangs
on the route that was matched, never on the text of a URL. Keys in the query string are not read: they would
end up in logs. The console's cookie is, where the request can only come from a page of our own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated
from urllib.parse import unquote

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from roundhouse.core.errors import NotAllowed, NotSignedIn, RoundhouseError
from roundhouse.core.ports import Authenticator
from roundhouse.core.types import ALL_SCOPES, Caller
from roundhouse.infra.hosts import same_origin

TENANT_HEADERS = ("x-site-id", "x-user-id", "x-app-id", "x-scopes")
"""Headers that change who the caller is; a request with one of them must not be answered from `recall`."""

CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "x-signature"}
)
"""Headers that say who calls; they are for us, and for nobody behind us."""

CONSOLE_COOKIE = "roundhouse_console"
"""The cookie of the console: the credential itself, percent-encoded."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(
    scheme_name="bearer", auto_error=False, description="A key `rh_…`, or a JWT of the outer system."
)
_api_key = APIKeyHeader(
    name="X-API-Key",
    scheme_name="apiKey",
    auto_error=False,
    description="A key, where no bearer can be sent.",
)


def read_credential(headers: Mapping[str, str]) -> str | None:
    """The key or token of a request: `Authorization: Bearer`, else `X-API-Key`, else `api-key` (Azure).

    Args:
        headers: Names in lower case.

    Returns:
        The first that is there and not empty, None when there is none.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    candidates = (
        value if scheme.lower() == "bearer" else "",
        headers.get("x-api-key", ""),
        headers.get("api-key", ""),
    )
    return next((found for candidate in candidates if (found := candidate.strip())), None)


def read_cookie(method: str, headers: Mapping[str, str]) -> str | None:
    """The key or token in the console's cookie, None when there is none.

    SameSite=Strict keeps other sites' pages from sending it; what is of the same site, another port of this host
    say, is told apart by its Origin, which browsers send with every write and with every WebSocket.

    Args:
        method: HTTP method.
        headers: Names in lower case.

    Raises:
        NotAllowed: A page of another origin sends it, or a write comes without saying from where.
        NotSignedIn: It stands there twice: one of them was put there by a neighbour of this host.
    """
    sent = headers.get("cookie", "")
    if CONSOLE_COOKIE not in sent:
        return None
    pairs = (pair.strip().partition("=") for pair in sent.split(";"))
    values = [value for name, _, value in pairs if name == CONSOLE_COOKIE and value]
    if not values:
        return None
    if len(values) > 1:
        raise NotSignedIn(f"The cookie {CONSOLE_COOKIE} stands there twice; sign out and in again.")
    origin = headers.get("origin")
    if origin is None and method not in _READING:
        raise NotAllowed("A write by cookie must name its Origin.")
    if origin is not None and not same_origin(origin, headers.get("host", "")):
        raise NotAllowed("The console's cookie is taken from pages of this origin only.")
    return unquote(values[0])


def route_allowed(caller: Caller, route: str) -> bool:
    """Whether the caller's key may call a route, by its template without `/api`, e.g. `/v1/keys/{key_id}`."""
    if not caller.routes:
        return True
    path = route.removeprefix("/api")
    return any(fnmatchcase(path, pattern) for pattern in caller.routes)


def require(scope: str | None, *more: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency that gives the caller if it holds `scope`, and `more` scopes, and may call the route.

    Uses `app.state.authenticator` (core.ports.Authenticator).

    Args:
        scope: One of `core.types.ALL_SCOPES`; None = any good credential will do.
        *more: Others that it must hold as well.
    """
    scopes = () if scope is None else (scope, *more)
    for one in scopes:
        if one not in ALL_SCOPES:
            raise RoundhouseError(f"There is no scope {one!r}.")

    async def caller(
        request: Request,
        _bearer_shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
        _api_key_shown: Annotated[str | None, Security(_api_key)] = None,
    ) -> Caller:
        authenticator: Authenticator = request.app.state.authenticator
        found = await authenticator.authenticate(request.method, request.scope["path"], request.headers)
        for one in scopes:
            if not found.may(one):
                raise NotAllowed(f"This needs the scope {one!r}.")
        if not route_allowed(found, request.scope["route"].path):
            raise NotAllowed("This key may not call this route.")
        return found

    return caller


def still_good(request: Request, caller: Caller) -> Callable[[], Awaitable[bool]]:
    """For answers that go on for long: whether the request's credential still stands for the same caller."""
    authenticator: Authenticator = request.app.state.authenticator

    async def good() -> bool:
        try:
            found = await authenticator.authenticate(request.method, request.scope["path"], request.headers)
        except RoundhouseError:
            return False
        return found == caller

    return good
