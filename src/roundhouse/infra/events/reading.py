"""What the readers of both databases share: the rows they read, and whom they tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from roundhouse.infra.events.store import Event

PAGE = 200
"""Most events that are read and handed on at a time."""


class Receiver(Protocol):
    """Is told what the reader found; always called on the event loop."""

    def hand_over(self, events: Sequence[Event]) -> None:
        """The next events, in order, each once."""
        ...

    def start_anew(self, newest_seq: int) -> None:
        """The database was replaced by an older one: what comes next is numbered from `newest_seq` on."""
        ...


class Reader(Protocol):
    """Reads each new event of one database once. Whatever happens to the database, it goes on by itself."""

    def start(self, after_seq: int, receiver: Receiver) -> None:
        """Begin behind `after_seq`."""
        ...

    def skip(self, seq: int) -> None:
        """What comes up to `seq` was handed out by somebody else; called on the event loop."""
        ...

    async def close(self) -> None:
        """End; nothing is handed over any more."""
        ...


def event_of(row: Sequence[Any]) -> Event:
    """An event from the columns `seq, id, site_id, topic, type, data, at_s`, `data` still as text.

    A damaged text is an empty object: one row that cannot be read must not keep all later ones back.
    """
    seq, event_id, site_id, topic, kind, data, at_s = row
    try:
        opened = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        opened = {}
    return Event(seq, event_id, site_id, topic, kind, opened, at_s)
