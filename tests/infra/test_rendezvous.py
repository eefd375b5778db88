from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.rendezvous import FULL_BYTES, LARGEST_FRAME_BYTES, Line, Rendezvous, is_running


class Ear:
    """Remembers what it hears, and answers each frame if told to."""

    def __init__(self, *, echo: bool = False) -> None:
        self.echo = echo
        self.line: Line | None = None
        self.frames: list[bytes] = []
        self.lost_count = 0
        self.changed = asyncio.Event()

    def greet(self, line: Line) -> Ear:
        self.line = line
        self.changed.set()
        return self

    def heard(self, frame: bytes) -> None:
        self.frames.append(frame)
        if self.echo and self.line is not None:
            self.line.send(frame)
        self.changed.set()

    def lost(self) -> None:
        self.lost_count += 1
        self.changed.set()

    async def until(self, number: int) -> list[bytes]:
        async with asyncio.timeout(20):
            while len(self.frames) < number:
                self.changed.clear()
                await self.changed.wait()
        return self.frames

    async def until_lost(self) -> None:
        async with asyncio.timeout(20):
            while not self.lost_count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(params=["unix", "loopback", "long path"])
def places(request: pytest.FixtureRequest, tmp_path: Path):
    """Makes rendezvous of one folder."""
    folder = tmp_path / ("x" * 120 if request.param == "long path" else "data")
    folder.mkdir()
    made: list[Rendezvous] = []

    def make() -> Rendezvous:
        made.append(Rendezvous(folder, "residency", unix=request.param != "loopback"))
        return made[-1]

    make.folder = folder
    yield make
    for one in made:
        one.leave(others=False)


async def test_one_leads_and_the_others_reach_it(places) -> None:
    leader, other = places(), places()
    assert leader.take() and not other.take()
    assert not leader.was_led and not leader.is_led
    assert not await other.call(Ear().greet)
    ear = Ear(echo=True)
    await leader.listen(ear.greet)
    assert other.is_led
    mine = Ear()
    assert await other.call(mine.greet)
    mine.line.send(b"one")
    mine.line.send(b"")
    mine.line.send(b"x" * 300_000)
    assert await mine.until(3) == [b"one", b"", b"x" * 300_000]
    mine.line.close()
    await ear.until_lost()
    assert ear.lost_count == 1


async def test_a_place_left_empty_is_new_and_one_with_others_is_not(places) -> None:
    first, second, third = places(), places(), places()
    assert first.take()
    await first.listen(Ear().greet)
    first.leave(others=True)
    assert second.take() and second.was_led
    await second.listen(Ear().greet)
    second.leave(others=False)
    assert third.take() and not third.was_led
    third.leave(others=False)
    third.leave(others=False)


async def test_the_next_leader_listens_at_the_same_place(places) -> None:
    first, second, caller = places(), places(), places()
    assert first.take()
    await first.listen(Ear().greet)
    first.leave(others=True)
    assert not await caller.call(Ear().greet)
    assert second.take()
    ear = Ear(echo=True)
    await second.listen(ear.greet)
    mine = Ear()
    assert await caller.call(mine.greet)
    mine.line.send(b"hello")
    assert await mine.until(1) == [b"hello"]


def dial(folder: Path) -> socket.socket:
    """A bare connection to whoever listens; the secret is not said."""
    card = msgspec.json.decode((folder / "residency.card").read_bytes())
    if card["path"]:
        found = socket.socket(socket.AF_UNIX)
        found.connect(card["path"])
    else:
        found = socket.create_connection(("127.0.0.1", card["port"]))
    return found


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    "said",
    [frame(b"wrong" * 12 + b"four"), frame(b""), b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, frame(b"x" * 65)],
)
async def test_who_does_not_know_the_secret_is_not_heard(places, said: bytes) -> None:
    leader = places()
    assert leader.take()
    ear = Ear()
    await leader.listen(ear.greet)
    stranger = dial(places.folder)
    stranger.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(stranger, said)
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionResetError):
            assert await loop.sock_recv(stranger, 1) == b""
    stranger.close()
    assert ear.line is None


async def test_a_frame_too_large_ends_the_connection(places) -> None:
    leader = places()
    assert leader.take()
    ear = Ear()
    await leader.listen(ear.greet)
    card = msgspec.json.decode((places.folder / "residency.card").read_bytes())
    stranger = dial(places.folder)
    stranger.sendall(frame(card["secret"].encode()) + (LARGEST_FRAME_BYTES + 1).to_bytes(4, "big"))
    await ear.until_lost()
    assert ear.frames == []
    stranger.close()


async def test_frames_come_whole_however_they_are_cut(places) -> None:
    leader = places()
    assert leader.take()
    ear = Ear()
    await leader.listen(ear.greet)
    card = msgspec.json.decode((places.folder / "residency.card").read_bytes())
    stranger = dial(places.folder)
    for byte in frame(card["secret"].encode()) + frame(b"one") + frame(b"") + frame(b"three"):
        stranger.sendall(bytes([byte]))
        await asyncio.sleep(0)
    assert await ear.until(3) == [b"one", b"", b"three"]
    stranger.close()


async def test_who_does_not_read_is_noticed(places) -> None:
    leader = places()
    assert leader.take()
    ear = Ear()
    await leader.listen(ear.greet)
    stranger = dial(places.folder)
    card = msgspec.json.decode((places.folder / "residency.card").read_bytes())
    stranger.sendall(frame(card["secret"].encode()))
    async with asyncio.timeout(20):
        await ear.changed.wait()
    assert not ear.line.is_full
    for _ in range(20):
        ear.line.send(b"x" * (FULL_BYTES // 2))
    assert ear.line.is_full
    ear.line.close(at_once=True)
    await ear.until_lost()
    stranger.close()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_nobody_else_can_open_what_it_makes(tmp_path: Path) -> None:
    place = Rendezvous(tmp_path, "residency")
    assert place.take()
    await place.listen(Ear().greet)
    private = dict.fromkeys(("residency.lock", "residency.sock", "residency.card"), 0o600)
    assert modes(tmp_path) == private
    place.leave(others=False)
    assert modes(tmp_path).keys() == {"residency.lock", "residency.card"}


async def test_a_socket_elsewhere_lies_in_a_private_folder_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    first, second = Rendezvous(folder, "residency"), Rendezvous(folder, "residency")
    assert first.take()
    await first.listen(Ear().greet)
    path = Path(msgspec.json.decode((folder / "residency.card").read_bytes())["path"])
    assert path.parent != folder and len(os.fsencode(path)) <= 100
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    # As after kill -9: nothing was cleaned up, only the lock is free.
    first._lock.give_back()
    assert second.take() and second.was_led
    assert not path.parent.exists()
    second.leave(others=False)


async def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    place = Rendezvous(tmp_path / "not there", "residency")
    with pytest.raises(StorageUnavailable, match="cannot be locked"):
        place.take()
    (tmp_path / "residency.card").mkdir()
    blocked = Rendezvous(tmp_path, "residency")
    assert blocked.take() and not blocked.was_led
    with pytest.raises(StorageUnavailable, match="cannot be listened at"):
        await blocked.listen(Ear().greet)
    blocked.sign("without effect")
    blocked.leave(others=False)
    assert not (tmp_path / "residency.sock").exists()


async def test_a_folder_that_cannot_hold_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "residency.sock").mkdir()
    place, caller, ear = Rendezvous(tmp_path, "residency"), Rendezvous(tmp_path, "residency"), Ear(echo=True)
    assert place.take()
    await place.listen(ear.greet, "first")
    mine = Ear()
    assert await caller.call(mine.greet)
    mine.line.send(b"hello")
    assert await mine.until(1) == [b"hello"]
    place.leave(others=True)


async def test_the_note_of_a_leader_is_left_for_the_next_one(places) -> None:
    first, second = places(), places()
    first.sign("without effect")
    assert first.take() and first.former == ""
    await first.listen(Ear().greet, "one")
    first.sign("two")
    first.leave(others=True)
    assert second.take() and second.former == "two"
    await second.listen(Ear().greet, "x" * 9000)
    second.sign("short again")
    second.leave(others=True)
    assert first.take() and first.former == "short again"
    assert (places.folder / "residency.card").stat().st_size == 4096


async def test_a_card_that_is_garbage_is_no_card(tmp_path: Path) -> None:
    place = Rendezvous(tmp_path, "residency")
    for text in (b"", b" " * 1024, b"\x00\xff", b"[]", b'{"secret":1}'):
        (tmp_path / "residency.card").write_bytes(text)
        assert not place.is_led
        assert not await place.call(Ear().greet)
        assert place.take() and not place.was_led
        place.leave(others=True)


def test_running_processes() -> None:
    assert is_running(os.getpid())
    assert not is_running(2**22 + 12345)
    ended = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 60
    # Ended, but nobody has asked how.
    while is_running(ended.pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not is_running(ended.pid)
    ended.wait()
