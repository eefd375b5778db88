"""What processes that share one memory ledger say to each other: MessagePack, one message per frame.

A follower says `Hello`; the leader answers `Welcome`, its `View` and every footprint it knows, or `Unwelcome` and hangs
up. The follower then tells what a new leader must know (pins, the leases it holds, the requests that wait) and ends
that with `Announced`. From then on events of `memory` go up, answers and views come down. `Beat` says that the other
side is still there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.engine.memory import (
    DeviceUse,
    Done,
    Drop,
    Fail,
    Grant,
    Learned,
    Pin,
    Release,
    Remember,
    Request,
    Resident,
    Waiting,
)

VERSION = 1
"""Raised by every change of a message or an event that an older process would misread."""


class Hello(msgspec.Struct, frozen=True, tag=True):
    """A follower introduces itself. This form stays as it is in every version.

    Attributes:
        version: Of these messages.
        name: Unique for a life of a process.
        pid: Its number.
    """

    version: int
    name: str
    pid: int


class Welcome(msgspec.Struct, frozen=True, tag=True):
    """The leader speaks the same version. `pid` is its own number."""

    pid: int


class Unwelcome(msgspec.Struct, frozen=True, tag=True):
    """The leader speaks another version. This form stays as it is in every version."""

    version: int


class Announced(msgspec.Struct, frozen=True, tag=True):
    """The follower has told everything that it holds and waits for."""


class Beat(msgspec.Struct, frozen=True, tag=True):
    """Still there."""


class Placed(msgspec.Struct, frozen=True, tag=True):
    """A request waits, and where."""

    ticket: str
    waiting: Waiting


class View(msgspec.Struct, frozen=True, tag=True):
    """What the ledger knows, as of now.

    Attributes:
        residents: Every model; times are Unix seconds.
        devices: Every memory.
        most_mib: By device: the largest model it takes, by estimate and by measurement.
        accelerator: The first one of this machine.
    """

    residents: tuple[Resident, ...] = ()
    devices: tuple[DeviceUse, ...] = ()
    most_mib: dict[str, tuple[int, int]] = {}
    accelerator: str | None = None


Upward = Hello | Request | Release | Drop | Pin | Announced | Beat
Downward = Welcome | Unwelcome | View | Remember | Learned | Grant | Done | Fail | Placed | Beat

_encoder = msgspec.msgpack.Encoder()
_upward: msgspec.msgpack.Decoder[Upward] = msgspec.msgpack.Decoder(Upward)
_downward: msgspec.msgpack.Decoder[Downward] = msgspec.msgpack.Decoder(Downward)


def pack(message: Any) -> bytes:
    """A message as a frame."""
    return _encoder.encode(message)


def read_upward(frame: bytes) -> Upward | None:
    """A follower's message; None when it is none."""
    try:
        return _upward.decode(frame)
    except msgspec.MsgspecError:
        return None


def read_downward(frame: bytes) -> Downward | None:
    """The leader's message; None when it is none."""
    try:
        return _downward.decode(frame)
    except msgspec.MsgspecError:
        return None
