"""Looks at the memories of this machine: NVIDIA cards by NVML, RAM by psutil within the limits of its cgroup.

NVML is the driver's own library, called by ctypes: no process per look and no package. Where it is absent there
is no card. Cards of other makers are not seen; a model server on them is given a budget of its own.

Source:
    NVIDIA NVML API reference (R570): nvmlInit_v2, nvmlDeviceGetCount_v2, nvmlDeviceGetMemoryInfo,
    nvmlDeviceGetUtilizationRates; nvmlMemory_t counts bytes, `used` with what the driver reserves.
    Linux kernel documentation, cgroup v2 `memory.max`, `memory.current`, `memory.stat`; cgroup v1
    `memory.limit_in_bytes`, `memory.usage_in_bytes`.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from roundhouse.core.types import Device

_MIB = 1024 * 1024
_LIBRARIES = ("nvml.dll",) if sys.platform == "win32" else ("libnvidia-ml.so.1", "libnvidia-ml.so")
_NO_LIMIT_BYTES = 1 << 60
"""cgroup v1 tells "no limit" as a number near 2**63."""


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class NvmlProbe:
    """The NVIDIA cards of this machine.

    Args:
        libraries: Names under which the library is looked for.
    """

    def __init__(self, libraries: Sequence[str] = _LIBRARIES) -> None:
        self._nvml: Any = next((found for name in libraries if (found := _open(name)) is not None), None)

    @property
    def available(self) -> bool:
        """Whether there is a driver."""
        return self._nvml is not None

    def devices(self) -> Sequence[Device]:
        """All cards that the driver shows to this process; a card that does not answer is left out."""
        if self._nvml is None:
            return ()
        count = ctypes.c_uint()
        if self._nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return ()
        return [found for index in range(count.value) if (found := self._device(index)) is not None]

    def _device(self, index: int) -> Device | None:
        card = ctypes.c_void_p()
        if self._nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(card)) != 0:
            return None
        memory = _Memory()
        if self._nvml.nvmlDeviceGetMemoryInfo(card, ctypes.byref(memory)) != 0:
            return None
        name = ctypes.create_string_buffer(96)
        named = self._nvml.nvmlDeviceGetName(card, name, ctypes.c_uint(len(name))) == 0
        load = _Utilization()
        told = self._nvml.nvmlDeviceGetUtilizationRates(card, ctypes.byref(load)) == 0
        return Device(
            id=f"cuda:{index}",
            name=name.value.decode("utf-8", "replace") if named else "NVIDIA",
            total_mib=memory.total // _MIB,
            used_mib=-(-memory.used // _MIB),
            # A card that is split into instances (MIG) does not tell.
            utilization_percent=float(load.gpu) if told else None,
        )

    def close(self) -> None:
        """Give the driver back; afterwards there are no cards. Idempotent."""
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None


def _open(name: str) -> Any | None:
    """The library, initialised; None when it is absent or finds no driver."""
    try:
        library = ctypes.CDLL(name)
        return library if library.nvmlInit_v2() == 0 else None
    except (OSError, AttributeError):
        return None


class CpuProbe:
    """RAM and cores of this machine, or of the container this process is in.

    Args:
        cgroups: Where the kernel shows control groups.
        membership: Where it tells to which of them this process belongs.
    """

    def __init__(
        self, cgroups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
    ) -> None:
        self._cgroups = cgroups
        self._membership = membership
        self._name = platform.processor() or platform.machine() or "CPU"
        # The first answer is about nothing; later ones are about the time since the one before.
        psutil.cpu_percent(interval=None)

    def devices(self) -> Sequence[Device]:
        """One device, `cpu`: the tightest of the machine's RAM and the limits of all groups around this process."""
        memory = psutil.virtual_memory()
        total, room = memory.total, memory.available
        for limit, in_use in self._limits():
            total, room = min(total, limit), min(room, max(0, limit - in_use))
        return [
            Device(
                id="cpu",
                name=self._name,
                total_mib=total // _MIB,
                used_mib=-(-max(0, total - room) // _MIB),
                utilization_percent=psutil.cpu_percent(interval=None),
            )
        ]

    def _limits(self) -> list[tuple[int, int]]:
        """Limit and use, in bytes, of every group around this process that has a limit."""
        try:
            lines = self._membership.read_text().splitlines()
        except OSError:
            return []
        found: list[tuple[int, int]] = []
        for line in lines:
            number, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if number == "0" and not controllers:
                found += self._walk(self._cgroups, path, "memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                found += self._walk(
                    self._cgroups / "memory",
                    path,
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                    "total_inactive_file",
                )
        return found

    @staticmethod
    def _walk(root: Path, path: str, limit_file: str, use_file: str, cache_key: str) -> list[tuple[int, int]]:
        """From the process's group up to the root. In a container the path may not exist, the root is the group."""
        found: list[tuple[int, int]] = []
        parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
        for depth in range(len(parts), -1, -1):
            folder = root.joinpath(*parts[:depth])
            limit, in_use = _number(folder / limit_file), _number(folder / use_file)
            if limit is not None and in_use is not None and limit < _NO_LIMIT_BYTES:
                # Cached file pages that nobody needs are counted as use but given up at once.
                found.append((limit, max(0, in_use - _stat(folder / "memory.stat", cache_key))))
        return found


def _number(path: Path) -> int | None:
    """The number in a file of the kernel's; None when it is absent or says `max`."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _stat(path: Path, key: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key} ")), 0)


class MachineProbe:
    """`core.ports.DeviceProbe` of this machine: its cards, then its RAM."""

    def __init__(self) -> None:
        self._cards = NvmlProbe()
        self._cpu = CpuProbe()

    def devices(self) -> Sequence[Device]:
        """All accelerators, then `cpu`; blocking, some ms."""
        return [*self._cards.devices(), *self._cpu.devices()]

    def close(self) -> None:
        """Give the driver back."""
        self._cards.close()


class FakeProbe:
    """`core.ports.DeviceProbe` of a machine that a test makes up.

    Args:
        devices: Its memories; may be replaced while it is in use.
    """

    def __init__(self, devices: Sequence[Device]) -> None:
        self.found = list(devices)

    def devices(self) -> Sequence[Device]:
        """What it was given."""
        return list(self.found)

    def use(self, device: str, used_mib: int) -> None:
        """Say that this much of a device is in use."""
        for one in self.found:
            if one.id == device:
                one.used_mib = used_mib
