"""Finished transcripts go into the vector store of the setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features.audio.house import AudioHouse
from roundhouse.infra.db import Database


async def test_a_transcript_goes_into_the_store(db: Database, tmp_path: Path, turned_clock: Any) -> None:
    house = AudioHouse(db, tmp_path / "house", turned_clock, vector_store_id="vs_1")
    done = await house.done()
    assert done.status == "COMPLETE"
    assert house.shared == [("vs_1", done.task_id)]


async def test_a_store_that_is_gone_harms_no_recording(
    db: Database, tmp_path: Path, turned_clock: Any
) -> None:
    house = AudioHouse(db, tmp_path / "house", turned_clock, vector_store_id="vs_1")
    house.has_store = False
    assert (await house.done()).status == "COMPLETE"
    assert house.shared == []


async def test_without_the_setting_nothing_is_shared(house: AudioHouse) -> None:
    await house.done()
    assert house.shared == []
