"""What `doctor` looks at on this machine: versions, settings, folders, files, port, memory, built-in models."""

from __future__ import annotations

import hashlib
import http.client
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from roundhouse import __version__
from roundhouse.core.errors import BadInput, RoundhouseError
from roundhouse.core.settings import ServerSettings, Settings
from roundhouse.core.settings_load import check_admin_key, check_open, unknown_variables
from roundhouse.features.ops.schemas import CheckRead
from roundhouse.infra.probe import MachineProbe
from roundhouse.infra.server import bind

PYTHON = (3, 11)
LOW_DISK_BYTES = 1024 * 1024 * 1024
LOW_RAM_MIB = 512
LOW_FILES = 1024
GOOD_FILES = 65_536
SECRET_FILES = ("admin.key", "pepper", "vault.key")
"""Files of the data folder that nobody but their owner may read."""

_MODELS = ("minilm_data",)
_PATIENCE_S = 2.0


def examine_blocking(settings: Settings) -> list[CheckRead]:
    """All checks of this page."""
    return [
        *versions(),
        *settings_checks(settings),
        data_folder(settings.data_dir),
        *secret_files(settings.data_dir),
        port_blocking(settings.server),
        *memory(),
        open_files(),
        *built_in_models(),
    ]


def versions() -> list[CheckRead]:
    """Python, Roundhouse, the platform."""
    found = platform.python_version()
    wanted = ".".join(str(part) for part in PYTHON)
    if sys.version_info[:2] < PYTHON:
        fix = f"Install Python {wanted} or newer and make the environment anew."
        python = CheckRead(name="python", state="fail", detail=f"{found} is too old.", fix=fix)
    else:
        python = _ok("python", f"{found} at {sys.executable}")
    return [_ok("roundhouse", f"{__version__} on {platform.platform()}"), python]


def settings_checks(settings: Settings) -> list[CheckRead]:
    """What the settings hold beyond being readable."""
    found = []
    fixes = {
        check_admin_key: "Set SECRET_API_KEY to a long random value, or leave it out.",
        check_open: "Leave out --open (ROUNDHOUSE_SERVER__OPEN), or set server.host to 127.0.0.1.",
    }
    for check, fix in fixes.items():
        try:
            check(settings)
        except BadInput as error:
            found.append(CheckRead(name="settings", state="fail", detail=error.detail, fix=fix))
    unknown = unknown_variables()
    if unknown:
        detail = f"Not a setting, without effect: {', '.join(unknown)}."
        fix = "Correct the names; sections and settings are joined by two underscores (ROUNDHOUSE_SERVER__PORT)."
        found.append(CheckRead(name="settings", state="warn", detail=detail, fix=fix))
    return found or [_ok("settings", "Readable.")]


def data_folder(folder: Path) -> CheckRead:
    """Whether the data folder can be used, and has room."""
    fix = f"mkdir -p {folder} && chown $(id -un) {folder}, or choose another with --data-dir."
    if not folder.exists():
        parent = next(path for path in folder.parents if path.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            detail = f"{folder} is not there and cannot be made in {parent}."
            return CheckRead(name="data folder", state="fail", detail=detail, fix=fix)
        return _ok("data folder", f"{folder} is made at the first start.")
    if not folder.is_dir():
        fix = "Move the file away, or choose another folder with --data-dir."
        return CheckRead(name="data folder", state="fail", detail=f"{folder} is a file.", fix=fix)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return CheckRead(name="data folder", state="fail", detail=f"{folder} is not writable.", fix=fix)
    free_bytes = shutil.disk_usage(folder).free
    detail = f"{folder}, {free_bytes // 2**20} MiB free."
    if free_bytes < LOW_DISK_BYTES:
        fix = f"Free some space on the disk of {folder}."
        return CheckRead(name="data folder", state="warn", detail=detail, fix=fix)
    return _ok("data folder", detail)


def secret_files(folder: Path) -> Iterator[CheckRead]:
    """Whether the secrets of the data folder are readable by their owner only."""
    for name in SECRET_FILES:
        path = folder / name
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if sys.platform != "win32" and mode & 0o077:
            detail = f"{path} has mode {mode:04o}: others can read it."
            fix = f"chmod 600 {path}; if others may have read it, replace what it holds."
            yield CheckRead(name=name, state="fail", detail=detail, fix=fix)
        else:
            yield _ok(name, f"{path}, readable by its owner only.")


def port_blocking(server: ServerSettings) -> CheckRead:
    """Whether the port is free, or ours already."""
    where = f"{server.host}:{server.port}"
    if server.port == 0:
        return _ok("port", "Any free one.")
    try:
        for listening in bind(server.host, server.port):
            listening.close()
    except RoundhouseError as error:
        if is_roundhouse_blocking(server.host, server.port):
            return _ok("port", f"Roundhouse is running at {where}.")
        fix = "Stop the program that holds it, or choose another with --port or --host."
        return CheckRead(name="port", state="fail", detail=error.detail, fix=fix)
    return _ok("port", f"{where} is free.")


def is_roundhouse_blocking(host: str, port: int) -> bool:
    """Whether a Roundhouse answers there."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - not bound
    connection = http.client.HTTPConnection(reachable, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        body = answer.read(1000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    ours = (answer.getheader("x-request-id") or "").startswith("req_")
    return answer.status == 200 and ours and b'"ok"' in body


def memory() -> Iterator[CheckRead]:
    """RAM and graphics cards."""
    probe = MachineProbe()
    try:
        devices = probe.devices()
    finally:
        probe.close()
    cards = [device for device in devices if device.id != "cpu"]
    for device in devices:
        free_mib = device.total_mib - device.used_mib
        detail = f"{device.name}: {free_mib} of {device.total_mib} MiB free."
        if device.id == "cpu" and free_mib < LOW_RAM_MIB:
            fix = "End other programs, or give the container more memory."
            yield CheckRead(name="memory", state="warn", detail=detail, fix=fix)
        else:
            yield _ok("memory" if device.id == "cpu" else device.id, detail)
    if not cards:
        yield _ok("gpu", "No NVIDIA card is visible: models run on the CPU or on other servers.")


def open_files() -> CheckRead:
    """Whether enough connections can be open at a time."""
    if sys.platform == "win32":
        return _ok("open files", "Not limited on Windows.")
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    detail = "Unlimited." if soft == resource.RLIM_INFINITY else f"{soft} at most."
    if soft == resource.RLIM_INFINITY or soft >= LOW_FILES:
        return _ok("open files", detail)
    fix = f"ulimit -n {GOOD_FILES if hard == resource.RLIM_INFINITY else min(hard, GOOD_FILES)}"
    return CheckRead(name="open files", state="warn", detail=detail, fix=fix)


def built_in_models() -> Iterator[CheckRead]:
    """Whether the files of the built-in models are there and unchanged."""
    for name in _MODELS:
        # By path, not by import: the model's own libraries are not needed to look at its files.
        folder = files("roundhouse") / "backends" / "embedding" / name
        wrong = []
        for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines():
            digest, _, file = line.partition("  ")
            entry = folder / file
            if not entry.is_file():
                wrong.append(f"{file} is missing")
            elif hashlib.sha256(entry.read_bytes()).hexdigest() != digest:
                wrong.append(f"{file} was changed")
        if wrong:
            fix = "pip install --force-reinstall --no-deps roundhouse"
            yield CheckRead(name="built-in model", state="fail", detail=f"{', '.join(wrong)}.", fix=fix)
        else:
            yield _ok("built-in model", "roundhouse/minilm is whole.")


def _ok(name: str, detail: str) -> CheckRead:
    return CheckRead(name=name, state="ok", detail=detail, fix=None)
