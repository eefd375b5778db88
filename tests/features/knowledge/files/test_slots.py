from contextlib import ExitStack

import pytest

from roundhouse.core.errors import Busy
from roundhouse.features.knowledge.files.slots import UploadSlots


def test_one_tenant_gets_half() -> None:
    slots = UploadSlots(4)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(slots.one("one"))
        with pytest.raises(Busy, match="your uploads") as error, slots.one("one"):
            pass
        assert error.value.retry_after_s
        for _ in range(2):
            held.enter_context(slots.one("two"))
        with pytest.raises(Busy, match="uploads"), slots.one("three"):
            pass
    with slots.one("one"), slots.one("one"):
        pass


def test_one_slot_is_for_anybody() -> None:
    with UploadSlots(1).one("one"):
        pass


def test_a_slot_comes_back_after_a_fault() -> None:
    slots = UploadSlots(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), slots.one("one"):
            raise RuntimeError
