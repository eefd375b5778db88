"""Hears the items of a session, one after the other, the one that is being said again and again.

A hearing begins when enough is new and the last one is long enough ago, twice as long as it took: many sessions on a
busy machine slow themselves down. In a short pause it begins at once, and when the pause proves to be the end, its
text is that of the whole. A hearing of which nobody can use the result any more is cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import Cancelled, RoundhouseError
from roundhouse.features.gateway.call import Call
from roundhouse.features.gateway.realtime import events
from roundhouse.features.gateway.realtime.hearing import Heard
from roundhouse.features.gateway.realtime.intake import Intake, Item, Stretch
from roundhouse.features.gateway.sound.answers import gap

Hear = Callable[[bytes, Call, bool], Awaitable[Heard]]
Tell = Callable[[dict[str, Any]], Awaitable[None]]

_LEAST_S = 0.5
_PAUSE_S = 0.2
_SHARE = 2.0
_FAILED_S = 5.0


class Listener:
    """Works for one session.

    Args:
        intake: Where the sound is.
        hear: Hears a piece of it; with all care, where it may be the whole.
        begin: The call that an item is counted as.
        tell: Sends an event to the client.

    Attributes:
        pace_s: Shortest time between two hearings of an utterance; None = it is heard as a whole only.
        done: Set whenever a stretch was heard to its end: there may be room for more sound.
    """

    def __init__(self, intake: Intake, hear: Hear, begin: Callable[[], Call], tell: Tell) -> None:
        self._intake = intake
        self._hear = hear
        self._begin = begin
        self._tell = tell
        self.pace_s: float | None = None
        self.done = asyncio.Event()
        self._news = asyncio.Event()
        self._item: Item | None = None
        self._call: Call | None = None
        self._text = ""
        self._language: str | None = None
        self._error: RoundhouseError | None = None
        self._began_at_s = 0.0
        self._took_s = 0.0

    def look(self) -> None:
        """Something came in, or ended."""
        self._news.set()

    async def run(self) -> None:
        """Listen until it is cancelled."""
        try:
            while True:
                self._news.clear()
                await self._step()
        finally:
            self._end_call(Cancelled("The session ended."))

    async def _step(self) -> None:
        """The next thing to do, or the wait for it."""
        item = next((one for one in self._intake.items if one.known), None)
        if item is not self._item:
            self._turn_to(item)
        if item is None:
            await self._news.wait()
            return
        if self._error is not None:
            # The rest of a failed item is not heard; what it said is told when it ends.
            self._drop_rest(item)
        stretch = item.stretches[0] if item.stretches else None
        if stretch is None and item.committed:
            await self._complete(item)
        elif stretch is not None and stretch.end is not None:
            await self._whole(item, stretch, stretch.end)
        elif stretch is None or (wait_s := self._due_in_s(stretch)) is None:
            await self._news.wait()
        elif wait_s > 0:
            await self._news_or(wait_s)
        else:
            await self._part(item, stretch)

    def _turn_to(self, item: Item | None) -> None:
        # The one before was cleared by the client, else it would have been completed.
        self._end_call(Cancelled("The client cleared the sound."))
        self._item = item
        self._text, self._language, self._error = "", None, None

    def _drop_rest(self, item: Item) -> None:
        while item.stretches and item.stretches[0].end is not None:
            item.stretches.popleft()
            self.done.set()
        self._intake.forget()

    def _due_in_s(self, stretch: Stretch) -> float | None:
        """When the stretch that goes on is to be heard again; None = not before more of it comes."""
        if self.pace_s is None or self._error is not None:
            return None
        end, pause = self._intake.end, self._intake.pause
        if end - stretch.start < _LEAST_S * SAMPLE_RATE_HZ:
            return None
        if pause is not None and stretch.whole_to < pause:
            return 0.0 if end - pause >= _PAUSE_S * SAMPLE_RATE_HZ else None
        if end - stretch.heard_to < min(_LEAST_S, self.pace_s) * SAMPLE_RATE_HZ:
            return None
        return self._began_at_s + max(self.pace_s, _SHARE * self._took_s) - time.monotonic()

    async def _news_or(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            return

    async def _part(self, item: Item, stretch: Stretch) -> None:
        """Hear what there is of a stretch that goes on. A failure is none yet: the whole is to be heard anyway."""
        upto, pause = self._intake.end, self._intake.pause
        careful = pause is not None and upto - pause >= _PAUSE_S * SAMPLE_RATE_HZ
        try:
            heard = await self._unless_vain(item, stretch, upto, careful=careful)
        except Cancelled:
            raise
        except RoundhouseError:
            self._took_s = _FAILED_S
            return
        if heard is not None:
            stretch.heard_to, stretch.heard = upto, heard.text
            stretch.whole_to = upto if careful else stretch.whole_to
            before = stretch.agreement.said
            await self._say(item, before, stretch.agreement.hear(heard.text))

    async def _whole(self, item: Item, stretch: Stretch, end: int) -> None:
        """Hear a stretch that has ended, unless its last hearing was one of all that was said."""
        text: str | None = stretch.heard
        if stretch.whole_to < max(stretch.voice_end, stretch.heard_to):
            try:
                heard = await self._unless_vain(item, stretch, end, careful=True)
            except Cancelled:
                raise
            except RoundhouseError as error:
                self._error, heard = error, None
            text = None if heard is None else heard.text
        if text is not None:
            before = stretch.agreement.said
            await self._say(item, before, stretch.agreement.finish(text))
        if item.stretches and item.stretches[0] is stretch:
            item.stretches.popleft()
        self._intake.forget()
        self.done.set()

    async def _unless_vain(self, item: Item, stretch: Stretch, upto: int, *, careful: bool) -> Heard | None:
        """A hearing; None when nobody can use it any more: then it is stopped at once. Raises as `Hear`."""
        hearing = asyncio.create_task(self._heard(stretch.start, upto, careful))
        news = asyncio.create_task(self._news.wait())
        try:
            while not hearing.done():
                await asyncio.wait([hearing, news], return_when=asyncio.FIRST_COMPLETED)
                is_whole = careful and stretch.voice_end <= upto
                if item.dropped or (stretch.end is not None and not is_whole):
                    return None
                if news.done():
                    self._news.clear()
                    news = asyncio.create_task(self._news.wait())
            return hearing.result()
        finally:
            news.cancel()
            hearing.cancel()
            await asyncio.wait([hearing])
            # Looked at, that it is not reported as forgotten.
            _ = hearing.cancelled() or hearing.exception()

    async def _heard(self, start: int, end: int, careful: bool) -> Heard:
        self._began_at_s = time.monotonic()
        if self._call is None:
            call = self._begin()
            try:
                await call.admit()
            except RoundhouseError as error:
                self._error = call.error = error
                call.end()
                raise
            self._call = call
        heard = await self._hear(self._intake.sound(start, end), self._call, careful)
        self._took_s = time.monotonic() - self._began_at_s
        self._language = heard.language or self._language
        return heard

    async def _say(self, item: Item, before: str, text: str) -> None:
        """Tell words; a stretch that begins stands apart from the one before it."""
        if not text or item.dropped:
            return
        if not before and self._text:
            text = gap(self._language) + text
        self._text += text
        if self._call is not None and not self._call.first_byte_s:
            self._call.first_byte_s = time.perf_counter()
        await self._tell(events.delta(item, text))

    async def _complete(self, item: Item) -> None:
        decision = None if self._call is None else self._call.decision
        error = self._error
        self._intake.items.remove(item)
        self._end_call(error)
        if error is not None:
            await self._tell(events.failed(item, error))
        else:
            await self._tell(events.completed(item, self._text, self._language, decision))
        self.done.set()

    def _end_call(self, error: RoundhouseError | None) -> None:
        if self._call is not None:
            self._call.error = error
            self._call.end()
            self._call = None
