import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput
from roundhouse.infra.paging import decode_cursor, encode_cursor


@given(last=st.integers(-(2**63) + 1, 2**63 - 1))
def test_numbers_round_trip(last):
    assert decode_cursor(encode_cursor(last), int) == last


@given(
    last=st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=50)
)
def test_texts_round_trip(last):
    assert decode_cursor(encode_cursor(last), str) == last


def test_the_first_page_has_none():
    assert decode_cursor(None, int) is None


@given(text=st.text(max_size=30))
def test_anything_else_is_bad_input_or_a_number(text):
    try:
        decoded = decode_cursor(text, int)
    except BadInput:
        return
    assert isinstance(decoded, int)


@pytest.mark.parametrize("last", [2**63, -(2**63), "a\x00b"])
def test_what_a_database_cannot_hold(last):
    with pytest.raises(BadInput):
        decode_cursor(encode_cursor(last), type(last))
