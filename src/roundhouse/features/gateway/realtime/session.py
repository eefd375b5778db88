"""One live transcription: what the client sends, what it is told, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import BadInput, Cancelled, NotSignedIn, RequestTimeout, RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.settings_live import LiveSettings
from roundhouse.features.gateway.call import Call
from roundhouse.features.gateway.realtime import events
from roundhouse.features.gateway.realtime.events import ClientEvent
from roundhouse.features.gateway.realtime.hearing import Heard, Hearer
from roundhouse.features.gateway.realtime.intake import Happening, Intake
from roundhouse.features.gateway.realtime.listening import Listener
from roundhouse.features.gateway.realtime.options import PACES_S, Options, changed, shown
from roundhouse.infra.sockets import NORMAL, POLICY, RESTARTS, Socket

if TYPE_CHECKING:
    from roundhouse.infra.audio.arriving import Ears

OpenEars = Callable[[Options], Awaitable["Ears"]]

_SLICE_S = 0.5
_GUARD_S = 0.4
_MOST_ITEMS = 32
_STOPS = "The service stops."
_SAMPLE_BYTES = {"pcm": 2, "pcmu": 1, "pcma": 1}


class Frame(msgspec.Struct, frozen=True):
    """What a session needs of its surroundings.

    Attributes:
        settings: Limits.
        hearer: Hears sound.
        open_ears: Makes what takes sound apart.
        begin: A call, for one item.
        still_good: Whether the client's credential still stands.
        beta: Whether the client speaks the beta's dialect.
    """

    settings: LiveSettings
    hearer: Hearer
    open_ears: OpenEars
    begin: Callable[[], Call]
    still_good: Callable[[], Awaitable[bool]]
    beta: bool


class _Ended(Exception):
    """The session ends: the socket's code, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Session:
    """Speaks with one client.

    Args:
        socket: Accepted.
        frame: Its surroundings.
        options: To begin with.
    """

    def __init__(self, socket: Socket, frame: Frame, options: Options) -> None:
        self._socket = socket
        self._frame = frame
        self._options = options
        self._id = new_id("sess")
        self._intake = Intake(options.turns)
        self._listener = Listener(self._intake, self._hear, self._begin, socket.tell)
        self._listener.pace_s = self._pace_s()
        self._ears: Ears | None = None
        self._previous: str | None = None
        self._active_at_s = time.monotonic()
        self._draining = asyncio.Event()

    async def run(self, fault: RoundhouseError | None = None) -> None:
        """Serve until the client goes, the server stops, or a limit ends it.

        Args:
            fault: Told at the beginning: why the configuration of the address was not taken.
        """
        self._socket.on_drain(self._draining.set)
        try:
            code, reason = await self._served(fault)
        except asyncio.CancelledError:
            # The client went, or the server's patience with the end of sessions: then this is said, too.
            await self._socket.close(RESTARTS, _STOPS)
            raise
        await self._socket.close(code, reason)

    async def _served(self, fault: RoundhouseError | None) -> tuple[int, str]:
        """Until it ends: the socket's code, and why."""
        code, reason = NORMAL, ""
        try:
            async with asyncio.TaskGroup() as group:
                await self._tell_session("created", beta=self._frame.beta)
                if fault is not None:
                    await self._socket.tell(events.error_event(fault))
                group.create_task(self._listener.run())
                group.create_task(self._guard())
                group.create_task(self._drain(group.create_task(self._read())))
        except* Cancelled:
            reason = "The client went away."
        except* _Ended as ended:
            for one in ended.exceptions:
                if isinstance(one, _Ended):
                    code, reason = one.code, one.reason
        return code, reason

    # What the client sends.

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            self._active_at_s = time.monotonic()
            event: ClientEvent | None = None
            try:
                event = events.read(message)
                await self._take(event)
                await self._room()
            except Cancelled:
                raise
            except RoundhouseError as error:
                await self._socket.tell(events.error_event(error, None if event is None else event.event_id))

    async def _take(self, event: ClientEvent) -> None:
        match event.type:
            case "input_audio_buffer.append":
                await self._append(events.sound_of(event))
            case "input_audio_buffer.commit":
                await self._announce(self._intake.commit())
            case "input_audio_buffer.clear":
                self._intake.clear()
                self._listener.look()
                await self._socket.tell(events.server_event("input_audio_buffer.cleared"))
            case "session.update" | "transcription_session.update":
                await self._update(event)
            case _:
                raise events.unknown(event.type)

    async def _update(self, event: ClientEvent) -> None:
        if not bytes(event.session):
            raise BadInput("'session' is missing.", param="session")
        options = changed(self._options, bytes(event.session))
        await self._frame.hearer.check(options)
        before, self._options = self._options, options
        if self._ears is not None and (before.encoding, before.rate_hz) != (
            options.encoding,
            options.rate_hz,
        ):
            self._ears.switch(options.encoding, options.rate_hz)
        self._intake.configure(options.turns)
        self._listener.pace_s = self._pace_s()
        self._listener.look()
        await self._tell_session("updated", beta=event.type == "transcription_session.update")

    async def _append(self, content: bytes) -> None:
        if self._ears is None:
            self._ears = await self._frame.open_ears(self._options)
        self._ears.check(content)
        step = int(_SLICE_S * self._options.rate_hz) * _SAMPLE_BYTES[self._options.encoding]
        for start in range(0, len(content), step):
            sound, found = await asyncio.to_thread(self._ears.feed, content[start : start + step])
            for happening in self._intake.feed(sound, found):
                await self._announce(happening)
            self._listener.look()
            await self._room()

    async def _room(self) -> None:
        """Wait while so much is to be heard that no more of it is taken."""
        most = self._frame.settings.max_buffered_s * SAMPLE_RATE_HZ
        while self._intake.waiting > most or len(self._intake.items) > _MOST_ITEMS:
            self._listener.done.clear()
            try:
                async with asyncio.timeout(_GUARD_S):
                    await self._listener.done.wait()
            except TimeoutError:
                # Nothing is read meanwhile: a client that went away would not be noticed.
                self._socket.probe()
            self._active_at_s = time.monotonic()

    # What it is told.

    async def _announce(self, happening: Happening) -> None:
        """Tell the client; only then the words of the item may follow, or its end."""
        kind, item, at = happening
        told_ms = at * 1000 // SAMPLE_RATE_HZ
        if kind == "started":
            event = events.server_event(
                "input_audio_buffer.speech_started", audio_start_ms=told_ms, item_id=item.id
            )
            await self._socket.tell(event)
            item.known = True
            return
        if kind == "stopped":
            event = events.server_event(
                "input_audio_buffer.speech_stopped", audio_end_ms=told_ms, item_id=item.id
            )
            await self._socket.tell(event)
        for event in events.item_events(item, self._previous, beta=self._frame.beta):
            await self._socket.tell(event)
        self._previous = item.id
        item.committed = True
        self._listener.look()

    async def _tell_session(self, what: str, *, beta: bool) -> None:
        kind = f"transcription_session.{what}" if beta else f"session.{what}"
        session = shown(self._options, self._id, beta=beta)
        await self._socket.tell(events.server_event(kind, session=session))

    # How it ends.

    async def _guard(self) -> None:
        """End it when the key does, or when nothing comes for too long."""
        idle_s = self._frame.settings.idle_timeout_s
        while True:
            await asyncio.sleep(min(_GUARD_S, idle_s))
            if not await self._frame.still_good():
                await self._fail(
                    NotSignedIn("The key has ended, was revoked, or may do something else now."), POLICY
                )
            if time.monotonic() - self._active_at_s > idle_s:
                await self._fail(RequestTimeout(f"Nothing came for {idle_s:g} seconds."), NORMAL)

    async def _fail(self, error: RoundhouseError, code: int) -> None:
        await self._socket.tell(events.error_event(error))
        raise _Ended(code, error.detail)

    async def _drain(self, reading: asyncio.Task[None]) -> None:
        """When the server stops: take no more, but finish what was said."""
        await self._draining.wait()
        reading.cancel()
        await asyncio.wait([reading])
        try:
            await self._announce(self._intake.commit())
        except BadInput:
            # Nobody spoke.
            self._intake.clear()
        self._listener.look()
        while self._intake.items:
            self._listener.done.clear()
            await self._listener.done.wait()
        raise _Ended(RESTARTS, _STOPS)

    # What the listener asks for.

    async def _hear(self, sound: bytes, call: Call, whole: bool) -> Heard:
        return await self._frame.hearer.hear(sound, self._options, call, whole=whole)

    def _begin(self) -> Call:
        call = self._frame.begin()
        call.decision.requested = self._options.model
        return call

    def _pace_s(self) -> float | None:
        delay = self._options.delay
        return self._frame.settings.pace_s if delay is None else PACES_S[delay]
