"""From a form to texts and a summary, stage by stage."""

from __future__ import annotations

import pytest

from features.audio.house import ANN, BOB, EVE, MEETING, AudioHouse, encoded, saying
from roundhouse.core.errors import (
    AddressRefused,
    BackendFailed,
    BadInput,
    Conflict,
    DiarizationUnavailable,
    ModelNotFound,
    NotFound,
    QueueFull,
    TooLarge,
    Unprocessable,
    UnsupportedMedia,
    WeightsMissing,
)
from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.features.audio.templating.house import house_templates
from roundhouse.features.audio.templating.schemas import faults

SUMMARY = (("features", "clean_transcript"), ("features", "summary"), ("template_id", "meeting_notes"))


async def test_a_recording_becomes_text_clean_text_and_a_summary(house: AudioHouse) -> None:
    task_id = await house.send(("features", "raw_transcript,clean_transcript,summary"), SUMMARY[2])
    waiting = await house.status(task_id)
    assert (waiting.status, waiting.stage, waiting.position) == ("PENDING", "queued", 0)
    assert waiting.results.raw_transcript is None

    (job,) = await house.work()
    assert job.id == task_id and job.queue == "gpu"
    done = await house.status(task_id)
    assert (done.status, done.stage, done.progress, done.error) == ("COMPLETE", "done", 1.0, None)
    assert done.language == "en"
    assert done.results.raw_transcript == " ".join(text for _, _, text in MEETING)
    assert done.results.clean_transcript == (
        "The meeting starts on Monday at 9 we decided to hire two engineers.\n\n"
        "Please send the report before Friday."
    )
    summary = done.results.summary
    assert faults(house_templates()["meeting_notes"].schema, summary) == []
    assert summary["quotes"][-1] == {
        "text": "Please send the report before Friday.",
        "start_s": 8.0,
        "end_s": 10.5,
        "speaker": None,
    }
    assert done.versions["transcribe"] == {
        "asr_backend": "whisper/tiny",
        "reason": "direct",
        "model": "tiny",
        "compute_type": "int8",
    }
    assert done.versions["clean"] == {"by": "rules"}
    assert done.versions["summarise"]["summary_by"] == "extractive"
    assert any("No language model" in text for text in done.warnings)
    metrics = done.metrics
    assert metrics.input_seconds == 12.0
    assert metrics.vad_coverage == pytest.approx(7.5 / 12.0, abs=1e-4)
    assert metrics.confidence == pytest.approx(0.9)
    assert metrics.edit_rate == 0.0
    assert set(metrics.stages) == {"fetch", "prepare", "transcribe", "clean", "summarise", "total"} - {
        "fetch"
    }
    assert all(one.is_closed for one in house.recogniser.hearings)


async def test_only_what_is_asked_for_is_told(house: AudioHouse) -> None:
    done = await house.done(("features", "clean_transcript"))
    assert done.results.raw_transcript is None
    assert done.results.clean_transcript is not None
    assert done.results.summary is None
    assert house.models.asked == []


async def test_what_was_asked_reaches_the_recogniser(house: AudioHouse) -> None:
    await house.done(
        ("language", "vi-VN"),
        ("prompt", "Cuộc họp"),
        ("vocabulary", "Roundhouse, Hà Nội"),
        ("asr_backend", "whisper"),
        ("vad_threshold", "0.3"),
        ("word_timestamps", "true"),
    )
    (request,) = house.recogniser.requests
    assert (request.model, request.language, request.prompt) == ("whisper/tiny", "vi", "Cuộc họp")
    assert request.vocabulary == ("Roundhouse", "Hà Nội")
    assert request.word_times
    assert request.regions == tuple(house.preparing.regions or ())


async def test_a_recogniser_of_system_b_that_is_not_here_is_replaced_and_that_is_told(
    house: AudioHouse,
) -> None:
    house.recogniser.faults = [ModelNotFound("No model 'whisper/tiny'.")]
    done = await house.done(("asr_backend", "whisper"))
    assert done.status == "COMPLETE"
    assert house.recogniser.requests[-1].model == "auto"
    assert "There is no whisper here: another recogniser was taken." in done.warnings
    house.recogniser.faults = [ModelNotFound("No model 'acme/ears'.")]
    done = await house.done(("asr_backend", "acme/ears"))
    assert done.error is not None and done.error["code"] == "model_not_found"


async def test_two_channels_are_two_speakers(house: AudioHouse) -> None:
    house.recogniser.said = {"left": [(0.4, 1.0, "hello")], "right": [(1.2, 2.0, "who is there")]}
    done = await house.done(("split_channels", "true"))
    found = (await house.recordings.segments(ANN, done.task_id, cursor=None, limit=10)).data
    assert [(one.number, one.speaker, one.text) for one in found] == [
        (1, "left", "hello"),
        (2, "right", "who is there"),
    ]
    assert done.results.clean_transcript == "Hello.\n\nWho is there."
    length_s = house.recogniser.requests[0].duration_s
    assert house.models.heard_by == [("whisper/tiny", length_s, None)] * 2


async def test_what_nobody_said_is_left_out_and_counted(house: AudioHouse) -> None:
    house.recogniser.said = {"mix": [*MEETING, (11.0, 11.5, "please subscribe")]}
    done = await house.done()
    assert "subscribe" not in (done.results.raw_transcript or "")
    assert done.metrics.stages["transcribe"]["dropped"] == {"phrase": 1}


async def test_silence_is_no_failure_and_says_so(house: AudioHouse) -> None:
    house.preparing.regions = []
    done = await house.done(*SUMMARY)
    assert done.status == "COMPLETE"
    assert house.recogniser.requests == []
    assert done.results.clean_transcript == ""
    assert "Nobody speaks in this recording, as far as can be heard." in done.warnings
    assert faults(house_templates()["meeting_notes"].schema, done.results.summary) == []


async def test_an_address_is_fetched_by_the_job(house: AudioHouse) -> None:
    house.downloads.bodies["https://example.org/call%20one.mp3"] = b"ID3 of a call"
    done = await house.done(("url", "https://example.org/call%20one.mp3"))
    read = await house.recordings.get(ANN, done.task_id)
    assert (read.title, read.file_id) == ("call one.mp3", house.files.ids[0])
    with pytest.raises(AddressRefused):
        await house.send(("url", "http://169.254.169.254/latest"))


async def test_a_file_that_is_here_is_used_and_stays_its_owners(house: AudioHouse) -> None:
    first = await house.done()
    file_id = (await house.recordings.get(ANN, first.task_id)).file_id or ""
    second = await house.done(("file_id", file_id))
    assert second.status == "COMPLETE"
    await house.recordings.delete(ANN, second.task_id)
    assert house.files.ids == [file_id]
    await house.recordings.delete(ANN, first.task_id)
    assert house.files.ids == []
    with pytest.raises(Unprocessable):
        await house.send(("file_id", file_id))
    with pytest.raises(Unprocessable):
        await house.send(("file_id", file_id), caller=BOB)


@pytest.mark.parametrize(
    ("fields", "error", "param"),
    [
        ([("enable_diarization", "true")], DiarizationUnavailable, "diarize"),
        ([("diarize", "true"), ("split_channels", "true")], Unprocessable, "diarize"),
        ([("num_speakers", "many")], Unprocessable, "num_speakers"),
        ([("min_speakers", "3"), ("max_speakers", "2")], Unprocessable, "min_speakers"),
        ([("vad_threshold", "2")], Unprocessable, "vad_threshold"),
        ([("enable_vad", "perhaps")], Unprocessable, "enable_vad"),
        ([("language", "Klingon!")], Unprocessable, "language"),
        ([("features", "poems")], Unprocessable, "features"),
        ([("template_id", "nothing"), ("features", "summary")], Unprocessable, "template_id"),
        ([("colour", "red")], Unprocessable, "colour"),
        ([("template_id", "call"), ("template_id", "lecture")], Unprocessable, "template_id"),
        ([("metadata", "[1]")], Unprocessable, "metadata"),
        ([("prompt", "x" * 5000)], Unprocessable, "prompt"),
        ([("file", "a.wav", b"RIFF"), ("file_id", "file_1")], Unprocessable, "file"),
        ([("file", f"{one}.wav", b"RIFF") for one in range(21)], Unprocessable, "file"),
        ([("file_id", "file_1")] * 21, Unprocessable, "file_id"),
        ([("file", "a.wav", b"RIFF"), ("title", "One"), ("title", "Two")], Unprocessable, "title"),
        ([("file", "a.wav", b"RIFF"), ("file", "b.wav", b"RIFF"), ("title", "One")], Unprocessable, "title"),
        ([("file", "a.txt", b"text and more")], UnsupportedMedia, "file"),
        ([("prompt", "x" * 200_000)], TooLarge, None),
    ],
)
async def test_what_is_wrong_is_told_and_leaves_nothing(house: AudioHouse, fields, error, param) -> None:
    with pytest.raises(error) as told:
        await house.send(*fields)
    assert told.value.param == param
    assert house.files.ids == []
    assert (await house.recordings.page(ANN, _every(), cursor=None, limit=10)).data == []


def _every():
    from roundhouse.features.audio.store.recordings import RecordingFilter

    return RecordingFilter()


async def test_a_form_without_a_file_says_what_is_missing(house: AudioHouse) -> None:
    from features.audio.files import pieces_of
    from features.audio.house import BOUNDARY, form
    from roundhouse.features.audio.service import Sent

    for parts, error in (
        ([("language", "en")], Unprocessable),
        ([("file_id", "a"), ("url", "b")], Unprocessable),
    ):
        sent = Sent(f"multipart/form-data; boundary={BOUNDARY}")
        with pytest.raises(error):
            await house.processing.process(ANN, sent, pieces_of(form(*parts)))
    with pytest.raises(UnsupportedMedia):
        await house.processing.process(ANN, Sent("application/json"), pieces_of(b"{}"))
    with pytest.raises(BadInput):
        await house.processing.process(ANN, sent, pieces_of(form(("file", "a.wav", b"RIFF"))[:-20]))


async def test_the_same_key_makes_the_same_recording_once(house: AudioHouse) -> None:
    first = await house.send(key="k")
    assert await house.send(key="k") == first
    with pytest.raises(Conflict):
        await house.send(("language", "vi"), key="k")
    assert len(house.files.ids) == 1
    await house.work()
    assert await house.send(key="k") == first


async def test_a_full_queue_is_told_before_the_file_is_read(house: AudioHouse) -> None:
    for _ in range(5):
        await house.send()
    with pytest.raises(QueueFull) as told:
        await house.send()
    assert told.value.retry_after_s
    assert len(house.files.ids) == 5


async def test_others_see_nothing(house: AudioHouse) -> None:
    task_id = await house.send(caller=EVE)
    assert (await house.status(task_id, ANN)).task_id == task_id
    with pytest.raises(NotFound):
        await house.status(task_id, BOB)
    mine = await house.send(caller=ANN)
    with pytest.raises(NotFound):
        await house.status(mine, EVE)


async def test_weights_that_come_are_waited_for(db, tmp_path, turned_clock) -> None:
    async def nothing(_):
        return None

    pull = Pipeline("model.pull", (Step("download", nothing),), queue="flow")
    house = AudioHouse(db, tmp_path / "house", turned_clock, pull_kinds=[pull])
    missing = WeightsMissing("Bring them with: roundhouse models pull whisper/small", model="whisper/small")
    house.recogniser.faults = [missing, missing]
    task_id = await house.send()
    await house.jobs.accept(
        BOB, NewJob("model.pull", {"model": "whisper/small"}, run_after_s=turned_clock.now_s() + 60)
    )
    await house.work()
    job = await house.jobs.get(ANN, task_id)
    assert (job.state, job.waiting_for) == ("waiting", "weights")
    assert (await house.status(task_id)).status == "PROCESSING_ASR"
    assert house.preparing.calls == 1

    turned_clock.turn(100)
    await house.work()
    async with db.begin() as tx:
        await house.jobs.wake(tx, task_id, "weights", None)
    await house.work()
    done = await house.status(task_id)
    assert done.status == "COMPLETE", done.error
    assert house.preparing.calls == 1
    assert house.refreshed == 1


async def test_the_first_use_fetches_them_once(db, tmp_path, turned_clock) -> None:
    asked: list[str] = []

    async def pull(_caller, model):
        asked.append(model)

    house = AudioHouse(db, tmp_path / "house", turned_clock, pull=pull)
    missing = WeightsMissing("Bring them with: roundhouse models pull whisper/small", model="whisper/small")
    house.recogniser.faults = [missing] * 4
    task_id = await house.send()
    await house.work()
    assert (await house.jobs.get(ANN, task_id)).state == "waiting"
    async with db.begin() as tx:
        await house.jobs.wake(tx, task_id, "weights", None)
    await house.work()
    done = await house.status(task_id)
    assert done.error is not None and done.error["code"] == "weights_missing"
    assert asked == ["whisper/small"]


async def test_what_comes_by_command_only_is_never_begun(db, tmp_path, turned_clock) -> None:
    asked: list[str] = []

    async def pull(_caller, model):
        asked.append(model)

    house = AudioHouse(db, tmp_path / "house", turned_clock, pull=pull)
    target = "chunkformer/large-vie"
    missing = WeightsMissing(f"roundhouse models pull {target}", model=target, by_command=True)
    house.recogniser.faults = [missing] * 2
    done = await house.done(("asr_backend", "chunkformer"))
    assert done.error == {"code": "weights_missing", "message": missing.detail}
    assert asked == []


async def test_weights_that_nobody_fetches_fail_with_the_command(house: AudioHouse) -> None:
    missing = WeightsMissing("Bring them with: roundhouse models pull whisper/small", model="whisper/small")
    house.recogniser.faults = [missing, missing]
    done = await house.done()
    assert done.status == "FAILED"
    assert done.error == {"code": "weights_missing", "message": missing.detail}
    assert done.results.raw_transcript is None


async def test_a_text_is_cleaned_and_summarised_without_sound(house: AudioHouse) -> None:
    text = (
        "Chúng ta họp về ngân sách. Ngân sách tiếp thị giảm mười phần trăm.\nAnna sẽ gửi số liệu vào thứ sáu."
    )
    task_id = await house.send_text(text, template_id="meeting_notes")
    await house.work()
    done = await house.status(task_id)
    assert (done.status, done.language) == ("COMPLETE", "vi")
    assert done.results.raw_transcript == text
    assert done.metrics.rtf is None
    found = (await house.recordings.segments(ANN, task_id, cursor=None, limit=2)).data
    assert [(one.number, one.start_s) for one in found] == [(1, None), (2, None)]
    assert done.results.summary["quotes"]
    assert house.preparing.calls == 0


async def test_a_model_cleans_under_guard(house: AudioHouse) -> None:
    house.models.answer = saying(
        "The meeting starts on Monday at 9. We decided to hire two engineers.",
        "Please send 20 reports before Friday.",
    )
    done = await house.done()
    assert done.results.clean_transcript == (
        "The meeting starts on Monday at 9. We decided to hire two engineers.\n\n"
        "Please send the report before Friday."
    )
    assert done.metrics.stages["clean"]["refused"] == {"a number is new": 1}
    assert done.metrics.stages["clean"]["by_model"] == 1
    assert any("cleaned by rules, not by the model" in text for text in done.warnings)


async def test_a_summary_is_mended_until_it_fits(house: AudioHouse) -> None:
    example = dict(house_templates()["meeting_notes"].example["en"])
    example["quotes"] = [
        {"text": "we decided to hire two engineers", "start_s": None, "end_s": None, "speaker": None}
    ]
    example["decisions"] = []
    answers = ["I am sorry.", '{"summary": 3}', f"Here it is:\n```json\n{encoded(example)}\n```"]

    def answer(messages, form):
        return answers.pop(0) if "JSON Schema" in messages[0]["content"] else messages[-1]["content"]

    house.models.answer = answer
    done = await house.done(*SUMMARY)
    assert done.status == "COMPLETE", done.error
    assert done.results.summary["quotes"][0]["start_s"] == 2.8
    assert done.metrics.stages["summarise"]["tries"] == 3
    assert done.versions["summarise"]["summary_by"] == "model"
    assert done.versions["summarise"]["model"] == "acme/large"
    form = house.models.asked[-1][1]
    assert form is not None and form["type"] == "json_schema"


async def test_a_summary_that_never_fits_fails_and_keeps_the_texts(house: AudioHouse) -> None:
    house.models.answer = lambda messages, _form: messages[-1]["content"]
    done = await house.done(*SUMMARY)
    assert done.status == "FAILED"
    assert done.error is not None and done.error["code"] == "summary_invalid"
    assert done.results.raw_transcript and done.results.clean_transcript
    house.models.answer = None
    again = await house.rerun(done.task_id, stage="summarise")
    assert again.status == "COMPLETE"
    assert len(house.recogniser.requests) == 1


async def test_a_model_that_is_away_is_asked_again_and_the_texts_are_not_made_twice(
    house: AudioHouse,
) -> None:
    def away(_messages, _form):
        raise BackendFailed("away")

    house.models.answer = away
    task_id = await house.send(*SUMMARY)
    await house.work()
    assert (await house.jobs.get(ANN, task_id)).state == "queued"
    house.models.answer = None
    house.clock.turn(600)
    await house.work()
    done = await house.status(task_id)
    assert done.status == "COMPLETE"
    assert house.preparing.calls == len(house.recogniser.requests) == 1
    assert any("backend_failed" in text for text in done.warnings)
