"""The seam between the hot path and the Responses API."""

from __future__ import annotations

from roundhouse.core.types import Fields
from roundhouse.engine.model import Running
from roundhouse.features.gateway.responses.answer import response_from_chat
from roundhouse.features.gateway.responses.request import chat_fields
from roundhouse.features.gateway.responses.stream import ResponseStream


class ResponsesAdapter:
    """Serves `/v1/responses` with the operation `chat`; holds no state."""

    def request(self, fields: Fields) -> Fields:
        """The chat completion's members.

        Raises:
            BadInput: A member is malformed.
            NotSupported: It asks for stored state or for a tool that is not the client's own.
        """
        return chat_fields(fields)

    def answer(self, body: bytes, asked: Fields) -> bytes:
        """The response object of a chat completion; raises BackendBadAnswer when it is none."""
        return response_from_chat(body, asked)

    def stream(self, running: Running, asked: Fields) -> ResponseStream:
        """The response as events."""
        return ResponseStream(running, asked)
