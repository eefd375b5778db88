"""On which databases a test of the room runs: on both, unless the database has no part in what it tests."""

from __future__ import annotations

import pytest

ONE_DATABASE = pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)
