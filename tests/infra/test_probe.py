from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from roundhouse.core.ports import DeviceProbe
from roundhouse.core.types import Device
from roundhouse.infra.probe import CpuProbe, FakeProbe, MachineProbe, NvmlProbe

MIB = 1024 * 1024


def test_this_machine() -> None:
    """Holds with and without cards."""
    probe = MachineProbe()
    found: DeviceProbe = probe
    devices = list(found.devices())
    assert devices[-1].id == "cpu"
    assert [one.id for one in devices[:-1]] == [f"cuda:{place}" for place in range(len(devices) - 1)]
    for one in devices:
        assert one.name
        assert 0 <= one.used_mib <= one.total_mib + 1
        assert one.total_mib > 100
        assert one.utilization_percent is None or 0 <= one.utilization_percent <= 100
    probe.close()
    probe.close()
    assert [one.id for one in probe.devices()] == ["cpu"]


def test_cards_agree_with_the_driver_s_own_tool() -> None:
    probe = NvmlProbe()
    tool = shutil.which("nvidia-smi")
    if tool is None:
        # Without the driver's tool there may still be a driver; without a driver there are no cards.
        assert probe.available or list(probe.devices()) == []
        probe.close()
        return
    told = subprocess.run(
        [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = told.stdout.strip().splitlines() if told.returncode == 0 else []
    expected = [(name.strip(), int(total)) for name, _, total in (line.rpartition(",") for line in lines)]
    devices = list(probe.devices())
    assert [one.name for one in devices] == [name for name, _ in expected]
    for one, (_, total_mib) in zip(devices, expected, strict=True):
        assert abs(one.total_mib - total_mib) <= 1
        assert 0 <= one.used_mib <= total_mib
    probe.close()


def test_a_look_is_cheap() -> None:
    probe = MachineProbe()
    began_s = time.perf_counter()
    for _ in range(20):
        probe.devices()
    assert time.perf_counter() - began_s < 10
    probe.close()


def test_no_driver_no_cards() -> None:
    probe = NvmlProbe(("libthere-is-no-such-library.so",))
    assert not probe.available
    assert list(probe.devices()) == []
    probe.close()
    # A library that is there but is not the driver's.
    assert not NvmlProbe(("libc.so.6",)).available


def test_ram_without_limits(tmp_path: Path) -> None:
    (cpu,) = CpuProbe(tmp_path / "none", tmp_path / "none").devices()
    assert cpu.total_mib == psutil.virtual_memory().total // MIB
    assert 0 < cpu.used_mib < cpu.total_mib


def _write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.mark.skipif(os.name == "nt", reason="control groups are Linux's")
def test_limits_of_control_groups_v2(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("0::/box/inner\n")
    root = tmp_path / "fs"
    _write(root / "box" / "inner", memory__max="max\n", memory__current=f"{50 * MIB}\n")
    _write(
        root / "box",
        memory__max=f"{400 * MIB}\n",
        memory__current=f"{150 * MIB}\n",
        memory__stat=f"anon 5\ninactive_file {30 * MIB}\nfile 7\n",
    )
    (cpu,) = CpuProbe(root, membership).devices()
    assert (cpu.total_mib, cpu.used_mib) == (400, 120)


@pytest.mark.skipif(os.name == "nt", reason="control groups are Linux's")
def test_limits_of_control_groups_v1_seen_from_inside_a_container(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n")
    root = tmp_path / "fs"
    # The path of the host is not there; the container's own group is at the root.
    _write(
        root / "memory",
        memory__limit_in_bytes=f"{300 * MIB}\n",
        memory__usage_in_bytes=f"{299 * MIB}\n",
        memory__stat=f"total_inactive_file {99 * MIB}\n",
    )
    (cpu,) = CpuProbe(root, membership).devices()
    assert (cpu.total_mib, cpu.used_mib) == (300, 200)
    (root / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (cpu,) = CpuProbe(root, membership).devices()
    assert cpu.total_mib == psutil.virtual_memory().total // MIB


def test_a_made_up_machine() -> None:
    probe = FakeProbe([Device("cuda:0", "X", 1000, 0), Device("cpu", "Y", 2000, 0)])
    probe.use("cuda:0", 700)
    found: DeviceProbe = probe
    assert [(one.id, one.used_mib) for one in found.devices()] == [("cuda:0", 700), ("cpu", 0)]
