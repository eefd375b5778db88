"""Routes of the console: its page and files, signing in and out, and who one is.

They are the console's own business and not part of the API: OpenAPI does not name them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from roundhouse import __version__
from roundhouse.core.errors import NotAllowed, NotFound, NotSignedIn
from roundhouse.core.ports import Authenticator
from roundhouse.core.types import Caller
from roundhouse.features.console.files import NOT_BUILT, Asset, ConsoleFiles
from roundhouse.features.console.schemas import Login, Me
from roundhouse.infra.auth import CONSOLE_COOKIE
from roundhouse.infra.hosts import same_origin

PREFIX = "/console"
REMEMBERED_S = 30 * 86_400
"""How long a browser keeps the cookie of one who wants to stay signed in."""

_SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_NOT_BUILT_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Roundhouse</title>"
    f"<h1>No console here</h1><p>{NOT_BUILT}</p>"
)

Accept = Annotated[str, Header()]
Origin = Annotated[str | None, Header()]


def router(
    authenticator: Authenticator,
    files: ConsoleFiles,
    *,
    rooms: Sequence[str],
    is_open: bool,
    takes_jwt: bool,
) -> APIRouter:
    """The room's routes.

    Args:
        authenticator: Says who somebody is.
        files: The built console.
        rooms: Names of the rooms that are on.
        is_open: The server was started with --open.
        takes_jwt: Tokens of the outer system are taken.
    """
    routes = APIRouter(include_in_schema=False)
    offers = Me(
        signed_in=False,
        open=is_open,
        version=__version__,
        ways=["key", "jwt"] if takes_jwt else ["key"],
        rooms=list(rooms),
    )
    _session_routes(routes, authenticator, offers)
    _file_routes(routes, files)
    return routes


def _session_routes(routes: APIRouter, authenticator: Authenticator, offers: Me) -> None:
    @routes.post(f"{PREFIX}/login")
    async def login(request: Request, response: Response, body: Login, origin: Origin = None) -> Me:
        """Sign in: from now on the browser sends the credential by itself."""
        _check_origin(origin, request)
        shown = {"authorization": f"Bearer {body.credential}"}
        caller = await authenticator.authenticate("POST", request.scope["path"], shown)
        response.set_cookie(
            CONSOLE_COOKIE,
            quote(body.credential, safe=""),
            path="/",
            max_age=REMEMBERED_S if body.remember else None,
            httponly=True,
            samesite="strict",
            # What a proxy in front of us speaks is known to the browser alone, and it says so.
            secure=(origin or "").startswith("https://"),
        )
        response.headers["cache-control"] = "no-store"
        return _me(offers, caller)

    @routes.post(f"{PREFIX}/logout", status_code=204)
    async def logout(request: Request, response: Response, origin: Origin = None) -> None:
        """Sign out of this browser; the key itself goes on."""
        _check_origin(origin, request)
        response.delete_cookie(CONSOLE_COOKIE, path="/", httponly=True, samesite="strict")

    @routes.get(f"{PREFIX}/me")
    async def me(request: Request, response: Response) -> Me:
        """Who is signed in; that nobody is, is an answer as well."""
        response.headers["cache-control"] = "no-store"
        try:
            caller = await authenticator.authenticate("GET", request.scope["path"], request.headers)
        except NotSignedIn:
            return offers
        return _me(offers, caller)


def _file_routes(routes: APIRouter, files: ConsoleFiles) -> None:
    @routes.get("/")
    async def front_door(accept: Accept = "") -> Response:
        """A person is led to the console, a program is told that there is nothing."""
        if "text/html" not in accept:
            raise NotFound("There is nothing at '/'.")
        return RedirectResponse(f"{PREFIX}/", 307)

    @routes.get(PREFIX)
    async def without_slash() -> Response:
        """The console's pages lie below the slash."""
        return RedirectResponse(f"{PREFIX}/", 307)

    @routes.api_route(PREFIX + "/{path:path}", methods=["GET", "HEAD"])
    async def file(request: Request, path: str, accept: Accept = "") -> Response:
        """A file of the console; every other address is a page, which the console itself draws."""
        asset = await asyncio.to_thread(files.asset_blocking, path)
        if asset is not None:
            return _answer(asset, request)
        if "." in path.rpartition("/")[2]:
            raise NotFound(f"The console has no file {path[:200]!r}.")
        if not files.built and "text/html" in accept:
            return HTMLResponse(
                _NOT_BUILT_PAGE, 404, _SAFE | {"content-security-policy": "default-src 'none'"}
            )
        page = await asyncio.to_thread(files.page_blocking)
        # With a nonce in it, it is good for one visit.
        headers = _SAFE | {"content-security-policy": page.policy, "cache-control": "no-store"}
        return HTMLResponse(page.body, headers=headers)


def _answer(asset: Asset, request: Request) -> Response:
    headers = _SAFE | {"cache-control": asset.cache_control, "etag": asset.etag, "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    body = asset.body
    if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.packed
        headers["content-encoding"] = "gzip"
    return Response(body, headers=headers, media_type=asset.kind)


def _check_origin(origin: str | None, request: Request) -> None:
    """Nobody is signed in, or out, by a page of somebody else."""
    if origin is not None and not same_origin(origin, request.headers.get("host", "")):
        raise NotAllowed("Only the console's own pages may sign in or out.")


def _me(offers: Me, caller: Caller) -> Me:
    ends_s = caller.expires_at_s
    return offers.model_copy(
        update={
            "signed_in": True,
            "key_id": caller.key_id,
            "site_id": caller.site_id,
            "user_id": caller.user_id,
            "app_id": caller.app_id,
            "scopes": sorted(caller.scopes),
            "expires_at": None if ends_s is None else datetime.fromtimestamp(ends_s, UTC),
        }
    )
