"""`/v1/audio/speech` as a lean ASGI endpoint.

Source:
    OpenAI API reference (2026-11): create speech.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from roundhouse.core.audio import SpeechFormat, SpeechRequest
from roundhouse.core.errors import BadInput
from roundhouse.features.gateway.call import Call, Desk, Endpoint
from roundhouse.infra.web import CancelOnDisconnect, Receive, read_body

_MOST_CHARS = 4096


class _Asked(msgspec.Struct):
    model: str
    input: str
    voice: str | dict[str, Any] = ""
    response_format: SpeechFormat = "mp3"
    speed: float = 1.0
    stream_format: Literal["audio"] = "audio"


_decode = msgspec.json.Decoder(_Asked).decode


class SpeechEndpoint(Endpoint):
    """Says a text; the sound is sent as it is made.

    Args:
        desk: Its surroundings.
        route: Path, for the permission of keys.
    """

    def __init__(self, desk: Desk, route: str) -> None:
        super().__init__(desk, "speech", route)

    async def serve(self, call: Call, receive: Receive) -> None:
        """Answer with sound."""
        request = _read(await read_body(receive, self.desk.max_body_bytes, self.desk.body_timeout_s), call)
        await call.admit()
        async with CancelOnDisconnect(call.scope, receive):
            spoken = await self.desk.engine.speak(request, call.decision)
            try:
                call.first_byte_s = time.perf_counter()
                headers = [
                    (b"content-type", spoken.content_type.encode()),
                    *call.headers(),
                    (b"x-request-id", call.request_id.encode()),
                ]
                call.started = True
                await call.send({"type": "http.response.start", "status": 200, "headers": headers})
                async for piece in spoken:
                    await call.send({"type": "http.response.body", "body": piece, "more_body": True})
                await call.send({"type": "http.response.body", "body": b""})
            finally:
                await spoken.aclose()


def _read(body: bytes, call: Call) -> SpeechRequest:
    try:
        asked = _decode(body)
    except msgspec.ValidationError as error:
        raise BadInput(f"{error}", param=_param(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("The body is not a JSON object.") from None
    if not asked.model:
        raise BadInput("'model' is missing.", param="model")
    call.decision.requested = asked.model
    if not asked.input.strip() or len(asked.input) > _MOST_CHARS:
        raise BadInput(f"'input' must hold 1 to {_MOST_CHARS} characters.", param="input")
    if not 0.25 <= asked.speed <= 4:
        raise BadInput("'speed' must lie between 0.25 and 4.", param="speed")
    voice = asked.voice if isinstance(asked.voice, str) else str(asked.voice.get("id", ""))
    return SpeechRequest(
        model=asked.model,
        caller=call.caller,
        text=asked.input,
        voice=voice,
        format=asked.response_format,
        speed=asked.speed,
        request_id=call.request_id,
    )


def _param(told: str) -> str | None:
    """The member that an error of the decoder speaks of."""
    return next(
        (name for name in _Asked.__struct_fields__ if f"`$.{name}`" in told or f"`{name}`" in told), None
    )
