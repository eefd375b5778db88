"""Cleaning on both databases: what is old goes, what a job needs stays, and a dry run tells exactly the same."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from features.ops.upkeep_house import CALLER, DAY_S, UpkeepHouse, names
from roundhouse.app.upkeep import file_users
from roundhouse.core.errors import NotFound, StorageUnavailable
from roundhouse.features.knowledge.files.store import files as file_rows
from roundhouse.infra.db import Database
from roundhouse.infra.file_lock import FileLock
from roundhouse.infra.hosting.environments import build_lock

PARTS = ("logs", "audio", "cache")


@pytest.fixture
async def house(db: Database, tmp_path: Path, turned_clock: Any) -> AsyncIterator[UpkeepHouse]:
    made = UpkeepHouse(db, tmp_path / "data", turned_clock)
    yield made
    await made.files.close()


@contextmanager
def as_nobody() -> Iterator[None]:
    """The user root may do everything: here it is another one for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def fill(house: UpkeepHouse) -> dict[str, str]:
    """Something of everything, half of it eight days old; ids by what they are."""
    ids = {
        "used": (used := await house.recording(b"used")).id,
        "needed": (needed := await house.recording(b"needed")).id,
        "unused": (await house.recording(b"unused")).id,
        "failed job": await house.job("failed", used),
        "waiting job": await house.job("waiting", needed),
        "running job": await house.job("running", needed),
    }
    house.clock.turn(8 * DAY_S)
    ids["young"] = (young := await house.recording(b"young")).id
    ids["young job"] = await house.job("cancelled", young)
    for name, age_days in (("roundhouse.log", 30), ("roundhouse-a.log", 8), ("roundhouse-b.log", 6)):
        house.log(name, age_days)
    house.log("other.log", 30)
    part = house.data_dir / "models" / "whisper" / "small" / "model.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 10)
    house.age(part, 2)
    left = house.data_dir / "blobs" / "incoming" / "in_dead"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "tmp_x").write_bytes(b"x" * 20)
    return ids


async def test_what_is_old_goes_and_the_dry_run_has_told_it(house: UpkeepHouse) -> None:
    ids = await fill(house)
    before = house.everything()
    told = await house.cleaning.clean(PARTS, dry_run=True)
    assert house.everything() == before
    assert (await house.files.get(CALLER, ids["used"])).id == ids["used"]
    assert names(told) == [
        ("log", "roundhouse-a.log"),
        ("recording", ids["used"]),
        ("recording", ids["unused"]),
        ("job_folder", ids["failed job"]),
        ("upload", "in_dead"),
        ("partial_model", "model.bin.part"),
    ]
    assert told.removed_bytes == sum(one.size_bytes for one in told.removed)
    done = await house.cleaning.clean(PARTS)
    assert (done.removed, done.kept, done.dry_run, told.dry_run) == (told.removed, [], False, True)
    for name in ("used", "unused"):
        with pytest.raises(NotFound):
            await house.files.get(CALLER, ids[name])
    gone = {name for name in before - house.everything() if not name.startswith("blobs/")}
    assert gone == {
        "logs/roundhouse-a.log",
        f"jobs/{ids['failed job']}/audio.wav",
        "models/whisper/small/model.bin.part",
    }
    assert sum(name.startswith("blobs/") for name in house.everything()) == 3
    assert (await house.cleaning.clean(PARTS)).removed == []


async def test_an_unfinished_job_keeps_what_it_has_however_little_is_to_be_kept(house: UpkeepHouse) -> None:
    ids = await fill(house)
    house.clock.turn(1.0)
    done = await house.cleaning.clean(PARTS, days=0)
    assert ("recording", ids["young"]) in names(done)
    kept = await house.files.get(CALLER, ids["needed"])
    assert b"".join([piece async for piece in await house.files.read(CALLER, kept.id)]).endswith(b"needed")
    assert {path.name for path in (house.data_dir / "jobs").iterdir()} == {
        ids["waiting job"],
        ids["running job"],
    }
    assert (house.settings.log_dir / "roundhouse.log").exists()
    # Both end, and nothing needs it any more.
    for name in ("waiting job", "running job"):
        await house.turn_to(ids[name], "completed")
    house.clock.turn(1.0)
    assert ("recording", kept.id) in names(await house.cleaning.clean(["audio"], days=0))


async def test_a_recording_whose_job_is_about_to_be_made_stays(house: UpkeepHouse) -> None:
    made = await house.recording()
    house.clock.turn(3000)
    assert names(await house.cleaning.clean(["audio"], days=0)) == []
    house.clock.turn(700)
    assert names(await house.cleaning.clean(["audio"], days=0)) == [("recording", made.id)]


async def test_a_recording_is_as_old_as_the_end_of_its_last_job(house: UpkeepHouse) -> None:
    made = await house.recording()
    first = await house.job("completed", made)
    house.clock.turn(5 * DAY_S)
    await house.turn_to(first, "completed")
    house.clock.turn(5 * DAY_S)
    assert names(await house.cleaning.clean(["audio"], days=7)) == []
    house.clock.turn(3 * DAY_S)
    assert names(await house.cleaning.clean(["audio"], days=7)) == [
        ("recording", made.id),
        ("job_folder", first),
    ]


async def test_a_job_that_comes_between_the_finding_and_the_deleting_keeps_its_recording(
    house: UpkeepHouse,
) -> None:
    made = await house.recording()
    house.clock.turn(9 * DAY_S)
    assert [one.id for one in await house.files.old_recordings(house.clock.now_s())] == [made.id]
    await house.job("queued", made)
    assert not await house.files.retire(made.id)
    assert (await house.files.get(CALLER, made.id)).id == made.id


async def test_a_room_keeps_what_it_works_on_and_is_told_what_goes(
    db: Database, tmp_path: Path, turned_clock: Any
) -> None:
    class Room:
        """Knows of files that no job's input names."""

        def __init__(self) -> None:
            self.used: dict[str, float | None] = {}
            self.gone: list[str] = []

        async def uses(self, tx: Any, file_ids: Any, since_s: float | None) -> dict[str, float | None]:
            return {
                name: at_s
                for name, at_s in self.used.items()
                if name in file_ids and (since_s or at_s is None)
            }

        async def let_go(self, tx: Any, file_id: str, at_s: float) -> None:
            self.gone.append(file_id)

    room = Room()
    house = UpkeepHouse(db, tmp_path / "data", turned_clock, users=(*file_users(db), room))
    going, lately, long_ago = [await house.recording(bytes([number])) for number in range(3)]
    house.clock.turn(20 * DAY_S)
    now_s = house.clock.now_s()
    room.used = {going.id: None, lately.id: now_s - 3 * DAY_S, long_ago.id: now_s - 8 * DAY_S}
    assert names(await house.cleaning.clean(["audio"])) == [("recording", long_ago.id)]
    assert room.gone == [long_ago.id]
    assert names(await house.cleaning.clean(["audio"], days=0)) == [("recording", lately.id)]
    assert not await house.files.retire(going.id)
    await house.files.close()


async def test_more_recordings_than_fit_into_one_page(house: UpkeepHouse) -> None:
    made = await house.recording()
    async with house.db.begin() as tx:
        row = dict((await tx.execute(sa.select(file_rows))).mappings().one())
        more = [{**row, "id": f"{row['id'][:-4]}{number:04d}"} for number in range(1100)]
        await tx.execute(sa.insert(file_rows), [one for one in more if one["id"] != made.id])
        count = int((await tx.execute(sa.select(sa.func.count()).select_from(file_rows))).scalar_one())
    house.clock.turn(8 * DAY_S)
    assert len((await house.cleaning.clean(["audio"], dry_run=True)).removed) == count


async def test_bytes_that_another_file_has_stay(house: UpkeepHouse) -> None:
    old = await house.recording(b"same")
    house.clock.turn(8 * DAY_S)
    new = await house.recording(b"same")
    assert names(await house.cleaning.clean(["audio"])) == [("recording", old.id)]
    assert b"".join([piece async for piece in await house.files.read(CALLER, new.id)]).endswith(b"same")


async def test_two_clean_ups_at_once_do_each_thing_once(house: UpkeepHouse) -> None:
    ids = await fill(house)
    for number in range(20):
        await house.recording(bytes([number]))
    house.clock.turn(8 * DAY_S)
    whole = names(await house.cleaning.clean(PARTS, dry_run=True))
    reports = await asyncio.gather(*(house.another().clean(PARTS) for _ in range(3)))
    assert [one.kept for one in reports] == [[], [], []]
    assert sorted(pair for one in reports for pair in names(one)) == sorted(whole)
    assert (await house.files.get(CALLER, ids["needed"])).id == ids["needed"]


async def test_a_retry_after_its_folder_is_gone_begins_anew(house: UpkeepHouse) -> None:
    job_id = await house.job("failed")
    house.clock.turn(8 * DAY_S)
    await house.cleaning.clean(["audio"])
    row = await house.job_row(job_id)
    assert (row.since_run, row.run) == (1, 1)
    assert not (house.data_dir / "jobs" / job_id).exists()


async def test_what_a_killed_clean_up_began_the_next_one_ends(house: UpkeepHouse) -> None:
    job_id = await house.job("failed")
    folder = house.data_dir / "jobs" / job_id
    folder.rename(folder.with_name(f".gone-{job_id}"))
    (house.data_dir / "jobs" / "job_unknown").mkdir()
    assert names(await house.cleaning.clean(["audio"])) == [
        ("job_folder", f".gone-{job_id}"),
        ("job_folder", "job_unknown"),
    ]
    assert list((house.data_dir / "jobs").iterdir()) == []


async def test_links_are_not_followed(house: UpkeepHouse, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("roundhouse-x.log", "model.part", "kept"):
        (outside / name).write_text("precious")
        house.age(outside / name, 90)
    house.log("roundhouse-old.log", 90)
    (house.settings.log_dir / "roundhouse-link.log").symlink_to(outside / "roundhouse-x.log")
    (house.settings.log_dir / "roundhouse-folder.log").symlink_to(outside)
    for name in ("models", "jobs", "blobs/incoming"):
        (house.data_dir / name).mkdir(parents=True)
    (house.data_dir / "models" / "link").symlink_to(outside)
    (house.data_dir / "jobs" / "job_link").symlink_to(outside)
    (house.data_dir / "blobs" / "incoming" / "in_link").symlink_to(outside)
    done = await house.cleaning.clean(PARTS, days=0)
    assert names(done) == [("log", "roundhouse-old.log")]
    assert sorted(path.name for path in outside.iterdir()) == ["kept", "model.part", "roundhouse-x.log"]


async def test_a_folder_that_is_more_than_logs_is_refused(
    db: Database, tmp_path: Path, turned_clock: Any
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (tmp_path / "roundhouse-a.log").write_text("x")
    for folder in (Path("/"), tmp_path, data_dir, data_dir / "logs" / ".." / ".."):
        house = UpkeepHouse(db, data_dir, turned_clock, log={"dir": folder})
        turned_clock.turn(90 * DAY_S)
        done = await house.cleaning.clean(["logs"], days=0)
        assert done.removed == []
        assert [(one.kind, "no folder of logs" in one.reason) for one in done.kept] == [("log", True)]
        await house.files.close()
    assert (tmp_path / "roundhouse-a.log").exists()


async def test_what_may_not_be_deleted_is_told_and_the_rest_goes(house: UpkeepHouse, tmp_path: Path) -> None:
    house.log("roundhouse-a.log", 8)
    made = await house.recording()
    house.clock.turn(8 * DAY_S)
    # The folders of tests are their owner's alone, and so is the data folder.
    for folder in (house.data_dir, tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o077 == 0:
            folder.chmod(0o755)
    house.settings.log_dir.chmod(0o555)
    with as_nobody():
        report = await house.cleaning.clean(["logs"])
        assert [(one.kind, Path(one.name).name, one.reason) for one in report.kept] == [
            ("log", "roundhouse-a.log", "It cannot be deleted: permission denied.")
        ]
    house.settings.log_dir.chmod(0o000)
    with as_nobody():
        (kept,) = (await house.cleaning.clean(["logs"])).kept
        assert kept.reason == f"{house.settings.log_dir} cannot be read: permission denied."
    house.settings.log_dir.chmod(0o755)
    assert names(await house.cleaning.clean(["logs", "audio"])) == [
        ("log", "roundhouse-a.log"),
        ("recording", made.id),
    ]


async def test_a_download_that_goes_on_keeps_its_parts(house: UpkeepHouse) -> None:
    part = house.data_dir / "models" / "a.bin.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x")
    house.age(part, 0.02)
    assert names(await house.cleaning.clean(["cache"], days=0)) == []
    house.age(part, 3)
    job_id = await house.job("queued", kind="model.pull", folder=False)
    assert names(await house.cleaning.clean(["cache"], days=0)) == []
    await house.turn_to(job_id, "failed")
    assert names(await house.cleaning.clean(["cache"], days=0)) == [("partial_model", part.name)]


async def test_a_folder_that_was_being_downloaded_into_goes_as_a_whole(house: UpkeepHouse) -> None:
    whole, part = (house.data_dir / "models" / "whisper" / name for name in ("small", "small.partial"))
    for folder in (whole, part):
        folder.mkdir(parents=True)
        for name in ("config.json", "model.bin"):
            (folder / name).write_bytes(b"x" * 10)
            house.age(folder / name, 3)
    house.age(part / "model.bin", 0.5)
    assert names(await house.cleaning.clean(["cache"])) == []
    house.clock.turn(DAY_S)
    (found,) = (await house.cleaning.clean(["cache"])).removed
    assert (Path(found.name).name, found.size_bytes) == ("small.partial", 20)
    assert (whole / "model.bin").exists()
    assert not part.exists()


async def test_a_half_built_environment_goes_unless_it_is_being_built(house: UpkeepHouse) -> None:
    folder = house.data_dir / "environments"
    whole, part, cache = (folder / name for name in ("vi-0123456789ab", "vi.89abcdef.partial", "vi.cache"))
    for place in (whole, part, cache):
        # What ends like a part of a download lies in a whole one, too.
        (place / "lib").mkdir(parents=True)
        (place / "lib" / "x.part").write_bytes(b"x" * 10)
        house.age(place / "lib" / "x.part", 3)
    house.age(cache / "lib" / "x.part", 0.5)
    lock = build_lock(folder, "vi")
    assert lock.take()
    assert names(await house.cleaning.clean(["cache"], days=0)) == []
    lock.give_back()
    assert names(await house.cleaning.clean(["cache"], days=0, dry_run=True)) == [
        ("partial_environment", part.name),
        ("partial_environment", cache.name),
    ]
    assert names(await house.cleaning.clean(["cache"], days=1)) == [("partial_environment", part.name)]
    assert names(await house.cleaning.clean(["cache"], days=0)) == [("partial_environment", cache.name)]
    assert sorted(one.name for one in folder.iterdir()) == [whole.name, "vi.lock"]
    assert (whole / "lib" / "x.part").exists()


async def test_an_upload_that_goes_on_keeps_its_folder(house: UpkeepHouse) -> None:
    folder = house.data_dir / "blobs" / "incoming" / "in_living"
    folder.mkdir(parents=True)
    lock = FileLock(folder / "lock")
    assert lock.take()
    assert names(await house.cleaning.clean(["cache"], days=0)) == []
    lock.give_back()
    assert names(await house.cleaning.clean(["cache"], days=0)) == [("upload", "in_living")]


async def test_without_a_database_the_rest_is_cleaned(house: UpkeepHouse) -> None:
    ids = await fill(house)
    part = house.data_dir / "models" / "whisper" / "small" / "model.bin.part"
    told: list[str | None] = ["The database does not answer."]

    async def lack() -> str | None:
        return told[-1]

    service = house.another(lack=lack)
    done = await service.clean(PARTS)
    assert [kind for kind, _ in names(done)] == ["log", "upload"]
    assert [(one.kind, one.reason) for one in done.kept] == [
        ("recording", "The database does not answer."),
        ("job_folder", "The database does not answer."),
    ]
    assert part.exists()
    told.append("")
    assert names(await service.clean(PARTS)) == [("partial_model", part.name)]
    # It is asked each time: a disk that was full may have room by now.
    told.append(None)
    assert ("recording", ids["used"]) in names(await service.clean(PARTS))


async def test_a_storage_that_fails_is_told(house: UpkeepHouse) -> None:
    class Away:
        """Files whose database has gone away."""

        async def old_recordings(self, before_s: float) -> Any:
            raise StorageUnavailable("The database does not answer.")

    from roundhouse.features.ops.service.cleaning import Area, CleaningService
    from roundhouse.features.ops.sources.recordings import Recordings

    away: Any = Away()
    areas: Any = {"audio": Area(7.0, (Recordings(away),))}
    service = CleaningService(house.db, house.clock, areas, house.data_dir, 1.0, away)
    done = await service.clean(["audio"])
    assert [(one.kind, one.reason) for one in done.kept] == [("recording", "The database does not answer.")]
