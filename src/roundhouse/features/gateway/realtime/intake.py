"""The sound that a client appended, and the items of conversation that it makes: pure state, no input or output.

Without speech hardly any sound is kept; of speech what was not heard to its end. Times are samples since the session
began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import BadInput
from roundhouse.core.ids import new_id
from roundhouse.features.gateway.realtime.agreement import Agreement
from roundhouse.features.gateway.realtime.turns import Change, Turns, TurnTaker

LONGEST_STRETCH_S = 25
"""Speech without a pause that is heard as one: it fits the 30 s that Whisper sees."""

LEAST_MS = 100
"""Less sound than this cannot be committed."""

_SAMPLE_BYTES = 2
_TAIL = SAMPLE_RATE_HZ // 5


class Stretch:
    """Sound in which somebody speaks, heard as one.

    Attributes:
        start: Where it begins.
        end: Where it ends; None = it goes on.
        voice_end: Where speech ends in it, once it has ended.
        agreement: Its words.
        heard_to: How far it was heard, in samples of the session.
        whole_to: How far with all care, as the whole would be.
        heard: The text of the last hearing.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.end: int | None = None
        self.voice_end = 0
        self.agreement = Agreement()
        self.heard_to = self.whole_to = start
        self.heard = ""


class Item:
    """One message of the conversation: what was said until a pause, or until it was committed.

    Attributes:
        id: `item_…`.
        start: Where its sound begins.
        samples: Length of its sound, once it is committed.
        stretches: Of speech in it, those that are not heard to their end.
        spoken: Whether there was any.
        known: Whether the client was told of it, so that its words may be told.
        committed: Whether the client was told that it has ended.
        dropped: Whether nobody wants it any more.
    """

    def __init__(self, start: int, *, known: bool) -> None:
        self.id = new_id("item")
        self.start = start
        self.samples = 0
        self.stretches: deque[Stretch] = deque()
        self.spoken = False
        self.known = known
        self.committed = False
        self.dropped = False


class Happening(NamedTuple):
    """What the client is to be told: speech began or ended in an item at a sample; or nothing but its end."""

    kind: Literal["started", "stopped", "committed"]
    item: Item
    at: int


class Intake:
    """Takes sound in.

    Args:
        turns: How turns are taken; None = the client commits.

    Attributes:
        items: Those that are not done, in order; whoever hears them takes them out.
        end: Samples that came until now.
    """

    def __init__(self, turns: Turns | None) -> None:
        self.items: deque[Item] = deque()
        self.end = 0
        self._automatic = turns is not None
        self._taker = TurnTaker(turns or Turns(), LONGEST_STRETCH_S * SAMPLE_RATE_HZ)
        self._open: Item | None = None
        self._tape = bytearray()
        self._tape_start = 0

    def configure(self, turns: Turns | None) -> None:
        """Take turns otherwise from now on."""
        self._automatic = turns is not None
        self._taker.turns = turns or Turns()
        if self._automatic and self._open is not None and not self._open.spoken:
            self._discard()

    @property
    def waiting(self) -> int:
        """Samples that are kept."""
        return len(self._tape) // _SAMPLE_BYTES

    @property
    def pause(self) -> int | None:
        """Since when it is quiet in the speech that goes on; None = it is not, or nobody speaks."""
        return self._taker.pause

    def feed(self, sound: bytes, probabilities: Iterable[float]) -> list[Happening]:
        """Take samples, and the probabilities of the windows that are whole with them."""
        if sound and not self._automatic and self._open is None:
            self._begin(self.end, known=True)
        self._tape += sound
        self.end += len(sound) // _SAMPLE_BYTES
        found: list[Happening] = []
        for change in self._taker.feed(probabilities):
            found += self._changed(change)
        self.forget()
        return found

    def commit(self) -> Happening:
        """End the item that goes on, in the middle of speech if need be.

        Raises:
            BadInput: There is none, or hardly any sound in it.
        """
        item = self._open
        if item is None or self.end - item.start < LEAST_MS * SAMPLE_RATE_HZ // 1000:
            raise BadInput(
                f"There is nothing to commit: less than {LEAST_MS} ms of sound, or, with server_vad, of speech."
            )
        for change in self._taker.finish(self.end):
            self._note(item, change)
        self.forget()
        return self._ended("committed", item, self.end)

    def clear(self) -> Item | None:
        """Throw away what was not committed; gives the item that goes with it."""
        item = self._open
        self._taker.finish(self.end)
        self._discard()
        self.forget()
        return item

    def sound(self, start: int, end: int) -> bytes:
        """The samples from `start` up to `end`, as far as they are kept."""
        first = max(0, start - self._tape_start) * _SAMPLE_BYTES
        return bytes(self._tape[first : max(0, end - self._tape_start) * _SAMPLE_BYTES])

    def forget(self) -> None:
        """Let go of the sound that nobody needs any more."""
        starts = (item.stretches[0].start for item in self.items if item.stretches)
        needed = min(self._taker.needed_from, next(starts, self.end), self.end)
        if needed > self._tape_start:
            del self._tape[: (needed - self._tape_start) * _SAMPLE_BYTES]
            self._tape_start = needed

    def _begin(self, start: int, *, known: bool) -> Item:
        self._open = Item(start, known=known)
        self.items.append(self._open)
        return self._open

    def _discard(self) -> None:
        if self._open is not None:
            self._open.dropped = True
            self._open.stretches.clear()
            self.items.remove(self._open)
            self._open = None

    def _changed(self, change: Change) -> list[Happening]:
        item = self._open
        is_new = item is None
        if item is None:
            item = self._begin(change.at, known=False)
        self._note(item, change)
        if change.kind == "started" and is_new:
            return [Happening("started", item, change.at)]
        if change.kind == "stopped" and self._automatic:
            return [self._ended("stopped", item, change.at)]
        return []

    def _note(self, item: Item, change: Change) -> None:
        """Begin or end a stretch of an item."""
        if change.kind != "started":
            last = item.stretches[-1]
            last.voice_end = change.voice_end
            last.end = min(change.at, change.voice_end + _TAIL)
            if last.end <= last.start:
                item.stretches.pop()
        if change.kind != "stopped":
            item.stretches.append(Stretch(change.at))
            item.spoken = True

    def _ended(self, kind: Literal["stopped", "committed"], item: Item, at: int) -> Happening:
        item.samples = at - item.start
        self._open = None
        return Happening(kind, item, at)
