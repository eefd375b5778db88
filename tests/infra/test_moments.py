import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from roundhouse.infra.moments import Moment, begins_s, moment, moment_or_none, unix_s

read = TypeAdapter(Moment).validate_python


@pytest.mark.parametrize("text", ["1970-01-02T00:00:00Z", "1970-01-02", "1970-01-02T01:00:00+01:00"])
def test_a_time_is_read_as_rfc_3339_has_it(text):
    assert unix_s(read(text)) == 86_400.0


@pytest.mark.parametrize("value", [0, 86_400, "86400", "now", "1970-13-01", "", None])
def test_what_has_no_unit_is_no_time(value):
    with pytest.raises(ValidationError):
        read(value)


def test_there_and_back():
    assert moment(86_400.5) == datetime(1970, 1, 2, 0, 0, 0, 500_000, UTC)
    assert unix_s(moment(86_400.5)) == 86_400.5
    assert (moment_or_none(None), unix_s(None)) == (None, None)


@given(st.floats(min_value=1.0, max_value=2.0**33 - 1.0))
def test_what_is_stored_lies_in_the_microsecond_that_is_shown(stored_s):
    shown = moment(stored_s)
    first_s, next_s = begins_s(shown), begins_s(shown + timedelta(microseconds=1))
    assert first_s <= stored_s < next_s
    assert moment(first_s) == shown
    assert moment(math.nextafter(first_s, 0.0)) < shown


@pytest.mark.parametrize("text", ["0001-01-01", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"])
def test_a_time_beyond_all_rows_is_taken_as_it_is(text):
    assert begins_s(read(text)) == unix_s(read(text))
    assert begins_s(None) is None
