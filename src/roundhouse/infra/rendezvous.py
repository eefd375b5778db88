"""Where processes that share a folder meet: one of them leads and listens, the others call it.

Who holds the lock of the folder leads; the kernel frees it when that process ends, however it ends. The leader
listens at a Unix socket in the folder, or, where its path would be too long or the folder cannot hold one (some
mounts of containers), in a private folder of the system's temporary one, or, where there are no Unix sockets, on the
loopback interface. A card in the folder tells where. It also holds a secret that callers must say first: who cannot
read the folder is not heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

import msgspec
import psutil

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.file_lock import FileLock

LONGEST_SOCKET_BYTES = 100
"""Longest path of a Unix socket: the system's own limits are 103 (macOS) and 107 (Linux)."""

LARGEST_FRAME_BYTES = 16 * 1024 * 1024
"""A longer frame is no frame of ours."""

FULL_BYTES = 1024 * 1024
"""More than this waiting for the other side to read means that it does not read."""

CALL_S = 5.0
"""A leader that takes longer to take a call, or a caller that takes longer to say the secret, is left."""

_CARD_BYTES = 4096
_HEADER_BYTES = 4
_PREFIX = "roundhouse-"


class Ears(Protocol):
    """Hears what comes through a channel."""

    def heard(self, frame: bytes) -> None:
        """One frame came."""
        ...

    def lost(self) -> None:
        """Nothing comes any more. Called once."""
        ...


class Line(Protocol):
    """One connection, frames both ways, in order."""

    @property
    def is_full(self) -> bool:
        """Whether the other side does not read."""
        ...

    def send(self, frame: bytes) -> None:
        """Say something; into the void when the other side is gone."""
        ...

    def close(self, *, at_once: bool = False) -> None:
        """Hang up, once what was said is sent, or `at_once`."""
        ...


Greet = Callable[[Line], Ears]


class _Card(msgspec.Struct, frozen=True):
    """Where the leader listens: `path` of a Unix socket, else `port` on loopback; and the note it leaves."""

    secret: str
    note: str = ""
    path: str = ""
    port: int = 0


class Channel(asyncio.Protocol):
    """A connection of the operating system as a `Line`.

    Args:
        greet: Gets the line and gives the ears, once the secret was said.
        secret: Said first by who called.
        called: Whether this side is the one that was called.
    """

    def __init__(self, greet: Greet, secret: str, *, called: bool) -> None:
        self._greet = greet
        self._secret = secret.encode()
        self._called = called
        self._transport: asyncio.Transport | None = None
        self._ears: Ears | None = None
        self._buffer = bytearray()
        self._impatient: asyncio.TimerHandle | None = None
        self._paused = False

    @property
    def is_full(self) -> bool:
        """Whether more than `FULL_BYTES` wait to be read."""
        return self._paused

    def send(self, frame: bytes) -> None:
        """Say something."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(len(frame).to_bytes(_HEADER_BYTES, "big") + frame)

    def close(self, *, at_once: bool = False) -> None:
        """Hang up."""
        if self._transport is not None:
            (self._transport.abort if at_once else self._transport.close)()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=FULL_BYTES)
        if self._called:
            self._impatient = asyncio.get_running_loop().call_later(CALL_S, self._transport.abort)
        else:
            self.send(self._secret)
            self._ears = self._greet(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _HEADER_BYTES:
            body = start + _HEADER_BYTES
            size = int.from_bytes(self._buffer[start:body], "big")
            if size > (LARGEST_FRAME_BYTES if self._ears is not None else len(self._secret)):
                self.close(at_once=True)
                break
            if len(self._buffer) < body + size:
                break
            start = body + size
            self._take(bytes(self._buffer[body:start]))
            if self._transport is None or self._transport.is_closing():
                break
        del self._buffer[:start]

    def _take(self, frame: bytes) -> None:
        if self._ears is not None:
            self._ears.heard(frame)
        elif hmac.compare_digest(frame, self._secret):
            if self._impatient is not None:
                self._impatient.cancel()
            self._ears = self._greet(self)
        else:
            self.close(at_once=True)

    def connection_lost(self, error: Exception | None) -> None:
        """It fell."""
        if self._impatient is not None:
            self._impatient.cancel()
        self._transport = None
        ears, self._ears = self._ears, None
        if ears is not None:
            ears.lost()

    def pause_writing(self) -> None:
        """The other side does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._paused = False


class Rendezvous:
    """One place to meet.

    Args:
        folder: Shared by those who meet.
        name: First part of the names of its files: `<name>.lock`, `<name>.sock`, `<name>.card`.
        unix: Whether to use Unix sockets.

    Attributes:
        was_led: Whether, when the lock was taken, somebody had led before and not left an empty place.
        former: The note that he had left.
    """

    def __init__(self, folder: Path, name: str, *, unix: bool = sys.platform != "win32") -> None:
        self.was_led = False
        self.former = ""
        self._lock = FileLock(folder / f"{name}.lock")
        self._socket = folder / f"{name}.sock"
        self._card = folder / f"{name}.card"
        self._unix = unix
        self._server: asyncio.Server | None = None
        self._listens_at: Path | None = None
        self._mine: _Card | None = None

    def take(self) -> bool:
        """Become the leader if there is none; False when there is.

        Raises:
            StorageUnavailable: The folder cannot be used.
        """
        try:
            if not self._lock.take():
                return False
        except OSError as error:
            raise StorageUnavailable(f"{self._lock.path} cannot be locked: {error.strerror}.") from error
        former = self._read()
        self.was_led = former is not None
        self.former = "" if former is None else former.note
        if former is not None:
            _sweep(Path(former.path))
        return True

    @property
    def is_led(self) -> bool:
        """Whether anybody ever listened here and did not leave the place empty."""
        return self._read() is not None

    async def listen(self, greet: Greet, note: str = "") -> None:
        """Take calls; the lock must be held.

        Args:
            greet: Gets the line of each caller.
            note: Left for whoever leads next.

        Raises:
            StorageUnavailable: No socket, or no card, can be made.
        """
        secret, loop = secrets.token_hex(32), asyncio.get_running_loop()

        def made() -> Channel:
            return Channel(greet, secret, called=True)

        try:
            if self._unix:
                path = await self._listen_at_path(made)
                card = _Card(secret, note, path=str(path))
            else:
                self._server = await loop.create_server(made, "127.0.0.1", 0)
                card = _Card(secret, note, port=self._server.sockets[0].getsockname()[1])
            self._write(msgspec.json.encode(card))
            self._mine = card
        except (OSError, RuntimeError) as error:
            # RuntimeError: this kind of event loop has no such sockets.
            self._hang_up()
            raise StorageUnavailable(f"{self._socket} cannot be listened at: {error}.") from error

    async def _listen_at_path(self, made: Callable[[], Channel]) -> Path:
        """Listen in the folder, else in a private one."""
        if len(os.fsencode(self._socket)) <= LONGEST_SOCKET_BYTES:
            with contextlib.suppress(OSError):
                return await self._listen_at(self._socket, made)
        return await self._listen_at(_private_folder() / self._socket.name, made)

    async def _listen_at(self, path: Path, made: Callable[[], Channel]) -> Path:
        self._listens_at = path
        self._server = await asyncio.get_running_loop().create_unix_server(made, path)
        _keep_private(path)
        return path

    def sign(self, note: str) -> None:
        """Leave another note; without effect on who does not listen, or whose folder is gone."""
        if self._mine is not None:
            self._mine = msgspec.structs.replace(self._mine, note=note)
            with contextlib.suppress(OSError):
                self._write(msgspec.json.encode(self._mine))

    async def call(self, greet: Greet) -> bool:
        """Call the leader; False when nobody answers."""
        card = self._read()
        if card is None:
            return False
        loop = asyncio.get_running_loop()

        def made() -> Channel:
            return Channel(greet, card.secret, called=False)

        try:
            async with asyncio.timeout(CALL_S):
                if card.path:
                    await loop.create_unix_connection(made, card.path)
                else:
                    await loop.create_connection(made, "127.0.0.1", card.port)
        except (OSError, RuntimeError):
            return False
        return True

    def leave(self, *, others: bool) -> None:
        """Lead no longer; without effect on who does not. `others`: somebody is left who may take over."""
        if not self._lock.is_held:
            return
        self._hang_up()
        if not others:
            with contextlib.suppress(OSError):
                self._write(b"")
        self._lock.give_back()

    def _hang_up(self) -> None:
        self._mine = None
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._listens_at is not None:
            _sweep(self._listens_at)
            self._listens_at = None

    def _read(self) -> _Card | None:
        """The card; None when there is none, it is blank, or it is just being written."""
        try:
            return msgspec.json.decode(self._card.read_bytes(), type=_Card)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write(self, text: bytes) -> None:
        """Write it in place and in whole blocks: one that fits where the last one was fits on a full disk as well."""
        blocks = -(-len(text) // _CARD_BYTES) or 1
        descriptor = os.open(self._card, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, text.ljust(blocks * _CARD_BYTES))
            if os.fstat(descriptor).st_size > blocks * _CARD_BYTES:
                os.truncate(descriptor, blocks * _CARD_BYTES)
        finally:
            os.close(descriptor)


def process_space() -> str:
    """Names the space in which numbers of processes mean what they mean here; empty where there is but one."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def is_running(pid: int) -> bool:
    """Whether there is a process of this number that has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _keep_private(path: Path) -> None:
    path.chmod(0o600)


def _private_folder() -> Path:
    """A folder of a short name; nobody can guess it, and with mode 0700 it is ours alone."""
    parent = next(one for one in _temporary() if len(one) <= LONGEST_SOCKET_BYTES // 2)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))


def _sweep(path: Path) -> None:
    """Remove a socket that nobody listens at, and the folder that was made for it."""
    with contextlib.suppress(OSError):
        if path.is_socket():
            path.unlink()
        if path.parent.name.startswith(_PREFIX) and str(path.parent.parent) in _temporary():
            path.parent.rmdir()


def _temporary() -> tuple[str, ...]:
    """The system's temporary folder, and the one that is meant where that has a long name."""
    return (tempfile.gettempdir(), "/tmp")  # noqa: S108 - where it looks for leftovers, nothing is made there by name
