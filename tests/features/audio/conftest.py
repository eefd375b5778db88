"""The services over both databases."""

import pytest

from features.audio.house import AudioHouse


@pytest.fixture
def house(db, tmp_path, turned_clock) -> AudioHouse:
    return AudioHouse(db, tmp_path / "house", turned_clock)
