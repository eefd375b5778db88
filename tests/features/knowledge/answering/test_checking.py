"""Citations, and the check of an answer's sentences."""

from hypothesis import given
from hypothesis import strategies as st

from features.knowledge.answering.in_memory import passage
from roundhouse.features.knowledge.answering.checking import check
from roundhouse.features.knowledge.answering.citing import Numbered, cited, marks_of, no_marks_of_its_own

BRIDGE = "The Iron Bridge crosses the River Severn. It was opened in 1781. Abraham Darby cast its parts."
FROG = "Tree frogs live in rain forests. Their skin is wet, and they sleep by day."
GIVEN = [Numbered(1, passage(BRIDGE, 11, start=100, end=100 + len(BRIDGE))), Numbered(2, passage(FROG, 12))]


def supported(answer: str) -> list[tuple[bool | None, tuple[int, ...]]]:
    return [(one.supported, one.passages) for one in check(answer, GIVEN).checks]


def test_sentences_are_held_against_what_they_cite():
    assert supported("The bridge crosses the River Severn [1]. Frogs sleep by day. [2]") == [
        (True, (1,)),
        (True, (2,)),
    ]


def test_what_no_passage_says_is_told():
    answer = "The bridge was opened in 1781 [1]. It was painted red by Queen Victoria in 1850 [1]."
    assert supported(answer) == [(True, (1,)), (False, ())]


def test_another_number_is_another_statement():
    assert supported("The Iron Bridge was opened in 1791 [1].") == [(False, ())]


def test_the_wrong_passage_does_not_support_but_the_right_one_is_named():
    assert supported("Tree frogs live in rain forests [1].") == [(False, (2,))]


def test_a_sentence_without_a_mark_may_be_supported_by_any():
    assert supported("Tree frogs live in rain forests.") == [(True, (2,))]


def test_what_cannot_be_told_is_not_said_to_be_wrong():
    assert supported("这座桥于1781年开放[1]。") == [(None, ())]
    assert supported("Yes [1].") == [(None, ())]


def test_places_are_those_of_the_answer():
    answer = "The bridge crosses the River Severn [1]. Frogs sleep by day. [2]\n\nIt was opened in 1781 [1]"
    for one in check(answer, GIVEN).checks:
        assert answer[one.start : one.end] == one.sentence
    assert "".join(one.sentence for one in check(answer, GIVEN).checks).count("[") == 3


def test_citations_point_to_the_document():
    answer = "It was opened in 1781 [1]."
    (one,) = cited(answer, GIVEN, check(answer, GIVEN).quoted)
    (quote,) = one.quotes
    assert (one.number, one.passage_id, one.file_id) == (1, "psg_11", "file_11")
    assert quote.text == "It was opened in 1781."
    assert BRIDGE[quote.start - 100 : quote.end - 100] == quote.text


def test_marks_are_read_in_their_order():
    assert marks_of("a [2][1] b [2] [x] [12345]") == [2, 1]
    assert no_marks_of_its_own("see [1], [2, 3], 【4】 and [a]") == "see (1), (2, 3), (4) and [a]"


@given(st.text(alphabet="ab .[]12\n。Severn", max_size=60))
def test_any_text_can_be_checked(answer):
    for one in check(answer, GIVEN).checks:
        assert answer[one.start : one.end] == one.sentence
