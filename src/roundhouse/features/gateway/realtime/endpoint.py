"""`WS /v1/realtime`: who may have a session, and what it begins with.

Source:
    OpenAI API reference (2026-11): realtime with WebSockets. Browsers cannot send headers with a WebSocket: they send
    their key as a subprotocol.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from roundhouse.core.errors import Busy, Cancelled, NotSupported, RateLimited, RoundhouseError
from roundhouse.core.settings_live import LiveSettings
from roundhouse.core.types import Caller
from roundhouse.features.gateway.call import Call, Desk
from roundhouse.features.gateway.realtime.hearing import Hearer
from roundhouse.features.gateway.realtime.options import Options
from roundhouse.features.gateway.realtime.session import Frame, Session
from roundhouse.features.gateway.sound.transcriptions import Workshop, workplace
from roundhouse.infra.auth import read_credential
from roundhouse.infra.sockets import Socket
from roundhouse.infra.web import Receive, Scope, Send

if TYPE_CHECKING:
    from roundhouse.infra.audio.arriving import Ears

PROTOCOL = "realtime"
_KEY_PROTOCOL = "openai-insecure-api-key."
_BETA_PROTOCOL = "openai-beta.realtime-v1"
_BETA_HEADER = "realtime=v1"
_BUSY_S = 5.0


class RealtimeEndpoint:
    """Live transcriptions, as an ASGI application.

    Args:
        desk: Its surroundings.
        route: Path, for the permission of keys.
        workshop: For recordings.
        settings: Limits.
    """

    def __init__(self, desk: Desk, route: str, workshop: Workshop, settings: LiveSettings) -> None:
        self._desk = desk
        self._route = route
        self._workshop = workshop
        self._settings = settings
        self._sessions: Counter[str] = Counter()
        self._detector: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        headers = scope["header_map"] = _with_key(scope)
        caller = await self._desk.caller(scope, self._route)
        beta = _BETA_PROTOCOL in scope["subprotocols"] or _BETA_HEADER in headers.get("openai-beta", "")
        with self._taken(caller):
            self._desk.in_flight += 1
            try:
                async with workplace(self._workshop.folder) as folder:
                    hearer = Hearer(self._desk, self._workshop, caller, folder)
                    options, fault = await _asked(scope, hearer)
                    frame = Frame(
                        settings=self._settings,
                        hearer=hearer,
                        open_ears=self._open_ears,
                        begin=_Calls(self._desk, scope, send, caller).begin,
                        still_good=self._still_good(scope, caller),
                        beta=beta,
                    )
                    socket = Socket(scope, receive, send)
                    async with socket:
                        await socket.accept(PROTOCOL if PROTOCOL in scope["subprotocols"] else None)
                        await Session(socket, frame, options).run(fault)
            except Cancelled:
                return
            finally:
                self._desk.in_flight -= 1

    @contextmanager
    def _taken(self, caller: Caller) -> Iterator[None]:
        """Hold a session; raises Busy, RateLimited."""
        if self._sessions.total() >= self._settings.max_sessions:
            raise Busy("As many live sessions run as may.", retry_after_s=_BUSY_S)
        root, most = caller.counts_as or caller.key_id, caller.limits.concurrent_requests
        if most is not None and self._sessions[root] >= most:
            raise RateLimited(f"This key may have {most} live sessions at a time.", retry_after_s=_BUSY_S)
        self._sessions[root] += 1
        try:
            yield
        finally:
            self._sessions[root] -= 1
            if not self._sessions[root]:
                del self._sessions[root]

    def _still_good(self, scope: Scope, caller: Caller) -> Any:
        headers = dict(scope["header_map"])
        # A signature is good for a few minutes, and its secret for as long as the process.
        signed = read_credential(headers) is None and "x-signature" in headers

        async def good() -> bool:
            if signed:
                return True
            try:
                found = await self._desk.authenticator.authenticate("GET", scope["path"], headers)
            except RoundhouseError:
                return False
            return found == caller

        return good

    async def _open_ears(self, options: Options) -> Ears:
        """What takes a session's sound apart; the detector's model is loaded with the first."""
        return await asyncio.to_thread(self._made_ears, options)

    def _made_ears(self, options: Options) -> Ears:
        from roundhouse.infra.audio.arriving import Ears
        from roundhouse.infra.audio.voice import model_path, open_model

        if self._detector is None:
            self._detector = open_model(model_path())
        return Ears(self._detector, options.encoding, options.rate_hz)


class _Calls:
    """Makes the calls of one session: each item is counted like a request."""

    def __init__(self, desk: Desk, scope: Scope, send: Send, caller: Caller) -> None:
        self._desk, self._scope, self._send, self._caller = desk, scope, send, caller
        self._count = 0

    def begin(self) -> Call:
        self._count += 1
        call = Call(self._desk, "transcriptions", self._scope, self._send)
        call.request_id = f"{call.request_id}-{self._count}"
        call.caller = self._caller
        call.is_stream = True
        return call


def _with_key(scope: Scope) -> dict[str, str]:
    """The headers; a key among the subprotocols stands in them like any other."""
    headers: dict[str, str] = scope["header_map"]
    keys = [one for one in scope["subprotocols"] if one.startswith(_KEY_PROTOCOL)]
    if not keys or read_credential(headers) is not None:
        return headers
    return {**headers, "authorization": f"Bearer {keys[0].removeprefix(_KEY_PROTOCOL)}"}


async def _asked(scope: Scope, hearer: Hearer) -> tuple[Options, RoundhouseError | None]:
    """The configuration that the address asks for; what is wrong with it is told when the session stands."""
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    options = Options()
    intent = query.get("intent", "transcription")
    if intent != "transcription":
        return options, NotSupported(
            f"The intent {intent[:40]!r} is not there: this service writes down what is said.", param="intent"
        )
    if not query.get("model"):
        return options, None
    named = msgspec.structs.replace(options, model=query["model"])
    try:
        await hearer.check(named)
    except RoundhouseError as error:
        return options, error
    return named, None
