"""Several recordings with one request: all of them, or none."""

from __future__ import annotations

import pytest

from features.audio.files import pieces_of
from features.audio.house import ANN, BOUNDARY, AudioHouse, form
from roundhouse.core.errors import Conflict, QueueFull, RoundhouseError, TooLarge, UnsupportedMedia
from roundhouse.features.audio.schemas import ProcessRead, ProcessSeveral
from roundhouse.features.audio.service import Sent
from roundhouse.features.audio.store.recordings import RecordingFilter

THREE = tuple(("file", f"{name}.wav", f"RIFF of {name}".encode()) for name in ("one", "two", "three"))


async def send(house: AudioHouse, *parts, key: str | None = None) -> ProcessRead:
    sent = Sent(f"multipart/form-data; boundary={BOUNDARY}", key)
    return await house.processing.process(ANN, sent, pieces_of(form(*parts)))


async def kept(house: AudioHouse) -> list[str]:
    page = await house.recordings.page(ANN, RecordingFilter(), cursor=None, limit=100)
    return [one.title for one in page.data]


async def test_each_file_becomes_a_recording(house: AudioHouse) -> None:
    accepted = await send(house, ("language", "en"), *THREE, ("metadata", '{"case": 7}'))
    assert isinstance(accepted, ProcessSeveral)
    assert accepted.task_id == accepted.recordings[0].task_id
    assert [one.position for one in accepted.recordings] == [0, 1, 2]
    assert len(await house.work()) == 3
    for one in accepted.recordings:
        assert (await house.status(one.task_id)).status == "COMPLETE"
        whole = await house.recordings.get(ANN, one.task_id)
        assert (whole.metadata, whole.language) == ({"case": 7}, "en")
    assert await kept(house) == ["three.wav", "two.wav", "one.wav"]
    assert len(house.files.ids) == 3


async def test_a_death_in_mid_request_leaves_files_that_go_by_themselves(house: AudioHouse) -> None:
    seen = []

    async def body():
        async for piece in pieces_of(form(*THREE)):
            seen.append(house.files.passing == set(house.files.ids))
            yield piece

    await house.processing.process(ANN, Sent(f"multipart/form-data; boundary={BOUNDARY}"), body())
    assert all(seen)
    assert len(house.files.ids) == 3
    assert house.files.passing == set()
    house.downloads.bodies = {"https://example.org/a.mp3": b"ID3"}
    await send(house, ("url", "https://example.org/a.mp3"))
    await house.work()
    assert len(house.files.ids) == 4
    assert house.files.passing == set()


async def test_one_file_is_answered_as_ever(house: AudioHouse) -> None:
    assert type(await send(house, THREE[0])) is ProcessRead


async def test_files_that_are_here_addresses_and_titles(house: AudioHouse) -> None:
    urls = ["https://example.org/a.mp3", "https://example.org/b.mp3"]
    house.downloads.bodies = dict.fromkeys(urls, b"ID3")
    await send(house, *(("url", one) for one in urls), ("title", "First"), ("title", ""))
    assert await kept(house) == ["", "First"]
    await house.work()
    assert await kept(house) == ["b.mp3", "First"]
    await send(house, *(("file_id", one) for one in house.files.ids))
    assert len(await kept(house)) == 4


@pytest.mark.parametrize(
    ("part", "error"),
    [
        (("file", "notes.txt", b"text and more"), UnsupportedMedia),
        (("file", "long.wav", b"x" * (1024 * 1024 + 1)), TooLarge),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 3])
async def test_one_that_is_wrong_is_named_and_none_is_taken(
    db, tmp_path, turned_clock, part, error, place
) -> None:
    house = AudioHouse(db, tmp_path, turned_clock, max_upload_mib=1)
    parts = list(THREE)
    parts.insert(place, part)
    sent = Sent(f"multipart/form-data; boundary={BOUNDARY}")
    with pytest.raises(error) as told:
        await house.processing.process(ANN, sent, pieces_of(form(*parts), 65_536))
    assert (part[1] in told.value.detail, told.value.param) == (True, "file")
    assert (await kept(house), house.files.ids) == ([], [])


async def test_a_form_that_breaks_off_behind_the_first_leaves_nothing(house: AudioHouse) -> None:
    sent = Sent(f"multipart/form-data; boundary={BOUNDARY}")
    with pytest.raises(RoundhouseError):
        await house.processing.process(ANN, sent, pieces_of(form(*THREE)[:-60]))
    assert (await kept(house), house.files.ids) == ([], [])


async def test_the_queue_has_room_for_all_or_takes_none(house: AudioHouse) -> None:
    for _ in range(3):
        await house.send()
    with pytest.raises(QueueFull):
        await send(house, *THREE)
    assert (len(await kept(house)), len(house.files.ids)) == (3, 3)


async def test_the_same_key_brings_the_same_recordings(house: AudioHouse) -> None:
    first = await send(house, *THREE, key="k" * 200)
    again = await send(house, *THREE, key="k" * 200)
    assert isinstance(first, ProcessSeveral) and isinstance(again, ProcessSeveral)
    assert [one.task_id for one in again.recordings] == [one.task_id for one in first.recordings]
    for other in (THREE[:2], THREE[:1], (*THREE, THREE[0])):
        with pytest.raises(Conflict):
            await send(house, *other, key="k" * 200)
    assert (len(await kept(house)), len(house.files.ids)) == (3, 3)
