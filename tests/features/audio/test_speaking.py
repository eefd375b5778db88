"""Who says what: turns over what was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.audio.house import ANN, AudioHouse
from roundhouse.core.audio import Turn
from roundhouse.core.errors import DiarizationUnavailable, Unprocessable
from roundhouse.features.audio.model import Said
from roundhouse.features.audio.schemas import RecordingPatch, RerunAsk, SegmentPatch
from roundhouse.features.audio.speaking import with_speakers


def said(start_s: float, end_s: float, text: str, *, words: bool = True, **more) -> Said:
    told = text.replace("，", " ").split() if words else []
    step_s = (end_s - start_s) / max(1, len(told))
    kept = [
        {
            "start_s": start_s + n * step_s,
            "end_s": start_s + (n + 1) * step_s,
            "text": f" {word}",
            "probability": 1.0,
        }
        for n, word in enumerate(told)
    ]
    return Said(number=1, track="mix", start_s=start_s, end_s=end_s, text=text, words=kept, **more)


def shown(found: list[Said]) -> list[tuple[str | None, str]]:
    return [(one.speaker, one.text) for one in found]


def test_a_segment_is_cut_where_the_speaker_changes() -> None:
    turns = [Turn(0.0, 2.1, "B"), Turn(2.1, 9.0, "A")]
    found = with_speakers([said(0.0, 4.0, "“Who is there?” It is me.")], turns)
    assert shown(found) == [("Speaker 1", "“Who is there?”"), ("Speaker 2", "It is me.")]
    assert [(one.number, one.start_s, one.end_s) for one in found] == [(1, 0.0, 2.0), (2, 2.0, 4.0)]
    assert [word["text"] for word in found[1].words] == [" It", " is", " me."]
    without = with_speakers([said(0.0, 5.0, "Who is there? It is me.", words=False)], turns)
    assert shown(without) == [("Speaker 1", "Who is there? It is me.")]


def test_words_of_nobody_go_with_those_beside_them() -> None:
    turns = [Turn(1.0, 2.0, "A"), Turn(3.0, 4.0, "B")]
    found = with_speakers([said(0.0, 6.0, "a b c d e f")], turns)
    assert shown(found) == [("Speaker 1", "a b c"), ("Speaker 2", "d e f")]
    assert shown(with_speakers([said(20.0, 21.0, "far away")], turns)) == [(None, "far away")]
    assert shown(with_speakers([said(4.3, 4.8, "near")], turns)) == [("Speaker 1", "near")]
    assert shown(with_speakers([said(0.0, 1.0, "a b")], [])) == [(None, "a b")]


def test_what_was_corrected_and_what_does_not_fit_is_not_cut() -> None:
    turns = [Turn(0.0, 1.5, "A"), Turn(1.5, 4.0, "B")]
    corrected = said(0.0, 4.0, "a b c d", heard="e b c d")
    other = said(0.0, 4.0, "a b c d")
    other.words[1]["text"] = "x"
    assert shown(with_speakers([corrected, other], turns)) == [("Speaker 1", "a b c d")] * 2
    text = Said(number=1, track="text", start_s=None, end_s=None, text="A text.")
    assert shown(with_speakers([text], turns)) == [(None, "A text.")]


times = st.floats(0, 60, allow_nan=False).map(lambda one: round(one, 3))


@given(
    segments=st.lists(st.tuples(times, times, st.text("ab。 你", max_size=20)), max_size=6),
    turns=st.lists(st.tuples(times, times, st.sampled_from("ABC")), max_size=8),
)
def test_nothing_said_is_lost(segments, turns) -> None:
    heard = [said(min(one[:2]), max(one[:2]), one[2].strip()) for one in segments]
    found = with_speakers(heard, [Turn(min(one[:2]), max(one[:2]), one[2]) for one in turns])
    assert "".join(one.text.replace(" ", "") for one in found) == "".join(
        one.text.replace(" ", "") for one in heard
    )
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert sum(len(one.words) for one in found) == sum(len(one.words) for one in heard)


async def test_voices_are_told_apart_when_that_is_asked_for(house: AudioHouse) -> None:
    house.speakers.turns = [(0.0, 3.8, "SPEAKER_01"), (3.8, 12.0, "SPEAKER_00")]
    done = await house.done(("enable_diarization", "true"), ("max_speakers", "3"))
    assert done.status == "COMPLETE"
    (request,) = house.speakers.requests
    assert (request.max_speakers, request.num_speakers, request.duration_s) == (3, None, 12.0)
    page = (await house.recordings.segments(ANN, done.task_id, cursor=None, limit=10)).data
    assert [(one.speaker, one.text) for one in page] == [
        ("Speaker 1", "um the meeting starts on Monday at 9"),
        ("Speaker 1", "we decided to"),
        ("Speaker 2", "hire two engineers"),
        ("Speaker 2", "please send the report before Friday"),
    ]
    # Their times were not asked for.
    assert all(one.words == [] for one in page)
    assert done.versions["speakers"] == {"backend": "pyannote/voices", "model": "voices"}
    assert done.metrics.stages["speakers"]["speakers"] == 2
    assert all(one.is_closed for one in house.speakers.given)
    whole = await house.recordings.get(ANN, done.task_id)
    assert [one.speaker for one in whole.paragraphs or ()][:2] == ["Speaker 1", "Speaker 2"]
    await house.recordings.correct(ANN, done.task_id, 1, SegmentPatch(speaker="Anna"))
    page = (await house.recordings.segments(ANN, done.task_id, cursor=None, limit=1)).data
    assert page[0].speaker == "Anna"
    names = {"Speaker 1": "Speaker 2", "Speaker 2": "Ben", "nobody": "somebody"}
    changed = await house.recordings.update(ANN, done.task_id, RecordingPatch(speakers=names))
    assert changed.version > whole.version
    page = (await house.recordings.segments(ANN, done.task_id, cursor=None, limit=9)).data
    assert [one.speaker for one in page] == ["Anna", "Speaker 2", "Ben", "Ben"]
    whole = await house.recordings.get(ANN, done.task_id)
    assert [one.speaker for one in whole.paragraphs or ()][:2] == ["Speaker 2", "Ben"]


async def test_voices_of_a_recording_that_is_there(house: AudioHouse) -> None:
    done = await house.done()
    with pytest.raises(DiarizationUnavailable):
        await house.recordings.rerun(ANN, done.task_id, RerunAsk(stage="speakers"))
    house.speakers.turns = [(0.0, 5.0, "A"), (7.0, 12.0, "B")]
    again = await house.rerun(done.task_id, stage="speakers", num_speakers=2)
    assert (again.status, house.speakers.requests[0].num_speakers) == ("COMPLETE", 2)
    page = (await house.recordings.segments(ANN, done.task_id, cursor=None, limit=10)).data
    assert [one.speaker for one in page] == ["Speaker 1", "Speaker 1", "Speaker 2"]
    assert len(house.recogniser.requests) == 1
    house.recogniser.said = {"left": [(0.4, 1.0, "hello")], "right": []}
    split = await house.done(("split_channels", "true"))
    with pytest.raises(Unprocessable):
        await house.recordings.rerun(ANN, split.task_id, RerunAsk(stage="speakers"))
