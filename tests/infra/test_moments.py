from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from roundhouse.infra.moments import Moment, moment, moment_or_none, unix_s

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
