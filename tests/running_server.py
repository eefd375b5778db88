"""`roundhouse run` in a process of its own."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roundhouse.core.settings import LEGACY_ENV

KEY = re.compile(r"\brh_[0-9a-z]+_[0-9A-Za-z_-]{20,}")


class Running:
    """A started server and what it has printed."""

    def __init__(self, process: subprocess.Popen[str], out: str) -> None:
        self.process = process
        self.out = out
        self.url = re.search(r"Address\s+(http://\S+)/v1", out)[1]

    def get(self, path: str, key: str = "") -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        self.out += out
        return self.process.returncode, err


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in LEGACY_ENV}
    kept = {name: value for name, value in kept.items() if not name.startswith("ROUNDHOUSE_")}
    # Most tests need no second process; those of the executor ask for it.
    usual = {"ROUNDHOUSE_ENGINE__DISCOVER": "false", "ROUNDHOUSE_JOBS__EXECUTOR": "false"}
    return kept | usual | more


def start(folder: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "roundhouse", "run", *words],
        cwd=folder,
        env=environment(**env),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextmanager
def running(folder: Path, *words: str, **env: str) -> Iterator[Running]:
    process = start(folder, "--port", "0", *words, **env)
    try:
        yield Running(process, _summary(process))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _summary(process: subprocess.Popen[str]) -> str:
    """What is printed once it serves; it ends with an empty line."""
    assert process.stdout is not None
    found = ""
    while "Docs" not in found or not found.endswith("\n\n"):
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended: {process.communicate()}")
        found += line
    return found


def refused(folder: Path, *words: str, **env: str) -> tuple[int, str]:
    process = start(folder, *words, **env)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert "Traceback" not in err
    return process.returncode, err


def good(result: Any) -> str:
    """What a command printed; it must have ended well."""
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def as_json(result: Any) -> Any:
    return json.loads(good(result))
