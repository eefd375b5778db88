import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.files.ranges import Unsatisfiable, has_it, may_be_part, part_of


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("Bytes = 5 - 6 ", (5, 7)),
        ("bytes=0-18446744073709551615", None),
        ("bytes=0-9999999999999999999", (0, 100)),
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=\u0661-\u0662", None),
    ],
)
def test_parts(header: str | None, part: tuple[int, int] | None) -> None:
    assert part_of(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9999999999-"])
def test_behind_the_end(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        part_of(header, 100)


@given(header=st.from_regex(r"(bytes)?=?[0-9]{0,22}-?[0-9]{0,22},?.?"), size=st.integers(1, 10**15))
def test_a_part_lies_within(header: str, size: int) -> None:
    try:
        part = part_of(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part[0] < part[1] <= size


@pytest.mark.parametrize(
    ("header", "has"),
    [('"abc"', True), ('W/"abc"', True), ('"x", "abc"', True), ("*", True), ('"x"', False), (None, False)],
)
def test_if_none_match(header: str | None, has: bool) -> None:
    assert has_it(header, '"abc"') is has


@pytest.mark.parametrize(
    ("header", "may"),
    [
        (None, True),
        ('"abc"', True),
        ('"x"', False),
        ('W/"abc"', False),
        ("Sat, 21 Nov 2026 15:24:12 GMT", False),
    ],
)
def test_if_range(header: str | None, may: bool) -> None:
    assert may_be_part(header, '"abc"') is may
