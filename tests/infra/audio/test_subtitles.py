"""Subtitles: what goes in can be read out again, whatever it is written in."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.audio import Segment, Word
from roundhouse.infra.audio import to_srt, to_vtt

SRT = re.compile(
    r"(\d+)\n(\d\d+):(\d\d):(\d\d),(\d{3}) --> (\d\d+):(\d\d):(\d\d),(\d{3})\n((?:.+\n)+)(?:\n|$)"
)
VTT = re.compile(r"(\d\d+):(\d\d):(\d\d)\.(\d{3}) --> (\d\d+):(\d\d):(\d\d)\.(\d{3})\n((?:.+\n)+)(?:\n|$)")


def seconds(parts) -> float:
    hours, minutes, whole, thousandths = map(int, parts)
    return hours * 3600 + minutes * 60 + whole + thousandths / 1000


def read_srt(text: str) -> list[tuple[float, float, str]]:
    cues = SRT.findall(text)
    assert [int(cue[0]) for cue in cues] == list(range(1, len(cues) + 1))
    assert "".join(match.group(0) for match in SRT.finditer(text)) == text
    return [(seconds(cue[1:5]), seconds(cue[5:9]), cue[9]) for cue in cues]


def read_vtt(text: str) -> list[tuple[float, float, str]]:
    assert text.startswith("WEBVTT\n")
    body = text[len("WEBVTT\n") :].removeprefix("\n")
    cues = VTT.findall(body)
    assert "".join(match.group(0) for match in VTT.finditer(body)) == body
    return [(seconds(cue[:4]), seconds(cue[4:8]), cue[8]) for cue in cues]


def bare(text: str) -> str:
    return "".join(
        char for char in text if not char.isspace() and unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )


def test_srt():
    segments = [
        Segment(start_s=0.4, end_s=2.73, text="the meeting starts on monday morning"),
        Segment(start_s=3661.0005, end_s=3662.9996, text="open the door"),
    ]
    assert to_srt(segments) == (
        "1\n00:00:00,400 --> 00:00:02,730\nthe meeting starts on monday morning\n\n"
        "2\n01:01:01,000 --> 01:01:03,000\nopen the door\n"
    )


def test_vtt_tells_speakers_and_escapes():
    segment = Segment(start_s=0, end_s=1, text="a < b & c --> d", speaker="left")
    assert to_vtt([segment]) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v left>a &lt; b &amp; c -&gt; d\n"
    assert to_vtt([]) == "WEBVTT\n"
    assert to_srt([]) == ""


def test_long_segments_become_cues_of_two_lines():
    text = "we decided to hire two engineers and the customer asked for a refund " * 4
    cues = read_srt(to_srt([Segment(start_s=0, end_s=20, text=text)]))
    assert len(cues) > 2
    assert all(cue[2].count("\n") <= 2 for cue in cues)
    assert all(len(line) <= 42 for cue in cues for line in cue[2].splitlines())
    assert all(one[1] == other[0] for one, other in pairwise(cues))
    assert (cues[0][0], cues[-1][1]) == (0, 20)


def test_the_times_of_words_decide():
    said = [f"word{number:02}" for number in range(30)]
    words = tuple(Word(10.0 + at * (0.1 if at < 14 else 1.0), 0, text, 1.0) for at, text in enumerate(said))
    cues = read_srt(to_srt([Segment(start_s=10, end_s=40, text=" ".join(said), words=words)]))
    for start, _, text in cues[1:]:
        first = text.split()[0]
        assert start == pytest.approx(words[said.index(first)].start_s, abs=0.001)


def test_writing_without_blanks_is_broken_and_marks_begin_no_line():
    text = (
        "我们决定招聘两名工程师,因为项目的预算已经批准了。会议星期一早上开始,请大家准时参加,谢谢你们的配合!"
    )
    cues = read_srt(to_srt([Segment(start_s=0, end_s=10, text=text)]))
    lines = [line for cue in cues for line in cue[2].splitlines()]
    assert "".join(lines) == text
    assert all(len(line) <= 17 for line in lines)
    assert not any(line[0] in ",。!?" for line in lines)


def test_writing_from_right_to_left_is_marked():
    found = to_srt([Segment(start_s=0, end_s=1, text="שלום לכולם.")])
    assert "\u200fשלום לכולם.\u200f\n" in found
    assert "\u200f" not in to_srt([Segment(start_s=0, end_s=1, text="Hello.")])


@pytest.mark.parametrize("text", ["", "  \n ", "\x00\x1b"])
def test_nothing_said_is_no_cue(text):
    assert to_srt([Segment(start_s=0, end_s=1, text=text)]) == ""


alphabet = st.characters(exclude_categories=("Cs",)) | st.sampled_from("abc  我们你是。,שלום ờ\u0301<>&-\n")
spoken = st.lists(
    st.tuples(
        st.floats(0, 10), st.floats(0, 60), st.text(alphabet, max_size=200), st.none() | st.text(max_size=8)
    ),
    max_size=6,
)


@given(spoken)
def test_round_trip(parts):
    segments, at = [], 0.0
    for gap, length, text, speaker in parts:
        segments.append(Segment(start_s=at + gap, end_s=at + gap + length, text=text, speaker=speaker))
        at += gap + length
    said = bare("".join(one.text.replace("-->", "->") for one in segments))
    plain = read_srt(to_srt(segments))
    web = [
        (start, end, unescaped(re.sub(r"^<v [^>]*>", "", text)))
        for start, end, text in read_vtt(to_vtt(segments))
    ]
    for cues in (plain, web):
        assert bare("".join(text for _, _, text in cues)) == said
        assert all(start <= end for start, end, _ in cues)
        assert [cue[0] for cue in cues] == sorted(cue[0] for cue in cues)


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
