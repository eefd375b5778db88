"""What keeps the sound of a recording from the clean-up of files."""

from __future__ import annotations

from typing import Any

from features.audio.house import ANN, AudioHouse
from roundhouse.core.ids import new_id
from roundhouse.features.audio.service import SoundUse
from roundhouse.features.audio.store import recordings
from roundhouse.infra.db import Database


async def uses(db: Database, file_ids: list[str], since_s: float | None) -> dict[str, float | None]:
    async with db.read() as tx:
        return await SoundUse().uses(tx, file_ids, since_s)


async def test_sound_is_needed_until_its_job_has_ended(
    house: AudioHouse, db: Database, turned_clock: Any
) -> None:
    recording_id = await house.send()
    (file_id,) = house.files.ids
    asked = [file_id, new_id("file")]
    assert await uses(db, asked, None) == {file_id: None}
    await house.work()
    ended_s = turned_clock.now_s()
    assert await uses(db, asked, None) == {}
    assert await uses(db, asked, ended_s - 1) == {file_id: ended_s}
    assert await uses(db, asked, ended_s) == {}
    # A stage that is done again needs it again.
    turned_clock.turn(10.0)
    await house.recordings.rerun(ANN, recording_id, _again())
    assert await uses(db, asked, None) == {file_id: None}


async def test_a_recording_whose_sound_went_has_its_texts(
    house: AudioHouse, db: Database, turned_clock: Any
) -> None:
    done = await house.done(("features", "raw_transcript"))
    (file_id,) = house.files.ids
    async with db.begin() as tx:
        await SoundUse().let_go(tx, file_id, turned_clock.now_s())
    async with db.read() as tx:
        found = await recordings.get(tx, ANN, done.task_id)
    assert found.file_id is None
    assert (await house.status(done.task_id)).results.raw_transcript == done.results.raw_transcript
    assert await uses(db, [file_id], 0.0) == {}


def _again() -> Any:
    from roundhouse.features.audio.schemas import RerunAsk

    return RerunAsk(stage="transcribe")
