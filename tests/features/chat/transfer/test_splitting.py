import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput, TooLarge
from roundhouse.features.chat.transfer import splitting
from roundhouse.features.chat.transfer.splitting import elements

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\{}[]')),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.sampled_from('ab"\\{}[]')), inner, max_size=4)
    ),
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


class Slow(io.BytesIO):
    """Gives a few bytes at a time, whatever is asked for."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step = step

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.step)


@given(st.lists(OBJECTS, max_size=5), st.integers(1, 50), st.sampled_from([None, 2]), st.booleans())
def test_an_array_comes_apart_into_its_objects(objects, step, indent, ascii_only):
    data = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()
    assert [
        json.loads(one) for one in elements(Slow(b"\xef\xbb\xbf" + data + b"\n", 3 + step), 10**6)
    ] == objects


@given(OBJECTS, st.integers(1, 50))
def test_an_object_is_one(value, step):
    assert [json.loads(one) for one in elements(Slow(json.dumps(value).encode(), step + 3), 10**6)] == [value]


@pytest.mark.parametrize(
    "data",
    [b"", b" ", b"[", b"{", b"[{}", b"[{},", b"[{},]", b"[{}}", b"[{} {}]", b"[1]", b"[[]]", b"1", b'"a"', b"{} x",
     b"[] x", b'[{"a":"', b'[{"a":"\\', b"[,]", b"nonsense", b'[{"a":1},2]'],
)  # fmt: skip
def test_what_is_no_array_of_objects_is_refused(data):
    with pytest.raises(BadInput):
        list(elements(Slow(data, 2), 100))


def test_the_objects_before_the_fault_are_given():
    found = []
    with pytest.raises(BadInput) as caught:
        for one in elements(io.BytesIO(b'[{"a":1},{"b":2},7]'), 100):
            found.append(one)
    assert found == [b'{"a":1}', b'{"b":2}']
    assert caught.value.param == "[2]"


def test_an_object_that_is_too_large_is_refused_before_it_is_whole():
    stream = Slow(b'[{"a":"' + b"x" * 10_000, 100)
    with pytest.raises(TooLarge):
        list(elements(stream, 1000))
    assert stream.tell() < 2000
    assert list(elements(io.BytesIO(b"[{}, {}]"), 2)) == [b"{}", b"{}"]
    with pytest.raises(TooLarge):
        list(elements(io.BytesIO(b"[{}, { }]"), 2))


def test_nesting_has_an_end():
    depth = splitting.DEEPEST
    fits = b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    assert list(elements(io.BytesIO(fits), 10**6)) == [fits]
    with pytest.raises(BadInput, match="nested"):
        list(elements(io.BytesIO(b'{"a":' + b"[" * depth), 10**6))


def test_many_small_objects_are_no_trouble():
    data = b"[" + b",".join([b'{"a":"b"}'] * 200_000) + b"]"
    assert sum(1 for _ in elements(io.BytesIO(data), 100)) == 200_000
