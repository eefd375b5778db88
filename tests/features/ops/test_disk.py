"""The disk: who fills it, when it is too full, and how space is made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from features.ops.upkeep_house import DAY_S, UpkeepHouse, names
from roundhouse.core.errors import StorageUnavailable
from roundhouse.features.ops.service import DiskService, PartPlace
from roundhouse.infra.db import Database
from roundhouse.infra.disk_use import Fill

SIZE_BYTES = 10_000


@pytest.fixture
async def house(db: Database, tmp_path: Path, turned_clock: Any) -> AsyncIterator[UpkeepHouse]:
    made = UpkeepHouse(db, tmp_path / "data", turned_clock)
    yield made
    await made.files.close()


class Disk:
    """A disk of ten thousand bytes on which the house lies beside what others keep."""

    def __init__(self, house: UpkeepHouse, others_bytes: int = 0) -> None:
        self.house = house
        self.others_bytes = others_bytes

    def fill(self, _: Path) -> Fill:
        own = (
            path
            for path in self.house.data_dir.rglob("*")
            if path.is_file() and "roundhouse.db" not in path.name
        )
        used_bytes = self.others_bytes + sum(path.stat().st_size for path in own)
        return Fill(1, SIZE_BYTES, used_bytes, SIZE_BYTES - used_bytes)

    def service(self) -> DiskService:
        data_dir = self.house.data_dir
        places = [
            PartPlace("files", (data_dir / "blobs",), but=data_dir / "blobs" / "incoming"),
            PartPlace("jobs", (data_dir / "jobs",)),
            PartPlace("logs", (data_dir / "logs",), only="roundhouse*.log"),
        ]
        return DiskService([data_dir], places, self.house.cleaning, 80.0, self.fill)


async def fill(house: UpkeepHouse) -> None:
    """A recording that goes, one that an unfinished job needs, young and old logs; a thousand bytes each."""
    old = await house.recording(b"o" * 984)
    await house.job("completed", old, folder=False)
    await house.job("waiting", await house.recording(b"n" * 984), folder=False)
    house.clock.turn(8 * DAY_S)
    for name, age_days in (("roundhouse-old.log", 9), ("roundhouse-new.log", 1), ("roundhouse.log", 0)):
        house.log(name, age_days, "x" * 1000)


async def test_who_fills_it(house: UpkeepHouse) -> None:
    await fill(house)
    house.log("of-another-program.log", 1, "x" * 5000)
    found = await Disk(house).service().look()
    assert [(one.name, one.size_bytes, one.percent) for one in found.parts] == [
        ("files", 2000, 20.0),
        ("jobs", 0, 0.0),
        ("logs", 3000, 30.0),
    ]
    (disk,) = found.disks
    assert (disk.path, disk.percent, disk.over, found.over) == (str(house.data_dir), 100.0, True, True)


@pytest.mark.parametrize(
    ("others_bytes", "gone", "over"),
    [
        (3000, [], False),
        (4000, ["roundhouse-old.log"], False),
        (5000, ["roundhouse-old.log", "recording"], False),
        (6000, ["roundhouse-old.log", "recording", "roundhouse-new.log"], False),
        (7000, ["roundhouse-old.log", "recording", "roundhouse-new.log"], True),
    ],
)
async def test_an_emergency_takes_no_more_than_is_needed(
    house: UpkeepHouse, others_bytes: int, gone: list[str], over: bool
) -> None:
    await fill(house)
    service = Disk(house, others_bytes).service()
    for dry_run in (True, False):
        found = await service.emergency(dry_run=dry_run)
        cleaned = [] if found.cleaned is None else names(found.cleaned)
        assert [name if kind == "log" else kind for kind, name in cleaned] == gone
        # Nothing was freed yet when it was only told.
        assert found.over == (over if not dry_run else others_bytes > 3000)
    assert (house.settings.log_dir / "roundhouse.log").exists()


async def test_a_part_that_cannot_be_counted_is_unknown(house: UpkeepHouse) -> None:
    async def away() -> int:
        raise StorageUnavailable("away")

    disk = Disk(house)
    place = PartPlace("database", elsewhere=away, server="PostgreSQL")
    service = DiskService([house.data_dir], [place], house.cleaning, 80.0, disk.fill)
    (part,) = (await service.look()).parts
    assert (part.place, part.size_bytes, part.percent) == ("PostgreSQL", None, None)


async def test_a_disk_that_fails_is_told(house: UpkeepHouse) -> None:
    def failing(_: Path) -> Fill:
        raise OSError(5, "Input/output error")

    with pytest.raises(StorageUnavailable, match="input/output error"):
        await DiskService([house.data_dir], [], house.cleaning, 80.0, failing).look()
