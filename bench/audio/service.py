"""The product in a process of its own, and a client that sends recordings."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_PIECE_BYTES = 1024 * 1024
_ENDS = (b"event: job.completed", b"event: job.failed", b"event: job.cancelled")


class Service:
    """`roundhouse run` with its executor and a fresh data folder; a context manager.

    Args:
        folder: Working directory; the data folder is `data` in it.
        **settings: `ROUNDHOUSE_…` without the prefix.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDHOUSE_")}
        usual = {"DATA_DIR": str(folder / "data"), "ENGINE__DISCOVER": "false", "LOG__LEVEL": "error"}
        self._env = kept | {f"ROUNDHOUSE_{name}": value for name, value in (usual | settings).items()}
        self.key = ""
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> float:
        """Start it; seconds until it serves."""
        began_s = time.monotonic()
        self.server = subprocess.Popen(
            [sys.executable, "-m", "roundhouse", "run", "--port", "0"],
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        told = ""
        assert self.server.stdout is not None
        while "Docs" not in told or not told.endswith("\n\n"):
            line = self.server.stdout.readline()
            if not line:
                raise SystemExit(f"the server ended: {told}")
            told += line
        found = re.search(r"\brh_[0-9a-z]+_[0-9A-Za-z_-]{20,}", told)
        self.key = found[0] if found else self.key
        self.address = urlsplit(re.search(r"Address\s+(http://\S+)", told)[1]).netloc  # type: ignore[index]
        while self.ask("GET", "/readyz")[0] != 200:
            time.sleep(0.01)
        return time.monotonic() - began_s

    def stop(self) -> None:
        """End it."""
        self.server.terminate()
        self.server.communicate()

    def connect(self) -> http.client.HTTPConnection:
        """A new connection."""
        return http.client.HTTPConnection(self.address, timeout=600)

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """One request without a body; status and JSON."""
        connection = self.connect()
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {self.key}"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def send(
        self,
        pieces: Iterable[bytes],
        size_bytes: int,
        name: str,
        connection: http.client.HTTPConnection | None = None,
        **fields: str,
    ) -> str:
        """Have a recording accepted; the id of its job."""
        boundary = secrets.token_hex(8)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        )
        head, tail = "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()
        used = connection or self.connect()
        used.putrequest("POST", "/v1/process")
        used.putheader("Authorization", f"Bearer {self.key}")
        used.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
        used.putheader("Content-Length", str(len(head) + size_bytes + len(tail)))
        used.endheaders(head)
        for piece in pieces:
            used.send(piece)
        used.send(tail)
        answer = used.getresponse()
        told = json.loads(answer.read())
        if answer.status != 202:
            raise SystemExit(f"not accepted: {answer.status} {told}")
        if connection is None:
            used.close()
        return str(told["task_id"])

    def process(self, path: Path, **fields: str) -> tuple[float, Any]:
        """A recording from before its upload until it is seen to be complete: seconds, and its status."""
        began_s = time.perf_counter()
        task_id = self.send(_pieces(path), path.stat().st_size, path.name, None, **fields)
        self._follow(task_id)
        wall_s = time.perf_counter() - began_s
        _, told = self.ask("GET", f"/v1/status/{task_id}")
        if told["status"] != "COMPLETE":
            raise SystemExit(f"{path.name}: {told}")
        return wall_s, told

    def _follow(self, task_id: str) -> None:
        """Read the events of a job until its last one: asking again and again would be work of its own."""
        connection = self.connect()
        connection.request(
            "GET", f"/v1/jobs/{task_id}/events", headers={"Authorization": f"Bearer {self.key}"}
        )
        answer = connection.getresponse()
        while line := answer.readline():
            if line.strip() in _ENDS:
                break
        connection.close()

    def memory_mib(self, which: str) -> float:
        """`VmRSS` or `VmHWM` of the API process."""
        text = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+) kB", text)[1]) / 1024  # type: ignore[index]

    def forget_peak(self) -> None:
        """Count the peak of its memory anew."""
        Path(f"/proc/{self.server.pid}/clear_refs").write_text("5")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
