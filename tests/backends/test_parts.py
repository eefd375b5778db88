"""Parts of messages."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.backends.parts import data_url, is_data_url, text_of
from roundhouse.core.errors import BadInput, UnsupportedContent


@given(
    st.binary(min_size=1, max_size=100), st.sampled_from(["image/png", "IMAGE/PNG", "image/png;charset=x"])
)
def test_a_data_url_is_read(content: bytes, kind: str) -> None:
    packed = base64.b64encode(content).decode()
    assert data_url(f"data:{kind};base64,{packed}") == ("image/png", packed)
    spaced = "\n".join(packed)
    assert data_url(f"DATA:{kind};base64,{spaced}") == ("image/png", packed)


@given(st.text(max_size=50))
def test_any_other_text_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        data_url(text)
    with pytest.raises(BadInput):
        data_url(f"data:image/png;base64,é{text}")


def test_what_is_a_data_url() -> None:
    assert is_data_url("Data:,x")
    assert not is_data_url("https://a.test/data:")


def test_texts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}, {"type": "image_url"}]
    assert text_of(parts, skip=("image_url",)) == "a\nb"
    assert text_of(None) == ""
    with pytest.raises(UnsupportedContent, match="image_url"):
        text_of(parts)
