"""Turns are found while they are taken, and their sound is kept and nothing else."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput
from roundhouse.features.gateway.realtime.intake import LEAST_MS, Intake
from roundhouse.features.gateway.realtime.turns import ONSET, WINDOW, Turns, TurnTaker

MS = 16
LONGEST = 40 * WINDOW
LOUD, QUIET = [0.9], [0.01]

PROBABILITIES = st.lists(st.sampled_from([0.0, 0.3, 0.4, 0.6, 1.0]), max_size=200)
TURNS = st.builds(
    Turns,
    threshold=st.sampled_from([0.1, 0.5, 0.9]),
    prefix_padding_ms=st.integers(0, 800),
    silence_duration_ms=st.integers(100, 900),
)


def test_a_turn_begins_before_it_is_heard_and_ends_after_a_pause():
    taker = TurnTaker(Turns(prefix_padding_ms=64, silence_duration_ms=96), LONGEST)
    assert taker.feed(QUIET * 10 + LOUD * (ONSET - 1)) == []
    ((kind, at, _),) = taker.feed(LOUD)
    assert (kind, at) == ("started", 10 * WINDOW - 64 * MS)
    assert taker.feed(LOUD * 5 + QUIET * 2) == []
    assert taker.pause == 18 * WINDOW
    ((kind, at, voice_end),) = taker.feed(QUIET)
    assert (kind, at, voice_end) == ("stopped", 21 * WINDOW, 18 * WINDOW)


def test_a_click_is_no_turn_and_a_short_pause_no_end():
    taker = TurnTaker(Turns(silence_duration_ms=320), LONGEST)
    assert taker.feed((LOUD + QUIET) * 20) == []
    assert [one.kind for one in taker.feed(LOUD * 3 + QUIET * 9 + LOUD * 3 + QUIET * 10)] == [
        "started",
        "stopped",
    ]


def test_speech_without_an_end_is_cut_where_it_is_quietest():
    taker = TurnTaker(Turns(prefix_padding_ms=0), LONGEST)
    found = taker.feed(LOUD * 30 + [0.6] + LOUD * 20)
    assert [one.kind for one in found] == ["started", "cut"]
    assert found[1].at == 30 * WINDOW + WINDOW // 2
    assert taker.start == found[1].at


@given(TURNS, PROBABILITIES, st.lists(st.integers(1, 50), max_size=8))
def test_stretches_are_in_order_apart_and_short(turns, probabilities, places):
    whole = TurnTaker(turns, LONGEST)
    pieces = TurnTaker(turns, LONGEST)
    changes = whole.feed(probabilities) + whole.finish(whole.at)
    cuts, parted = [0, *sorted(min(place, len(probabilities)) for place in places), len(probabilities)], []
    for start, end in pairwise(cuts):
        parted += pieces.feed(probabilities[start:end])
    assert parted + pieces.finish(pieces.at) == changes
    at, start = 0, None
    for change in changes:
        assert change.at >= at
        assert (change.kind == "started") == (start is None)
        if change.kind != "started":
            assert start < change.voice_end <= change.at or change.kind == "stopped"
            assert change.at - start <= LONGEST + (turns.prefix_padding_ms + 200) * MS
        at, start = change.at, None if change.kind == "stopped" else change.at
    assert start is None


def feed(intake, probabilities):
    return [happening for one in probabilities for happening in intake.feed(bytes(2 * WINDOW), [one])]


def commit(intake, _):
    try:
        return [intake.commit()]
    except BadInput:
        return []


def clear(intake, _):
    assert intake.clear() not in intake.items
    return []


STEPS = st.lists(
    st.tuples(st.sampled_from([feed, feed, commit, clear]), PROBABILITIES, st.booleans()), max_size=8
)


@given(st.none() | TURNS, STEPS)
def test_sound_is_kept_as_long_as_it_is_needed_and_no_longer(turns, steps):
    intake = Intake(turns)
    for step, probabilities, is_done in steps:
        for kind, item, at in step(intake, probabilities):
            assert at <= intake.end
            assert kind == "started" or item.samples == at - item.start > 0
        if is_done and intake.items and intake.items[0].samples:
            # As the listener does with what it heard.
            intake.items.popleft()
            intake.forget()
        stretches = [one for item in intake.items for one in item.stretches]
        for one in stretches:
            end = intake.end if one.end is None else one.end
            assert len(intake.sound(one.start, end)) == 2 * (end - one.start) > 0
        assert stretches or intake.waiting <= ((turns or Turns()).prefix_padding_ms + 200) * MS


def test_turns_may_be_taken_otherwise_in_the_middle():
    intake = Intake(Turns())
    ((_, item, _),) = feed(intake, LOUD * 20)
    intake.configure(None)
    assert feed(intake, QUIET * 40) == []
    intake.configure(Turns())
    feed(intake, LOUD * 20)
    ((kind, ended, _),) = feed(intake, QUIET * 20)
    assert (kind, ended, len(item.stretches)) == ("stopped", item, 2)
    silent = Intake(None)
    feed(silent, QUIET * 9)
    silent.configure(Turns())
    assert list(silent.items) == []


def test_a_client_that_commits_gets_one_item_of_many_stretches():
    intake = Intake(None)
    second = bytes(2 * WINDOW) * 31
    for found in (QUIET * 31, LOUD * 31, QUIET * 31, LOUD * 31):
        assert intake.feed(second, found) == []
    (item,) = intake.items
    assert [one.end is None for one in item.stretches] == [False, True]
    assert item.known
    happening = intake.commit()
    assert (happening.kind, happening.item, item.samples) == ("committed", item, 4 * 31 * WINDOW)
    assert [one.end is None for one in item.stretches] == [False, False]
    with pytest.raises(BadInput, match=f"less than {LEAST_MS} ms"):
        intake.commit()


def test_what_was_cleared_is_gone():
    intake = Intake(Turns())
    ((kind, item, _),) = intake.feed(bytes(2 * WINDOW) * 20, LOUD * 20)
    assert kind == "started"
    assert intake.clear() is item
    assert item.dropped
    assert (list(intake.items), intake.waiting) == ([], 0)
    assert intake.feed(bytes(2 * WINDOW) * 20, QUIET * 20) == []
