"""The route of the OpenAPI document."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from roundhouse.core.errors import NotAllowed, NotSignedIn
from roundhouse.core.ports import Authenticator
from roundhouse.core.types import Caller
from roundhouse.features.tasks.importing.describing.document import TenantDocuments
from roundhouse.infra.auth import read_credential

PATH = "/openapi.json"


def router(documents: TenantDocuments) -> APIRouter:
    """The route."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    async def openapi(request: Request) -> Response:
        """The document of whoever asks; without a credential that of everybody."""
        document = await documents.document(await _reader(request))
        headers = {
            "etag": document.etag,
            "cache-control": "private, no-cache",
            "vary": "authorization, cookie",
        }
        if request.headers.get("if-none-match") == document.etag:
            return Response(status_code=304, headers=headers)
        return Response(document.body, headers=headers, media_type="application/json")

    return routes


async def _reader(request: Request) -> Caller | None:
    """Who asks, None = nobody who is known; a key that is not good is told, a cookie that is over is none."""
    authenticator: Authenticator = request.app.state.authenticator
    try:
        return await authenticator.authenticate(request.method, request.scope["path"], request.headers)
    except (NotSignedIn, NotAllowed):
        if read_credential(request.headers) is not None:
            raise
        return None
