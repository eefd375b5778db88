"""Requests of a size that suits the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.knowledge.embedding.house import ANN
from roundhouse.features.knowledge.embedding.asking import Asked, _halves
from roundhouse.features.knowledge.embedding.manner import Manner
from roundhouse.features.knowledge.embedding.model import Image

INPUTS = st.lists(
    st.one_of(
        st.integers(1, 250_000).map(lambda size: "x" * size),
        st.integers(1, 9_000_000).map(lambda size: Image(bytes(size))),
    ),
    max_size=20,
)


@given(INPUTS, st.integers(1, 7))
def test_batches_hold_everything_once_and_in_order(inputs, most):
    asked = Asked(ANN, "m", "p/m", "openai", Manner(inputs=most))
    batches = [inputs[some] for some in asked.batches(inputs)]
    assert [one for batch in batches for one in batch] == inputs
    for batch in batches:
        assert 1 <= len(batch) <= most
        if len(batch) > 1:
            assert sum(len(one) for one in batch if isinstance(one, str)) <= 200_000
            assert sum(len(one.data) for one in batch if isinstance(one, Image)) <= 8 * 1024 * 1024
            assert sum(isinstance(one, Image) for one in batch) <= 8


@given(st.text(min_size=2))
def test_halves_are_the_text(text):
    first, second = _halves(text)
    assert first + second == text
    assert first and second


@pytest.mark.parametrize(
    ("text", "cut"), [("aaaa bbbb cccc dddd", 9), ("天气很好我们去公园", 4), ("aaaaaaaaaa b", 6)]
)
def test_words_stay_whole_where_there_are_any_near_the_middle(text, cut):
    assert len(_halves(text)[0]) == cut
