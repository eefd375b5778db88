"""Recordings that come by a folder: each once, none too early, none from elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from features.audio.files import FakeFiles
from features.audio.house import ANN, AudioHouse
from roundhouse.core.errors import BadInput, Unprocessable
from roundhouse.core.settings import WatchSettings
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.audio.service import Accepting
from roundhouse.features.audio.store.recordings import RecordingFilter
from roundhouse.features.audio.watching import RecordingInbox
from roundhouse.infra.watching.inbox import Inbox
from roundhouse.infra.watching.model import Hold
from roundhouse.infra.watching.settling import Settling
from roundhouse.infra.watching.taking import Taking
from roundhouse.infra.watching.watch import FolderWatch, Looked, check_apart

STABLE_S = 10.0


def watch_of(
    house: AudioHouse, *folders: WatchSettings, holder: str = "exe_1", settling: Settling | None = None
) -> FolderWatch:
    inboxes = [
        RecordingInbox(house.db, house.accepting, house.templates, house.settings, one) for one in folders
    ]
    check_apart(inboxes)
    taking = Taking(house.db, house.files, house.clock)
    settling = settling or Settling(house.db, house.clock)
    return FolderWatch(house.db, taking, settling, inboxes, 5.0, house.clock, holder)


def lay(folder: Path, name: str, content: bytes = b"RIFF of a call") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


async def looked(watch: FolderWatch, house: AudioHouse, after_s: float = STABLE_S) -> Looked:
    """Two looks, so far apart that what lies still is taken by the second one."""
    await watch.look(watch.inboxes[0])
    house.clock.turn(after_s)
    return await watch.look(watch.inboxes[0])


async def listed(house: AudioHouse, **wanted) -> list[str]:
    page = await house.recordings.page(ANN, RecordingFilter(**wanted), cursor=None, limit=100)
    return sorted(one.title for one in page.data)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []


def allow(folder: Path, mode: int) -> None:
    folder.chmod(mode)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def settings(inbox: Path, **more) -> WatchSettings:
    return WatchSettings(path=inbox, site_id="one", stable_s=STABLE_S, **more)


async def test_a_file_is_taken_when_it_lies_still_and_goes_to_done(house: AudioHouse, inbox: Path) -> None:
    fields = {"language": "vi", "features": ["raw_transcript", "clean_transcript"], "word_timestamps": True}
    watch = watch_of(house, settings(inbox, fields=fields, results=["txt", "srt"]))
    path = lay(inbox, "họp.wav")
    assert await looked(watch, house, after_s=STABLE_S - 1) == Looked(True, waiting=1)
    path.write_bytes(b"RIFF of a longer call")
    house.clock.turn(STABLE_S - 1)
    # It was still being copied.
    assert (await watch.look(watch.inboxes[0])).taken == 0
    house.clock.turn(STABLE_S)
    assert await watch.look(watch.inboxes[0]) == Looked(True, taken=1)
    assert await watch.look(watch.inboxes[0]) == Looked(True)
    (page,) = (await house.recordings.page(ANN, RecordingFilter(source="watch"), cursor=None, limit=9)).data
    assert (page.title, page.source, page.options["language"]) == ("họp.wav", "watch", "vi")
    assert page.options["word_times"]
    assert names(inbox) == ["họp.wav"]
    await house.work()
    assert house.recogniser.requests[0].language == "vi"
    assert await watch.look(watch.inboxes[0]) == Looked(True, settled=1)
    assert (names(inbox), names(inbox / "done")) == (["done", "out"], ["họp.wav"])
    assert names(inbox / "out") == ["họp.wav.srt", "họp.wav.txt"]
    assert "two engineers" in (inbox / "out" / "họp.wav.txt").read_text()
    assert await watch.look(watch.inboxes[0]) == Looked(True)
    assert await listed(house, source="request") == []


async def test_another_file_of_the_same_name_and_one_that_is_laid_back(
    house: AudioHouse, inbox: Path
) -> None:
    watch = watch_of(house, settings(inbox, results=["txt"]))
    for content in (b"RIFF of one", b"RIFF of the other"):
        lay(inbox, "call.wav", content)
        await looked(watch, house)
        await house.work()
        await watch.look(watch.inboxes[0])
    assert names(inbox / "done") == ["call (2).wav", "call.wav"]
    assert names(inbox / "out") == ["call (2).wav.txt", "call.wav.txt"]
    (inbox / "done" / "call.wav").rename(inbox / "call.wav")
    assert (await looked(watch, house)).taken == 1
    await house.work()
    await watch.look(watch.inboxes[0])
    assert (len(await listed(house)), len(names(inbox / "done"))) == (3, 2)


async def test_what_is_no_sound_or_fails_is_told_beside_it(house: AudioHouse, inbox: Path) -> None:
    watch = watch_of(house, settings(inbox))
    lay(inbox, "notes.txt", b"text and more")
    assert (await looked(watch, house)).taken == 1
    assert await watch.look(watch.inboxes[0]) == Looked(True, settled=1)
    assert names(inbox / "failed") == ["notes.txt", "notes.txt.error.json"]
    told = json.loads((inbox / "failed" / "notes.txt.error.json").read_text())
    assert (told["error"]["code"], told["recording_id"]) == ("unsupported_media_type", None)
    house.preparing.fault = Unprocessable("Nothing can be heard in it.")
    lay(inbox, "broken.wav")
    await looked(watch, house)
    await house.work()
    await watch.look(watch.inboxes[0])
    told = json.loads((inbox / "failed" / "broken.wav.error.json").read_text())
    assert (told["error"]["code"], told["file"]) == ("unprocessable", "broken.wav")
    assert told["recording_id"].startswith("job_")
    assert (names(inbox), names(inbox / "done")) == (["failed"], [])


async def test_a_folder_that_is_left_as_it_is(house: AudioHouse, inbox: Path, tmp_path: Path) -> None:
    lay(inbox, "call.wav")
    lay(inbox, "notes.txt", b"text and more")
    out = tmp_path / "texts"
    leave = settings(inbox, afterwards="leave", results=["md"], out=out)
    allow(inbox, 0o500)
    try:
        watch = watch_of(house, leave)
        assert (await looked(watch, house)).taken == 2
        await house.work()
        assert (await watch.look(watch.inboxes[0])).settled == 2
        again = watch_of(house, leave, holder="exe_1")
        assert await looked(again, house) == Looked(True)
    finally:
        allow(inbox, 0o700)
    assert names(inbox) == ["call.wav", "notes.txt"]
    assert names(out) == ["call.wav.md", "notes.txt.error.json"]
    assert await listed(house) == ["call.wav"]
    # Another content is another file.
    lay(inbox, "call.wav", b"RIFF of another call")
    assert (await looked(again, house)).taken == 1
    await house.work()
    await again.look(again.inboxes[0])
    moving = watch_of(house, settings(inbox))
    await looked(moving, house)
    assert (names(inbox / "done"), names(inbox / "failed")) == (["call.wav"], ["notes.txt"])
    assert len(await listed(house)) == 2


async def test_links_hidden_and_unfinished_files_are_not_taken(
    house: AudioHouse, inbox: Path, tmp_path: Path
) -> None:
    secret = lay(tmp_path / "elsewhere", "secret.wav")
    (inbox / "link.wav").symlink_to(secret)
    (inbox / "folder").mkdir()
    lay(inbox / "folder", "deeper.wav")
    os.mkfifo(inbox / "pipe.wav")
    for name in (
        ".hidden.wav",
        "call.wav.part",
        "call.mp3.crdownload",
        "~call.wav",
        "Thumbs.db",
        "x.wav.tmp",
    ):
        lay(inbox, name)
    watch = watch_of(house, settings(inbox))
    assert await looked(watch, house) == Looked(True)
    assert (await listed(house), house.files.ids) == ([], [])
    # Nothing is written through a link either.
    (inbox / "done").symlink_to(tmp_path / "elsewhere")
    lay(inbox, "call.wav")
    await looked(watch, house)
    await house.work()
    assert "storage_unavailable" in ((await watch.look(watch.inboxes[0])).error or "")
    assert names(tmp_path / "elsewhere") == ["secret.wav"]
    assert await listed(house) == ["call.wav"]


async def test_one_process_looks_at_a_time_and_the_next_goes_on(house: AudioHouse, inbox: Path) -> None:
    first, second = (watch_of(house, settings(inbox), holder=f"exe_{one}") for one in (1, 2))
    lay(inbox, "call.wav")
    assert (await looked(first, house)).taken == 1
    assert (await second.look(second.inboxes[0])).is_held is False
    await first.close()
    assert (await second.look(second.inboxes[0])).is_held
    assert (await first.look(first.inboxes[0])).is_held is False
    # One that died holds it no longer than its lease.
    house.clock.turn(60.0)
    assert (await first.look(first.inboxes[0])).is_held
    await house.work()
    await first.look(first.inboxes[0])
    assert (await listed(house), names(inbox / "done")) == (["call.wav"], ["call.wav"])


class Death(Exception):
    """The process ends here."""


class DyingFiles(FakeFiles):
    """Keeps the first file, and then the process ends."""

    is_dying = True

    async def create(self, caller: Caller, new: NewFile, pieces: AsyncIterator[bytes]) -> FileInfo:
        info = await super().create(caller, new, pieces)
        if self.is_dying:
            self.is_dying = False
            raise Death
        return info


async def test_a_death_between_the_bytes_and_the_recording(house: AudioHouse, inbox: Path) -> None:
    house.files = DyingFiles(house.folder)
    house.accepting = Accepting(
        house.db, house.files, house.jobs, house.templates, house.speakers, house.clock
    )
    watch = watch_of(house, settings(inbox))
    lay(inbox, "call.wav")
    with pytest.raises(Death):
        await looked(watch, house)
    assert len(house.files.ids) == 1
    house.clock.turn(60.0)
    again = watch_of(house, settings(inbox), holder="exe_2")
    assert (await looked(again, house)).taken == 1
    assert (len(house.files.ids), await listed(house)) == (1, ["call.wav"])


async def test_a_death_between_the_texts_and_the_note_of_them(house: AudioHouse, inbox: Path) -> None:
    watch = watch_of(house, settings(inbox, results=["txt"]))
    lay(inbox, "call.wav")
    await looked(watch, house)
    await house.work()
    # The folder cannot be written to at first: the end is dealt with again, under the same name.
    (inbox / "done").write_bytes(b"in the way")
    assert "storage_unavailable" in ((await watch.look(watch.inboxes[0])).error or "")
    assert names(inbox / "out") == ["call.wav.txt"]
    (inbox / "done").unlink()
    # Moved, and nobody knows of it yet.
    (inbox / "done").mkdir()
    (inbox / "call.wav").rename(inbox / "done" / "call.wav")
    again = watch_of(house, settings(inbox, results=["txt"]), holder="exe_1")
    assert await again.look(again.inboxes[0]) == Looked(True, settled=1)
    assert (names(inbox / "out"), names(inbox / "done")) == (["call.wav.txt"], ["call.wav"])


class SlowFiles(FakeFiles):
    """Needs its time for each file."""

    def __init__(self, folder: Path, house: AudioHouse) -> None:
        super().__init__(folder)
        self._house = house

    async def create(self, caller: Caller, new: NewFile, pieces: AsyncIterator[bytes]) -> FileInfo:
        self._house.clock.turn(2.0)
        return await super().create(caller, new, pieces)


async def test_many_files_do_not_keep_ends_waiting(house: AudioHouse, inbox: Path) -> None:
    house.files = SlowFiles(house.folder, house)
    house.accepting = Accepting(
        house.db, house.files, house.jobs, house.templates, house.speakers, house.clock
    )
    watch = watch_of(house, settings(inbox))
    for count in range(4):
        lay(inbox, f"{count}.wav")
    assert await looked(watch, house) == Looked(True, taken=3, waiting=1)
    assert await watch.look(watch.inboxes[0]) == Looked(True, taken=1)


class LosingSettling(Settling):
    """Is so slow that another process has the folder before the second end is dealt with."""

    def __init__(self, house: AudioHouse, other: FolderWatch) -> None:
        super().__init__(house.db, house.clock)
        self._house = house
        self._other = other

    async def settle(self, inbox: Inbox, hold: Hold) -> int:
        asked = 0

        async def late() -> None:
            nonlocal asked
            asked += 1
            if asked == 2:
                self._house.clock.turn(60.0)
                await self._other.look(self._other.inboxes[0])
            await hold()

        return await super().settle(inbox, late)


async def test_no_end_is_dealt_with_by_two(house: AudioHouse, inbox: Path) -> None:
    first, second = (watch_of(house, settings(inbox, results=["txt"]), holder=f"exe_{one}") for one in (1, 2))
    names_laid = ["0.wav", "1.wav", "2.wav"]
    for name in names_laid:
        lay(inbox, name)
    await looked(first, house)
    await house.work()
    wanted = settings(inbox, results=["txt"])
    slow = watch_of(house, wanted, settling=LosingSettling(house, second))
    assert await slow.look(slow.inboxes[0]) == Looked(False)
    assert (names(inbox), names(inbox / "done")) == (["done", "out"], names_laid)
    assert names(inbox / "out") == [f"{name}.txt" for name in names_laid]


class FaultySettling(Settling):
    """Has a fault at its first use."""

    faults = 1

    async def settle(self, inbox: Inbox, hold: Hold) -> int:
        if self.faults:
            self.faults -= 1
            raise ValueError("A fault of ours.")
        return await super().settle(inbox, hold)


async def test_it_goes_on_by_itself_also_after_a_fault(house: AudioHouse, inbox: Path, logged) -> None:
    watch = watch_of(house, settings(inbox), settling=FaultySettling(house.db, house.clock))
    lay(inbox, "call.wav")
    await watch.start()
    for _ in range(500):
        house.clock.turn(1.0)
        await asyncio.sleep(0.01)
        if await listed(house):
            break
    await watch.close()
    assert await listed(house) == ["call.wav"]
    assert [one["event"] for one in logged].count("watched_folders_failed") == 1


async def test_a_full_queue_and_a_missing_template_are_no_fault_of_files(
    house: AudioHouse, inbox: Path
) -> None:
    for count in range(7):
        lay(inbox, f"{count}.wav")
    watch = watch_of(house, settings(inbox))
    first = await looked(watch, house)
    assert (first.waiting, "queue_full" in (first.error or "")) == (2, True)
    await house.work()
    assert (await watch.look(watch.inboxes[0])).taken == 2
    await house.work()
    await watch.look(watch.inboxes[0])
    assert (len(await listed(house)), len(names(inbox / "done")), len(house.files.ids)) == (7, 7, 7)
    lay(inbox, "more.wav")
    fields = {"features": "summary", "template_id": "nothing"}
    other = watch_of(house, settings(inbox, fields=fields))
    assert "template" in ((await looked(other, house)).error or "")
    assert "more.wav" in names(inbox)


async def test_a_recording_that_was_deleted_meanwhile(house: AudioHouse, inbox: Path) -> None:
    watch = watch_of(house, settings(inbox))
    lay(inbox, "call.wav")
    await looked(watch, house)
    (one,) = (await house.recordings.page(ANN, RecordingFilter(), cursor=None, limit=9)).data
    await house.recordings.delete(ANN, one.id)
    await watch.look(watch.inboxes[0])
    assert names(inbox / "failed") == ["call.wav", "call.wav.error.json"]


async def test_folders_that_cannot_be_watched(house: AudioHouse, inbox: Path, tmp_path: Path) -> None:
    for one in (
        [settings(Path("inbox"))],
        [settings(inbox), settings(inbox)],
        [settings(inbox, out=Path())],
        [settings(inbox), settings(tmp_path, out=inbox, results=["txt"])],
        [settings(inbox, fields={"vad_threshold": 7})],
        [settings(inbox, fields={"colour": "red"})],
    ):
        with pytest.raises(BadInput):
            watch_of(house, *one)
    gone = watch_of(house, settings(tmp_path / "nowhere"))
    assert "storage_unavailable" in ((await gone.look(gone.inboxes[0])).error or "")
