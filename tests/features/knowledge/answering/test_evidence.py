"""Whether passages bear on a question, and which sentences answer it."""

import pytest

from features.knowledge.answering.in_memory import passage
from roundhouse.features.knowledge.answering import evidence, material
from roundhouse.features.knowledge.answering.quoting import compose
from roundhouse.features.knowledge.answering.standalone import by_rules

BRIDGE = (
    "The Iron Bridge crosses the River Severn in Shropshire. It was opened in 1781. "
    "Abraham Darby III cast its parts in his works at Coalbrookdale. Today only people on foot may cross it."
)
FROG = (
    "Tree frogs live in rain forests. Their skin is wet, and they sleep by day. They eat insects and spiders."
)
CAU = (
    "Cầu Long Biên bắc qua sông Hồng ở Hà Nội. Cầu được khánh thành năm 1902. Người Pháp đã xây cây cầu này."
)
QIAO = "卢沟桥位于北京市丰台区。它始建于1189年。桥上有五百零一只石狮子。"
GESHER = "גשר המיתרים נמצא בכניסה לירושלים. הגשר נחנך בשנת 2008. תכנן אותו סנטיאגו קלטרווה."


def taken(question: str, *texts: str, **told):
    asked = by_rules(question, ())
    passages = [passage(text, number + 1, **told) for number, text in enumerate(texts)]
    return asked, material.read(asked.question.terms, asked.text, passages)


@pytest.mark.parametrize(
    ("question", "text", "says"),
    [
        ("When was the Iron Bridge opened?", BRIDGE, "1781"),
        ("Who cast the parts of the Iron Bridge?", BRIDGE, "Abraham Darby"),
        ("Cầu Long Biên được khánh thành năm nào?", CAU, "1902"),
        ("cau long bien duoc khanh thanh nam nao?", CAU, "1902"),
        ("卢沟桥始建于哪一年？", QIAO, "1189"),
        ("מתי נחנך גשר המיתרים?", GESHER, "2008"),
    ],
)
def test_what_is_there_is_quoted_word_for_word(question, text, says):
    asked, found = taken(question, text, FROG)
    told = evidence.weigh(found)
    assert told is not None and told.log_odds >= evidence.QUOTED_FROM[asked.language], told
    composed = compose(asked.question, found)
    assert says in composed.text
    for one in composed.numbered:
        for start, end in composed.quoted[one.number]:
            assert one.passage.text[start:end] in text + FROG
            assert " ".join(one.passage.text[start:end].split()) in composed.text
    assert "[1]" in composed.text


@pytest.mark.parametrize(
    "question",
    [
        "Who won the chess championship of 1972?",
        "What is the population of Nairobi?",
        "Ai phát minh ra điện thoại?",
        "谁发明了电话？",
        "מי המציא את הטלפון?",
        "How is penicillin made?",
    ],
)
def test_what_is_not_there_is_not_quoted(question):
    asked, found = taken(question, BRIDGE, FROG, CAU, QIAO, GESHER)
    told = evidence.weigh(found)
    assert told is not None and told.log_odds < evidence.QUOTED_FROM[asked.language], told


def test_nothing_found_is_no_evidence():
    _, found = taken("When was the Iron Bridge opened?")
    assert evidence.weigh(found) is None


def test_a_vector_counts_as_much_as_its_model_knows_the_language():
    question = "At what date did the crossing begin to serve the public?"
    weights = {}
    for alpha in (0.0, 0.1, 0.5):
        _, found = taken(question, BRIDGE, similarity=0.8, alpha=alpha)
        told = evidence.weigh(found)
        assert told is not None
        weights[alpha] = told.log_odds
    assert weights[0.0] < weights[0.1] < weights[0.5]
    _, far = taken(question, BRIDGE, similarity=0.0, alpha=0.5)
    told = evidence.weigh(far)
    assert told is not None and told.log_odds < weights[0.0]


def test_sentences_one_behind_the_other_are_one_quote():
    asked, found = taken("When was the Iron Bridge opened, and what river does it cross?", BRIDGE)
    composed = compose(asked.question, found)
    assert composed.text.startswith(
        "“The Iron Bridge crosses the River Severn in Shropshire. It was opened in 1781"
    )
    assert composed.text.count("[1]") == len(composed.quoted[1]) < 3


def test_marks_that_a_document_brings_are_none_in_the_answer():
    asked, found = taken(
        "When was the Iron Bridge opened?", "The Iron Bridge was opened in 1781 [7], see [1]."
    )
    assert compose(asked.question, found).text == "“The Iron Bridge was opened in 1781 (7), see (1).” [1]"


def test_a_heading_says_what_the_sentences_below_are_about():
    _, with_it = taken(
        "What is the wattage of the Kestrel lamp?", "It draws 40 watts.", headings=("Kestrel lamp",)
    )
    _, without = taken("What is the wattage of the Kestrel lamp?", "It draws 40 watts.")
    one, other = evidence.weigh(with_it), evidence.weigh(without)
    assert one is not None and other is not None and one.coverage > other.coverage
