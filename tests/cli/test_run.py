"""`roundhouse run` as a person starts it: a process of its own, stopped by a signal."""

import gc
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from running_server import KEY, environment, refused, running


def test_first_and_second_start(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (key,) = KEY.findall(server.out)
        assert f"{server.url}/docs" in server.out
        assert "roundhouse (2)" in server.out
        assert "\x1b" not in server.out
        assert server.get("/livez") == (200, {"status": "ok"})
        assert server.get("/v1/models")[0] == 401
        assert server.get("/v1/models", key)[0] == 200
        code, err = server.stop()
    assert code == 0
    steps = [line for line in err.splitlines() if not line.startswith("{")]
    assert [line.split(":")[0] for line in steps] == ["Database ready", "Draining", "Stopped"]
    assert key not in err
    kept = tmp_path / "data" / "admin.key"
    assert kept.read_text().strip() == key
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700

    with running(tmp_path) as server:
        assert KEY.findall(server.out) == []
        assert str(kept) in server.out
        assert server.get("/v1/models", key)[0] == 200
        assert server.stop(signal.SIGINT)[0] == 0


def test_open_needs_no_key(tmp_path: Path) -> None:
    with running(tmp_path, "--open", "--data-dir", "here") as server:
        assert "none is needed" in server.out
        assert server.get("/v1/models")[0] == 200
        assert server.stop()[0] == 0
    assert not (tmp_path / "here" / "admin.key").exists()


def test_every_address_is_shown_as_one_that_can_be_reached(cli: Any, tmp_path: Path) -> None:
    with running(tmp_path, "--host", "0.0.0.0") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert "every address of this machine" in server.out
        assert server.get("/livez")[0] == 200
        # And a second one on its port is told so.
        assert "already" in complaint(cli, "--port", str(urlsplit(server.url).port), code=1)


def on_a_terminal(folder: Path, **env: str) -> str:
    """What a person sees of a start and a stop."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "roundhouse", "run", "--port", "0"],
        cwd=folder,
        env=environment(**env),
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen, told = b"", False
    try:
        # Linux ends a terminal that nobody holds any more with an error.
        with suppress(OSError):
            while piece := os.read(ours, 65536):
                seen += piece
                if b"admin.key" in seen and not told:
                    process.send_signal(signal.SIGTERM)
                    told = True
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(ours)
    return seen.decode()


def test_a_terminal_gets_colours_unless_not_wanted(tmp_path: Path) -> None:
    colored = on_a_terminal(tmp_path, TERM="xterm", NO_COLOR="")
    assert "\x1b[32m✓\x1b[0m Database ready" in colored
    assert "✓\x1b[0m Stopped" in colored
    plain = on_a_terminal(tmp_path, TERM="xterm", NO_COLOR="1")
    assert "✓ Database ready" in plain
    assert "\x1b" not in plain


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    code, err = refused(tmp_path, "--port", "0", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert code == 1
    assert "database" in err.lower()


def complaint(cli: Any, *words: str, code: int) -> str:
    result = cli("run", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert gc.isenabled()
    return str(result.stderr)


def test_a_port_in_use_is_named(cli: Any, place: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = complaint(cli, "--port", str(port), code=1)
    assert str(port) in said
    assert "--port" in said
    assert "already" not in said
    # The database may belong to whoever holds the port: it was not touched.
    assert not (place / "data" / "roundhouse.db").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_open_to_others_is_refused(cli: Any, place: Path, host: str) -> None:
    assert "--open" in complaint(cli, "--open", "--host", host, code=2)
    assert list(place.iterdir()) == []


def test_a_placeholder_key_is_refused(cli: Any, place: Path) -> None:
    (place / ".env").write_text("SECRET_API_KEY=changeme\n")
    assert "SECRET_API_KEY" in complaint(cli, code=2)


def test_wrong_settings_are_named(cli: Any, place: Path) -> None:
    (place / "own.toml").write_text("[server]\nprot = 1\n")
    assert "server.prot" in complaint(cli, "--config", "own.toml", code=2)


def test_a_foreign_address_is_refused(cli: Any) -> None:
    assert "192.0.2.1" in complaint(cli, "--host", "192.0.2.1", code=1)


def test_a_data_folder_that_cannot_be_one(cli: Any, place: Path) -> None:
    (place / "file").write_text("")
    assert "--data-dir" in complaint(cli, "--data-dir", "file", code=1)
