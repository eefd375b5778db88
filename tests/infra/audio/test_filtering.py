"""What nobody said goes, with its reason; what somebody may have said stays."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.audio import Region, Segment, Word
from roundhouse.infra.audio import filter_segments
from roundhouse.infra.audio.loops import compression, is_loop, units
from roundhouse.infra.audio.phrases import normalised

TALK = {
    "en": [
        "Good morning everyone.",
        "We decided to hire two engineers.",
        "Our budget is ten thousand dollars.",
    ],
    "vi": [
        "Chào buổi sáng mọi người.",
        "Chúng tôi quyết định tuyển hai kỹ sư.",
        "Ngân sách là mười nghìn đô la.",
    ],
    "zh": ["大家早上好。", "我们决定招聘两名工程师。", "我们的预算是一万美元。"],
    "he": ["בוקר טוב לכולם.", "החלטנו להעסיק שני מהנדסים.", "התקציב שלנו הוא עשרת אלפים דולר."],
}
CREDITS = [
    ("en", "Subtitles by the Amara.org community"),
    ("en", "Transcription by CastingWords"),
    ("vi", "Hãy subscribe cho kênh Ghiền Mì Gõ Để không bỏ lỡ những video hấp dẫn"),
    ("vi", "Phụ đề được thực hiện bởi cộng đồng Amara.org"),
    ("zh", "字幕由 Amara.org 社群提供"),
    ("zh", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目"),
    ("zh", "字幕志愿者 李宗盛"),
    ("zh", "優優獨播劇場——YoYo Television Series Exclusive"),
    ("he", "כתוביות על ידי קהילת Amara.org"),
]
FAREWELLS = [
    ("en", "Thanks for watching!"),
    ("en", "Thank you so much for watching this video."),
    ("en", "Please subscribe to my channel."),
    ("en", "Like and subscribe!"),
    ("en", "I'll see you in the next video."),
    ("en", "Don't forget to like this video and subscribe"),
    ("vi", "Cảm ơn các bạn đã theo dõi."),
    ("vi", "Cảm ơn các bạn đã xem video này."),
    ("vi", "Hãy đăng ký kênh để ủng hộ kênh của mình nhé!"),
    ("vi", "Hẹn gặp lại các bạn trong những video tiếp theo nhé!"),
    ("zh", "谢谢观看"),
    ("zh", "謝謝大家收看"),
    ("zh", "请订阅我的频道"),
    ("zh", "我们下期再见!"),
    ("zh", "中文字幕組"),
    ("he", "תודה על הצפייה"),
    ("he", "תודה רבה שצפיתם בסרטון"),
    ("he", "אל תשכחו להירשם לערוץ שלי"),
    ("he", "נתראה בסרטון הבא"),
    ("he", "תורגם וסונכרן על ידי קבוצת סאבסטיישן"),
]
COMMON = [
    ("en", "Thank you."),
    ("en", "you"),
    ("vi", "Cảm ơn."),
    ("zh", "谢谢大家。"),
    ("he", "תודה רבה."),
    ("en", "Bye bye."),
]
RESEMBLING = [
    ("en", "Thanks for watching the machine while I was away, it has never run better."),
    ("en", "Please subscribe the new hires to the mailing list before Friday."),
    ("en", "Captions by default are switched off in the meeting room."),
    ("en", "The book was translated by my colleague and printed in Hanoi last year."),
    ("en", "Thank you for calling, how may I help you?"),
    ("en", "You asked whether we could see you next week, and we can."),
    ("vi", "Cảm ơn anh đã gửi báo cáo, tôi sẽ xem lại vào chiều nay."),
    ("vi", "Khách hàng muốn đăng ký kênh phân phối mới ở Đà Nẵng."),
    ("vi", "Phụ đề của phim này do công ty chúng ta làm."),
    ("zh", "谢谢你昨天帮我看这份合同,我们今天可以签了。"),
    ("zh", "订阅费用从下个月开始上涨百分之十。"),
    ("zh", "字幕组的工作其实非常辛苦,而且没有报酬。"),
    ("he", "תודה על הדוח ששלחת אתמול, קראתי אותו."),
    ("he", "הלקוח רוצה להירשם לשירות החדש שלנו."),
    ("he", "תרגום המסמך יהיה מוכן ביום ראשון."),
]  # fmt: skip


def in_talk(language: str, text: str, **fields) -> tuple[list[Segment], list[Region]]:
    """A sentence in the middle of a talk, as surely heard as the others."""
    texts = [*TALK[language], text, *reversed(TALK[language])]
    found, at = [], 0.5
    for one in texts:
        length = max(1.0, len(one) / (5 if language == "zh" else 14))
        known = {"confidence": 0.9, "no_speech": 0.02} | (fields if one == text else {})
        found.append(Segment(start_s=at, end_s=at + length, text=one, **known))
        at += length + 0.4
    return found, [Region(0.4, at)]


def texts(segments) -> list[str]:
    return [one.text for one in segments]


@pytest.mark.parametrize(("language", "text"), CREDITS)
@pytest.mark.parametrize("given", ["told", "unknown"])
def test_credits_are_said_by_nobody(language, text, given):
    segments, regions = in_talk(language, text)
    found = filter_segments(segments, regions=regions, language=language if given == "told" else None)
    assert [(one.segment.text, one.reason) for one in found.dropped] == [(text, "phrase")]
    assert len(found.kept) == 6


@pytest.mark.parametrize(("language", "text"), FAREWELLS)
def test_farewells_go_where_the_sound_speaks_against_them(language, text):
    for fields in ({"no_speech": 0.8}, {"confidence": 0.3}):
        segments, regions = in_talk(language, text, **fields)
        found = filter_segments(segments, regions=regions, language=language)
        assert [(one.segment.text, one.reason) for one in found.dropped] == [(text, "phrase")]
    segments, _ = in_talk(language, text)
    there = [Region(one.start_s, one.end_s) for one in segments if one.text != text]
    assert text not in texts(filter_segments(segments, regions=there, language=language).kept)


@pytest.mark.parametrize(("language", "text"), [*FAREWELLS, *COMMON, *RESEMBLING])
def test_what_is_surely_heard_in_a_talk_stays(language, text):
    segments, regions = in_talk(language, text)
    found = filter_segments(segments, regions=regions, language=language)
    assert texts(found.kept) == texts(segments)
    assert found.dropped == []


@pytest.mark.parametrize(("language", "text"), RESEMBLING)
def test_what_only_resembles_a_phrase_stays_even_if_unsure(language, text):
    segments, regions = in_talk(language, text, confidence=0.35, no_speech=0.55)
    assert text in texts(filter_segments(segments, regions=regions, language=language).kept)


@pytest.mark.parametrize(("language", "text"), COMMON)
def test_thanks_need_two_signs(language, text):
    segments, regions = in_talk(language, text, no_speech=0.7)
    kept = filter_segments(segments, regions=regions, language=language).kept
    assert next(one for one in kept if one.text == text).flags == ("phrase", "no_speech")
    segments, regions = in_talk(language, text, no_speech=0.7, confidence=0.3)
    assert text not in texts(filter_segments(segments, regions=regions, language=language).kept)


def test_english_phrases_are_known_in_every_language():
    segments, regions = in_talk("vi", "Thanks for watching!", no_speech=0.9)
    assert len(filter_segments(segments, regions=regions, language="vi").dropped) == 1
    segments, regions = in_talk("vi", "谢谢观看", no_speech=0.9)
    assert filter_segments(segments, regions=regions, language="vi").dropped == []


def test_a_sentence_over_silence_is_outside():
    heard = Segment(start_s=0.0, end_s=2.0, text="The answer is forty two.", confidence=0.95, no_speech=0.966)
    found = filter_segments([heard], regions=[], language="en")
    assert [(one.segment, one.reason) for one in found.dropped] == [(heard, "outside")]


def test_without_regions_it_takes_two_signs():
    sure = Segment(start_s=0.0, end_s=2.0, text="The answer is forty two.", confidence=0.95, no_speech=0.966)
    unsure = Segment(start_s=3.0, end_s=5.0, text="Call me.", confidence=0.2, no_speech=0.966)
    found = filter_segments([sure, unsure], regions=None, language="en")
    assert texts(found.kept) == [sure.text]
    assert found.kept[0].flags == ("no_speech",)
    assert [one.reason for one in found.dropped] == ["no_speech"]


def test_times_a_little_beside_the_speech_are_forgiven():
    beside = Segment(start_s=5.2, end_s=6.0, text="Good morning.", confidence=0.9)
    assert filter_segments([beside], regions=[Region(0, 5)], language="en").dropped == []


def row(*said: str) -> list[Segment]:
    return [
        Segment(start_s=2.0 * at, end_s=2.0 * at + 1.8, text=text, confidence=0.9)
        for at, text in enumerate(said)
    ]


def test_circles_of_segments_keep_their_first_round():
    found = filter_segments(
        row("So we begin.", *["I don't know what to say."] * 5, "Next."), regions=None, language="en"
    )
    assert texts(found.kept) == ["So we begin.", "I don't know what to say.", "Next."]
    assert {one.reason for one in found.dropped} == {"repetition"}
    pair = ["We are going to the house.", "And then to the garden."]
    assert texts(filter_segments(row(*pair * 4), regions=None, language="en").kept) == pair


@pytest.mark.parametrize(
    "said",
    [
        ["Yes.", "Yes.", "Yes."],
        ["No.", "No.", "No.", "No.", "No."],
        ["Can you hear me now?", "Can you hear me now?"],
        ["对。", "对。", "对。", "对。"],
        ["One.", "Two.", "One.", "Two.", "One.", "Two."],
    ],
)
def test_people_repeat_themselves(said):
    assert texts(filter_segments(row(*said), regions=None, language=None).kept) == said


@pytest.mark.parametrize(
    "text",
    [
        "and then we go " * 12,
        "thank you " * 20,
        "là một cái " * 10,
        "我们的我们的我们的我们的我们的我们的我们的我们的我们的我们的我们的我们的",
        "ha " * 40,
        "תודה רבה לכם " * 10,
        "a" * 400,
    ],
)
def test_loops_within_a_segment(text):
    assert is_loop(normalised(text))
    (dropped,) = filter_segments(
        [Segment(start_s=0, end_s=29, text=text.strip())], regions=None, language=None
    ).dropped
    assert dropped.reason in ("repetition", "phrase")


@pytest.mark.parametrize(
    "text",
    [
        "No, no, no, no.",
        "It is very, very, very, very important to us.",
        "Left, right, left, right, left, right, and stop.",
        "The number is zero zero zero zero one two three four five six seven.",
        "对对对对,我就是这个意思,明天我们再谈这个问题吧。",
        *(text for talk in TALK.values() for text in talk),
        " ".join(TALK["en"] * 2),
    ],
)
def test_what_people_say_is_no_loop(text):
    assert not is_loop(normalised(text))


def test_empty_texts_go():
    found = filter_segments(row("...", "♪♪", "Hello."), regions=None, language="en")
    assert texts(found.kept) == ["Hello."]
    assert [one.reason for one in found.dropped] == ["empty", "empty"]


def test_times_are_brought_into_order():
    found = filter_segments(
        [
            Segment(start_s=-3.0, end_s=1.0, text="one"),
            Segment(start_s=5.0, end_s=2.0, text="two", words=(Word(9.0, 1.0, "two", 0.5),)),
            Segment(start_s=4.0, end_s=29.0, text="three"),
            Segment(start_s=math.nan, end_s=math.inf, text="four"),
        ],
        regions=[Region(0.2, 6.0)],
        language="en",
    )
    assert texts(found.kept) == ["one", "two", "three", "four"]
    times = [(one.start_s, one.end_s) for one in found.kept]
    assert times == [(0.0, 1.0), (5.0, 5.0), (5.0, 7.0), (5.0, 5.0)]
    assert found.kept[1].words == (Word(5.0, 5.0, "two", 0.5),)


words = st.builds(Word, st.floats(-5, 500), st.floats(-5, 500), st.text(max_size=5), st.floats(0, 1))
segments = st.builds(
    Segment,
    start_s=st.floats(-5, 500) | st.just(math.nan),
    end_s=st.floats(-5, 500) | st.just(math.inf),
    text=st.sampled_from([text for _, text in (*CREDITS, *FAREWELLS, *COMMON)]) | st.text(max_size=60),
    confidence=st.none() | st.floats(0, 1),
    no_speech=st.none() | st.floats(0, 1),
    words=st.lists(words, max_size=3).map(tuple),
)


@given(
    found=st.lists(segments, max_size=12),
    bounds=st.none() | st.lists(st.floats(0, 400), max_size=8, unique=True).map(sorted),
    language=st.none() | st.sampled_from(["en", "vi", "zh", "he", "fr", ""]),
)
def test_never_reorders_never_invents(found, bounds, language):
    regions = (
        None if bounds is None else [Region(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=False)]
    )
    filtered = filter_segments(found, regions=regions, language=language)
    assert len(filtered.kept) + len(filtered.dropped) == len(found)
    assert all(one.segment in found and one.reason for one in filtered.dropped)
    left = iter(found)
    for one in filtered.kept:
        assert any(one.text == other.text and len(one.words) == len(other.words) for other in left)
    starts = [one.start_s for one in filtered.kept]
    assert starts == sorted(starts)
    for one in filtered.kept:
        assert 0 <= one.start_s <= one.end_s < math.inf
        assert all(one.start_s <= word.start_s <= word.end_s <= one.end_s for word in one.words)


def test_measures():
    assert compression("") == 0.0
    assert compression("ab" * 200) > 10
    assert units("我们 go home") == ["我", "们", "go", "home"]
    assert normalised("Thank you, for\u200f watching! (בְּרֵאשִׁית)") == "thank you for watching בראשית"
