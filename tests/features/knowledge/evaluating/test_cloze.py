"""Questions made of passages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.evaluating.cloze import Source, make_questions

SENTENCES = [
    "The harbour master wrote down every ship that came in before noon.",
    "Most of them carried timber from the northern forests of the country.",
    "In the evening the book was closed and locked into an iron cupboard.",
]
ENGLISH = " ".join(SENTENCES)
CHINESE = "北京的天气在春天常常很干燥而且有风。秋天是一年里最舒服的季节之一。冬天的时候湖面会结冰人们去滑冰。"


def test_the_sentence_is_taken_out_and_a_part_of_it_asked() -> None:
    (found,) = make_questions([Source(7, ENGLISH, "en")])
    assert (found.place, found.language) == (0, "en")
    assert len(found.query.split()) == 10
    (asked,) = [one for one in SENTENCES if found.query in one]
    assert asked not in found.text
    assert all(one in found.text for one in SENTENCES if one != asked)


def test_chinese_is_asked_by_characters() -> None:
    (found,) = make_questions([Source(1, CHINESE, "zh")])
    assert 12 < len(found.query) <= 18
    assert found.query in CHINESE
    assert found.query not in found.text


def test_the_same_passages_give_the_same_questions() -> None:
    sources = [Source(one, f"{ENGLISH} {one}.", "en") for one in range(300)]
    found = make_questions(sources)
    assert len({one.place for one in found}) == 120
    assert make_questions(sources) == found
    assert make_questions(sources, seed=1) != found


def test_two_sentences_will_do_where_there_is_nothing_better() -> None:
    assert make_questions([Source(1, SENTENCES[0], "en")]) == []
    assert len(make_questions([Source(1, " ".join(SENTENCES[:2]), "en")])) == 1


@given(st.lists(st.text(alphabet=st.sampled_from("ab .!?。天気\n"), max_size=300), max_size=4))
def test_any_text_is_borne(texts: list[str]) -> None:
    for found in make_questions([Source(place, text, "") for place, text in enumerate(texts)]):
        assert found.query.strip()
        assert len(found.text) < len(texts[found.place])
