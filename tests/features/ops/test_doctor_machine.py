"""What `doctor` finds on this machine, and that its fixes are exact."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from raw_http import always, answer, raw_server
from roundhouse.core.settings import Settings
from roundhouse.core.settings_load import load
from roundhouse.features.ops import doctor_machine
from roundhouse.features.ops.schemas import CheckRead


def settings(**sections: Any) -> Settings:
    return load({"server": {"port": 0}, "engine": {"discover": False}} | sections)


def test_settings_that_would_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_API_KEY", "changeme")
    monkeypatch.setenv("ROUNDHOUSE_SERVR__PORT", "1")
    found = doctor_machine.settings_checks(settings(server={"open": True, "host": "0.0.0.0"}))
    assert [check.state for check in found] == ["fail", "fail", "warn"]
    assert "SECRET_API_KEY" in found[0].detail
    assert "127.0.0.1" in (found[1].fix or "")
    assert "ROUNDHOUSE_SERVR__PORT" in found[2].detail


def test_a_data_folder(place: Path) -> None:
    folder = place / "a" / "b"
    assert doctor_machine.data_folder(folder).state == "ok"
    folder.mkdir(parents=True)
    assert "MiB free" in doctor_machine.data_folder(folder).detail
    (place / "file").write_text("")
    failed = doctor_machine.data_folder(place / "file")
    assert (failed.state, "--data-dir" in (failed.fix or "")) == ("fail", True)


def test_secrets_that_others_can_read(place: Path) -> None:
    for name, mode in (("admin.key", 0o600), ("pepper", 0o640), ("vault.key", 0o644)):
        (place / name).write_text("hunter2")
        (place / name).chmod(mode)
    found = {check.name: check for check in doctor_machine.secret_files(place)}
    assert {name: check.state for name, check in found.items()} == {
        "admin.key": "ok",
        "pepper": "fail",
        "vault.key": "fail",
    }
    assert (found["pepper"].fix or "").startswith(f"chmod 600 {place / 'pepper'}")
    assert "hunter2" not in found["pepper"].detail


def port_check(port: int, host: str = "127.0.0.1") -> CheckRead:
    return doctor_machine.port_blocking(settings(server={"host": host, "port": port}).server)


async def test_ports() -> None:
    assert port_check(0).state == "ok"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    assert port_check(number).detail == f"127.0.0.1:{number} is free."
    foreign = port_check(8000, host="192.0.2.1")
    assert (foreign.state, "--host" in (foreign.fix or "")) == ("fail", True)
    ours = always(answer(b'{"status":"ok"}', b"x-request-id: req_1"))
    async with raw_server(ours) as server:
        found = await asyncio.to_thread(port_check, server.port)
        assert (found.state, "is running" in found.detail) == ("ok", True)
    async with raw_server(always(answer(b'{"status":"ok"}'))) as server:
        found = await asyncio.to_thread(port_check, server.port)
        assert (found.state, str(server.port) in found.detail) == ("fail", True)
