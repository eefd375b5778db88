"""Uploads and downloads one small and one large file; tells speed, the server's peak memory, and other requests' times.

Linux only: memory is read from `/proc`.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

MIB = 1024 * 1024
SMALL_MIB = 10
BOUNDARY = "roundhouse-bench"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


class Server:
    """`roundhouse run` in a process of its own, with a fresh data folder."""

    def __init__(self, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDHOUSE_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "roundhouse", "run", "--port", "0"],
            cwd=folder,
            env=kept | {"ROUNDHOUSE_ENGINE__DISCOVER": "false", "ROUNDHOUSE_JOBS__EXECUTOR": "false"},
            stdout=subprocess.PIPE,
            text=True,
        )
        told = ""
        assert self.process.stdout is not None
        while "Docs" not in told or not told.endswith("\n\n"):
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"the server ended: {told}")
            told += line
        self.key = re.search(r"\brh_[0-9a-z]+_[0-9A-Za-z_-]{20,}", told)[0]  # type: ignore[index]
        self.address = urlsplit(re.search(r"Address\s+(http://\S+)", told)[1]).netloc  # type: ignore[index]

    def connect(self) -> http.client.HTTPConnection:
        """A connection that waits ten minutes at most."""
        return http.client.HTTPConnection(self.address, timeout=600)

    def upload(self, size_mib: int, block: bytes) -> tuple[str, float]:
        """Id of the new file, and seconds until its answer."""
        connection = self.connect()
        started_s = time.perf_counter()
        connection.putrequest("POST", "/v1/files")
        connection.putheader("Authorization", f"Bearer {self.key}")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        connection.putheader("Content-Length", str(len(HEAD) + size_mib * MIB + len(TAIL)))
        connection.endheaders(HEAD)
        for _ in range(size_mib):
            connection.send(block)
        connection.send(TAIL)
        answer = json.loads(connection.getresponse().read())
        taken_s = time.perf_counter() - started_s
        assert answer["bytes"] == size_mib * MIB, answer
        return answer["id"], taken_s

    def download(self, file_id: str) -> tuple[str, float]:
        """SHA-256 of the content, and seconds until its end."""
        connection = self.connect()
        started_s = time.perf_counter()
        headers = {"Authorization": f"Bearer {self.key}"}
        connection.request("GET", f"/v1/files/{file_id}/content", headers=headers)
        answer, found = connection.getresponse(), hashlib.sha256()
        while piece := answer.read(MIB):
            found.update(piece)
        return found.hexdigest(), time.perf_counter() - started_s

    def forget_peak(self) -> None:
        """Count the peak of the memory anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def memory_mib(self, which: str) -> float:
        """`VmRSS` or `VmHWM`, MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+) kB", text)[1]) / 1024  # type: ignore[index]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate()


@contextmanager
def asking(server: Server) -> Iterator[list[float]]:
    """Milliseconds of requests that another client makes meanwhile, one after the other, 200 a second at most."""
    times_ms: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        connection = server.connect()
        headers = {"Authorization": f"Bearer {server.key}"}
        while not stop.is_set():
            started_s = time.perf_counter()
            connection.request("GET", "/v1/quotas/me", headers=headers)
            connection.getresponse().read()
            times_ms.append((time.perf_counter() - started_s) * 1000)
            stop.wait(0.005)
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield times_ms
    finally:
        stop.set()
        thread.join()


def percentile(times_ms: list[float], share: float) -> float:
    """The time that this share of them stays below."""
    ordered = sorted(times_ms)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def disk_mib_s(folder: Path, size_mib: int, block: bytes) -> float:
    """How fast this disk takes a file, hashed and synced, by a plain program."""
    found = hashlib.sha256()
    started_s = time.perf_counter()
    with (folder / "plain").open("wb", buffering=0) as file:
        for _ in range(size_mib):
            found.update(block)
            file.write(block)
        os.fsync(file.fileno())
    taken_s = time.perf_counter() - started_s
    (folder / "plain").unlink()
    return size_mib / taken_s


def measure(folder: Path, size_mib: int) -> dict[str, float]:
    """All figures by what they tell."""
    block = b"0123456789abcdef" * (MIB // 16)
    server = Server(folder)
    try:
        with asking(server) as idle_ms:
            time.sleep(2)
        server.upload(SMALL_MIB, b"a" * MIB)
        server.forget_peak()
        _, small_s = server.upload(SMALL_MIB, b"b" * MIB)
        small_peak = server.memory_mib("VmHWM")
        server.forget_peak()
        file_id, large_s = server.upload(size_mib, block)
        large_peak = server.memory_mib("VmHWM")
        server.forget_peak()
        digest, down_s = server.download(file_id)
        down_peak = server.memory_mib("VmHWM")
        whole = hashlib.sha256()
        for _ in range(size_mib):
            whole.update(block)
        assert digest == whole.hexdigest()
        with asking(server) as busy_ms:
            server.upload(size_mib, block[::-1])
    finally:
        server.stop()
    return {
        "upload of the small file, MiB/s": SMALL_MIB / small_s,
        "upload of the large file, MiB/s": size_mib / large_s,
        "a plain program that hashes, writes and syncs it, MiB/s": disk_mib_s(folder, size_mib, block),
        "download of the large file, MiB/s": size_mib / down_s,
        "peak memory with the small upload, MiB": small_peak,
        "peak memory with the large upload, MiB": large_peak,
        "ratio of the two": large_peak / small_peak,
        "peak memory with the download, MiB": down_peak,
        "other requests when idle, p50 ms": percentile(idle_ms, 0.5),
        "other requests when idle, p99 ms": percentile(idle_ms, 0.99),
        "other requests during an upload, p50 ms": percentile(busy_ms, 0.5),
        "other requests during an upload, p99 ms": percentile(busy_ms, 0.99),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the large file")
    parser.add_argument("--folder", type=Path, default=None, help="where the data folder is made")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for name, value in measure(Path(folder), chosen.mib).items():
            print(f"{name:<60}{value:>10.2f}")
