"""OpenAI's answer objects."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.backends.openai_form import embeddings_answer, pack_floats, unpack_floats
from roundhouse.core.types import Usage

vectors = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=20)


@given(vectors)
def test_packed_floats_are_little_endian_float32(vector: list[float]) -> None:
    packed = pack_floats(vector)
    assert base64.b64decode(packed) == struct.pack(f"<{len(vector)}f", *vector)
    assert unpack_floats(packed) == vector


@pytest.mark.parametrize("text", ["A", "AAA=", "é", "AAAA AAA"])
def test_what_is_no_vector(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack_floats(text)


def test_the_list_of_embeddings() -> None:
    answer = embeddings_answer("m", [[1.0], "AACAPw=="], 5)
    assert answer.usage == Usage(5, 0)
    assert json.loads(answer.body) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0]},
            {"object": "embedding", "index": 1, "embedding": "AACAPw=="},
        ],
        "model": "m",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }
