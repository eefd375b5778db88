"""An answer as `event: add` with its parts, and `event: finish` with the whole; after a failure `event: error`."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from roundhouse.core.errors import Cancelled, RoundhouseError
from roundhouse.features.knowledge.answering.service import Answer
from roundhouse.features.knowledge.answering.shapes import read_answer
from roundhouse.infra.web import CancelOnDisconnect, Receive, Scope, Send, error_object

_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}


class AnswerStream(Response):
    """Sends an answer.

    Args:
        answer: As it was begun.
    """

    media_type = "text/event-stream"

    def __init__(self, answer: Answer) -> None:
        self.status_code = 200
        self.background = None
        self._answer = answer
        self.init_headers(_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; a client that goes away ends the call of the model."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        pieces = self._answer.pieces()
        try:
            async with CancelOnDisconnect(scope, receive):
                try:
                    async for piece in pieces:
                        await _send(send, "add", {"content": piece})
                    await _send(send, "finish", read_answer(self._answer.ended()).model_dump(mode="json"))
                except RoundhouseError as error:
                    await _send(send, "error", {"error": error_object(error)})
        except Cancelled:
            return
        finally:
            await pieces.aclose()
        await send({"type": "http.response.body", "body": b""})


async def _send(send: Send, kind: str, data: object) -> None:
    frame = b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data))
    await send({"type": "http.response.body", "body": frame, "more_body": True})
