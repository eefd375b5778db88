"""Recordings that are there: looking, correcting, again, finding, taking away, deleting, and their time."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree as ET

import pytest

from features.audio.house import ANN, BOB, AudioHouse
from roundhouse.core.errors import ChildFailed, Conflict, NotFound, Unprocessable
from roundhouse.features.audio.exporting.document import Block, Document, markdown
from roundhouse.features.audio.exporting.docx import docx
from roundhouse.features.audio.schemas import RecordingPatch, RerunAsk, SegmentPatch
from roundhouse.features.audio.store.recordings import RecordingFilter

DAY_S = 86_400.0


async def listed(house: AudioHouse, caller=ANN, **wanted) -> list[str]:
    page = await house.recordings.page(caller, RecordingFilter(**wanted), cursor=None, limit=50)
    return [one.id for one in page.data]


async def test_lists_are_paged_and_filtered(house: AudioHouse) -> None:
    made = [await house.send() for _ in range(3)]
    text_id = await house.send_text("A text. And more.")
    first = await house.recordings.page(ANN, RecordingFilter(), cursor=None, limit=2)
    second = await house.recordings.page(ANN, RecordingFilter(), cursor=first.next_cursor, limit=2)
    assert [one.id for one in (*first.data, *second.data)] == [text_id, *reversed(made)]
    assert not second.has_more
    assert await listed(house, kind="text") == [text_id]
    assert await listed(house, BOB) == []
    await house.work()
    assert await listed(house, stages=("queued",)) == []
    assert len(await listed(house, stages=("done",))) == 4


async def test_title_and_metadata_are_changed_by_version(house: AudioHouse) -> None:
    done = await house.done(("metadata", '{"case": 7}'))
    changed = await house.recordings.update(ANN, done.task_id, RecordingPatch(title="Call 7", version=1))
    assert (changed.title, changed.metadata, changed.version) == ("Call 7", {"case": 7}, 2)
    with pytest.raises(Conflict):
        await house.recordings.update(ANN, done.task_id, RecordingPatch(title="Other", version=1))
    with pytest.raises(NotFound):
        await house.recordings.update(BOB, done.task_id, RecordingPatch(title="Mine"))


async def test_a_correction_keeps_what_was_heard_and_reaches_the_texts(house: AudioHouse) -> None:
    done = await house.done()
    for text in ("we decided to hire three engineers", "we decided to hire four engineers"):
        told = await house.recordings.correct(ANN, done.task_id, 2, SegmentPatch(text=text, speaker="Anna"))
    assert (told.heard, told.speaker) == ("we decided to hire two engineers", "Anna")
    again = await house.rerun(done.task_id, stage="clean")
    assert "four engineers" in (again.results.raw_transcript or "")
    assert "We decided to hire four engineers." in (again.results.clean_transcript or "")
    assert len(house.recogniser.requests) == 1
    with pytest.raises(Conflict):
        await house.recordings.rerun(ANN, done.task_id, RerunAsk(stage="transcribe"))
    heard = await house.rerun(done.task_id, stage="transcribe", discard_corrections=True)
    assert "two engineers" in (heard.results.raw_transcript or "")
    with pytest.raises(NotFound):
        await house.recordings.correct(ANN, done.task_id, 99, SegmentPatch(text="x"))


async def test_a_stage_is_done_again_with_other_options(house: AudioHouse) -> None:
    done = await house.done(("features", "summary"), ("template_id", "meeting_notes"))
    again = await house.rerun(done.task_id, stage="summarise", template_id="call")
    assert "follow_ups" in again.results.summary
    assert again.versions["summarise"]["template"]["name"] == "call"
    assert again.versions["transcribe"] == done.versions["transcribe"]
    again = await house.rerun(done.task_id, stage="transcribe", only=True, language="vi")
    assert house.recogniser.requests[-1].language == "vi"
    assert "follow_ups" in again.results.summary
    with pytest.raises(Unprocessable):
        await house.recordings.rerun(ANN, done.task_id, RerunAsk(stage="summarise", template_id="no"))


async def test_a_summary_is_corrected_by_hand_and_kept_until_it_may_go(house: AudioHouse) -> None:
    done = await house.done(("features", "summary"), ("template_id", "meeting_notes"))
    better = {**done.results.summary, "summary": "Two engineers will be hired."}
    changed = await house.recordings.update(ANN, done.task_id, RecordingPatch(summary=better, version=None))
    whole = await house.recordings.get(ANN, done.task_id)
    assert (whole.summary, whole.version) == (better, changed.version)
    assert whole.versions["summarise"]["corrected"] is True
    with pytest.raises(Unprocessable, match="does not fit"):
        await house.recordings.update(ANN, done.task_id, RecordingPatch(summary={"summary": 7}))
    for stage in ("transcribe", "clean", "summarise"):
        with pytest.raises(Conflict, match="summary"):
            await house.recordings.rerun(ANN, done.task_id, RerunAsk(stage=stage))
    kept = await house.rerun(done.task_id, stage="clean", only=True)
    assert kept.results.summary == better
    again = await house.rerun(done.task_id, stage="summarise", discard_corrections=True)
    assert again.results.summary == done.results.summary
    assert "corrected" not in again.versions["summarise"]
    without = await house.done()
    with pytest.raises(Conflict):
        await house.recordings.update(ANN, without.task_id, RecordingPatch(summary=better))


async def test_nobody_changes_what_a_job_works_on(house: AudioHouse) -> None:
    task_id = await house.send()
    with pytest.raises(Conflict):
        await house.recordings.rerun(ANN, task_id, RerunAsk(stage="clean"))
    with pytest.raises(Conflict):
        await house.recordings.correct(ANN, task_id, 1, SegmentPatch(text="x"))
    with pytest.raises(Conflict):
        await house.recordings.export(ANN, task_id, "txt")


async def test_what_was_said_is_found_with_its_time(house: AudioHouse) -> None:
    done = await house.done()
    (hit,) = (await house.recordings.search(ANN, "report", recording_id=None, cursor=None, limit=10)).data
    assert (hit.recording_id, hit.start_s, hit.end_s) == (done.task_id, 8.0, 10.5)
    assert any(piece.hit for piece in hit.snippet)
    assert (await house.recordings.search(BOB, "report", recording_id=None, cursor=None, limit=10)).data == []
    house.recogniser.said = {"mix": [(0.4, 1.0, "nothing of the kind")]}
    await house.rerun(done.task_id, stage="transcribe")
    assert (await house.recordings.search(ANN, "report", recording_id=None, cursor=None, limit=10)).data == []


async def test_a_deleted_recording_leaves_nothing(house: AudioHouse) -> None:
    done = await house.done()
    with pytest.raises(NotFound):
        await house.recordings.delete(BOB, done.task_id)
    await house.recordings.delete(ANN, done.task_id)
    assert house.files.ids == []
    assert await listed(house) == []
    assert (await house.recordings.search(ANN, "report", recording_id=None, cursor=None, limit=10)).data == []
    with pytest.raises(NotFound):
        await house.status(done.task_id)


async def test_a_recording_that_is_deleted_while_it_waits_is_not_worked_on(house: AudioHouse) -> None:
    task_id = await house.send()
    await house.recordings.delete(ANN, task_id)
    assert await house.work() == []
    assert (await house.jobs.get(ANN, task_id)).state == "cancelled"


async def test_failures_are_written_down_and_can_be_tried_again(house: AudioHouse) -> None:
    house.preparing.fault = Unprocessable("Nothing can be heard in it.")
    done = await house.done()
    assert (done.status, done.error) == (
        "FAILED",
        {"code": "unprocessable", "message": "Nothing can be heard in it."},
    )
    assert await house.retention.settle() == 1
    assert await listed(house, stages=("failed",)) == [done.task_id]
    house.preparing.fault = None
    await house.jobs.retry(ANN, done.task_id)
    assert (await house.status(done.task_id)).status == "PENDING"
    await house.work()
    assert (await house.status(done.task_id)).status == "COMPLETE"


async def test_sound_is_taken_apart_again_where_the_folder_is_another(house: AudioHouse) -> None:
    house.recogniser.faults = [ChildFailed("died")]
    task_id = await house.send()
    await house.work()
    import shutil

    shutil.rmtree(house.folder / "jobs" / task_id)
    house.clock.turn(600)
    await house.work()
    assert (await house.status(task_id)).status == "COMPLETE"
    assert house.preparing.calls == 2


async def test_what_was_kept_long_enough_goes(db, tmp_path, turned_clock) -> None:
    house = AudioHouse(
        db, tmp_path / "house", turned_clock, keep_days=30, keep_sound_days=2, site_keep_days={"two": 1}
    )
    mine, other = await house.done(), await house.done(caller=BOB)
    turned_clock.turn(1.5 * DAY_S)
    assert (await house.retention.expire(), await house.retention.expire_sound()) == (1, 0)
    assert await listed(house, BOB) == []
    turned_clock.turn(DAY_S)
    assert (await house.retention.expire(), await house.retention.expire_sound()) == (0, 1)
    assert house.files.ids == []
    read = await house.recordings.get(ANN, mine.task_id)
    assert read.file_id is None and read.raw_transcript
    with pytest.raises(Unprocessable):
        await house.recordings.rerun(ANN, mine.task_id, RerunAsk(stage="transcribe"))
    turned_clock.turn(30 * DAY_S)
    assert await house.retention.expire() == 1
    assert other.task_id != mine.task_id
    assert await listed(house) == []


async def test_files_to_take_away(house: AudioHouse) -> None:
    done = await house.done(
        ("features", "clean_transcript,summary"),
        ("template_id", "meeting_notes"),
        ("title", "Sprint *1*.wav"),
    )
    made = {
        form: await house.recordings.export(ANN, done.task_id, form)
        for form in ("txt", "srt", "vtt", "json", "md", "docx")
    }
    assert made["txt"].body.decode().startswith("The meeting starts on Monday at 9")
    assert made["vtt"].body.startswith(b"WEBVTT")
    assert made["srt"].body.startswith(b"1\n")
    assert b"# Sprint \\*1\\*.wav" in made["md"].body
    assert made["md"].filename == "Sprint-1.md"
    with zipfile.ZipFile(io.BytesIO(made["docx"].body)) as archive:
        for name in archive.namelist():
            ET.fromstring(archive.read(name))


def test_what_was_said_stays_text_in_every_form() -> None:
    whole = Document(
        [Block("title", "<b>\x00&"), Block("text", "[x](y) \x0b", "0:01")], "t", right_to_left=True
    )
    with zipfile.ZipFile(io.BytesIO(docx(whole))) as archive:
        page = archive.read("word/document.xml")
    assert b"&lt;b&gt;&amp;" in page and b"<w:bidi/>" in page
    ET.fromstring(page)
    assert "\\[x\\](y)" in markdown(whole)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("1. First of all", "1\\. First of all"),
        ("- no, not that", "\\- no, not that"),
        ("3.5 percent", "3.5 percent"),
        ("2026 was wet", "2026 was wet"),
        ("a &lt; b", "a \\&lt; b"),
    ],
)
def test_what_was_said_begins_no_list_in_markdown(said: str, written: str) -> None:
    assert markdown(Document([Block("text", said)], "t", right_to_left=False)) == f"{written}\n"
