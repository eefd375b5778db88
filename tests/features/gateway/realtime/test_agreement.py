"""What was told of an utterance is never taken back, whatever a recogniser changes its mind to."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roundhouse.features.gateway.realtime.agreement import Agreement, tokens

WORDS = st.sampled_from(
    ["the", "The", "meeting", "meeting,", "starts.", "不", "好", "。", "xin", "chào", "e\u0301"]
)
TEXTS = st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=30)


@given(TEXTS)
@example("một  hai\tba ")
@example("今天天气很好。ok then")
def test_tokens_are_the_text(text):
    assert "".join(tokens(text)) == text.strip()
    assert all(token.strip() for token in tokens(text))


def test_words_and_characters():
    assert tokens("so, what now?") == ["so,", " what", " now?"]
    assert tokens("今天 ok 好") == ["今", "天", " ok", " 好"]


@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_nothing_is_taken_back(hearings, whole):
    agreement, told = Agreement(), ""
    for text in hearings:
        told += agreement.hear(text)
        assert agreement.said == told
    told += agreement.finish(whole)
    assert agreement.said == told
    assert told == told.lstrip()


@given(TEXTS)
def test_a_recogniser_that_never_changes_its_mind_is_told_word_for_word(text):
    words = tokens(text)
    agreement = Agreement()
    for count in range(len(words) + 1):
        agreement.hear("".join(words[:count]))
        # Nothing is told before a second hearing, and never the last word of either.
        assert agreement.said == "".join(words[: max(0, count - 2)])
    agreement.finish(text)
    assert agreement.said == text.strip()


def test_what_two_hearings_agree_on_is_sure():
    agreement = Agreement()
    assert agreement.hear("the meeting") == ""
    assert agreement.hear("The meeting stars on") == "The"
    assert agreement.hear("the meeting starts on Monday") == " meeting"
    assert agreement.hear("the meeting starts on Monday morning") == " starts on"
    assert agreement.finish("The meeting starts on Monday morning.") == " Monday morning."
    assert agreement.said == "The meeting starts on Monday morning."


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        ("we meet on friday at ten", "we eat on friday at ten"),
        ("so we meet on friday at ten", "we eat on friday at ten"),
        ("meet on friday", "we eat on friday"),
        ("", "we eat on"),
        ("we eat on", "we eat on"),
    ],
)
def test_behind_a_contradiction_the_rest_is_told(whole, text):
    agreement = Agreement()
    for heard in ("we eat on friday now", "we eat on saturday now"):
        agreement.hear(heard)
    assert agreement.said == "we eat on"
    agreement.finish(whole)
    assert agreement.said == text
