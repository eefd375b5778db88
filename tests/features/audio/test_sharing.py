"""Finished transcripts go into the vector store of the setting, or of the request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from features.audio.house import ANN, AudioHouse
from roundhouse.core.errors import NotAllowed, Unprocessable
from roundhouse.infra.db import Database

WRITER = msgspec.structs.replace(ANN, scopes=ANN.scopes | {"knowledge:write"})


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


async def test_a_request_names_its_own_store(db: Database, tmp_path: Path, turned_clock: Any) -> None:
    house = AudioHouse(db, tmp_path / "house", turned_clock, vector_store_id="vs_1")
    done = await house.done(("vector_store_id", "vs_2"), caller=WRITER)
    assert house.shared == [("vs_2", done.task_id)]
    text_id = await house.send_text("It boils.", caller=WRITER, vector_store_id="vs_2")
    await house.work()
    assert house.shared[1:] == [("vs_2", text_id)]
    house.has_store = False
    late = await house.done(("vector_store_id", "vs_2"), caller=WRITER)
    told = "The transcript is not in its vector store: No such vector store."
    assert (late.status, told in late.warnings) == ("COMPLETE", True)


async def test_a_store_that_is_not_there_or_may_not_be_written_is_refused_at_once(house: AudioHouse) -> None:
    with pytest.raises(Unprocessable) as error:
        await house.send(("vector_store_id", "vs_9"), caller=WRITER)
    assert error.value.param == "vector_store_id"
    with pytest.raises(NotAllowed):
        await house.send(("vector_store_id", "vs_2"))
    assert await house.work() == []
