"""Whole ingestion, from the upload until it is found, beside MarkItDown and Chroma on the same files in one run.

`python -m bench.knowledge.ingestion` from the root of the repository; see README.md there.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from bench.audio.service import Service
from bench.knowledge.pages import FORMS, make
from bench.knowledge.vectors import peer_python

HERE = Path(__file__).parent
_UPLOADS = 4
_LOOK_S = 0.05


class Store:
    """A new vector store of a running server, and what comes into it."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._id = self._ask("POST", "/v1/vector_stores", {"name": name})["id"]

    def take(self, files: Sequence[Path]) -> None:
        """Upload files and wait until all of them are found."""
        with ThreadPoolExecutor(_UPLOADS) as threads:
            ids = list(threads.map(self._upload, files))
        path = f"/v1/vector_stores/{self._id}/file_batches"
        batch = self._ask("POST", path, {"file_ids": ids})
        while batch["status"] == "in_progress":
            time.sleep(_LOOK_S)
            batch = self._ask("GET", f"{path}/{batch['id']}")
        if batch["file_counts"]["completed"] != len(files):
            raise SystemExit(f"not all were taken in: {batch}")

    def passages(self) -> int:
        """How many there are."""
        page = self._ask("GET", f"/v1/vector_stores/{self._id}/files?limit=100")
        return sum(one["progress"]["passages_total"] for one in page["data"])

    def _upload(self, path: Path) -> str:
        boundary = secrets.token_hex(8)
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="'
        head = f'{part}purpose"\r\n\r\nassistants\r\n{part}file"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        told = self._send("POST", "/v1/files", body, f"multipart/form-data; boundary={boundary}")
        return str(told["id"])

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        return self._send(method, path, sent, "application/json")

    def _send(self, method: str, path: str, body: bytes | None, kind: str) -> Any:
        connection = self._service.connect()
        try:
            headers = {"Authorization": f"Bearer {self._service.key}"}
            if body is not None:
                headers["Content-Type"] = kind
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {told}")
        return told


def cpu_s(root: psutil.Process) -> float:
    """CPU of a process, of all below it, and of those of them that have ended."""
    total = 0.0
    for one in (root, *root.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def ours(folder: Path, forms: Sequence[str], warm: Mapping[str, Path]) -> dict[str, Any]:
    """Each format into a store of its own of one server, which has read a file of each before."""
    answer = {}
    home = folder / "roundhouse"
    home.mkdir()
    with Service(home) as service:
        Store(service, "warm").take(list(warm.values()))
        root = psutil.Process(service.server.pid)
        for form in forms:
            store = Store(service, form)
            begun_s, begun_cpu_s = time.perf_counter(), cpu_s(root)
            store.take(sorted(folder.glob(f"{form}-*.{form}")))
            wall_s = time.perf_counter() - begun_s
            answer[form] = {
                "wall_s": wall_s,
                "cpu_s": cpu_s(root) - begun_cpu_s,
                "passages": store.passages(),
            }
    return answer


def theirs(folder: Path, forms: Sequence[str]) -> dict[str, Any]:
    """The same with MarkItDown and Chroma, in one process."""
    python = peer_python(HERE.parents[1] / ".venv-bench-ingestion", HERE / "requirements-ingestion.txt")
    patterns = {f"{form}-*.{form}": form for form in forms}
    # Only for the embedding model; what Roundhouse has installed is not there.
    source = str(HERE.parents[1] / "src")
    environment = os.environ | {"PYTHONPATH": source, "ANONYMIZED_TELEMETRY": "False"}
    command = [str(python), str(HERE / "peer_markitdown.py"), str(folder), *patterns]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    told = json.loads(ended.stdout.splitlines()[-1])
    return {form: told[pattern] for pattern, form in patterns.items()}


def report(pages: int, ours_: Mapping[str, Any], theirs_: Mapping[str, Any]) -> list[str]:
    """The table, as Markdown."""
    lines = [
        "| | pages | ours, pages/s | theirs, pages/s | beside | ours, CPU ms a page | theirs | passages |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for form, mine in ours_.items():
        other = theirs_[form]
        speed = [pages / one["wall_s"] for one in (mine, other)]
        cost = [one["cpu_s"] * 1000 / pages for one in (mine, other)]
        lines.append(
            f"| {form} | {pages} | {speed[0]:.1f} | {speed[1]:.1f} | {speed[0] / speed[1]:.2f} times as many "
            f"| {cost[0]:.0f} | {cost[1]:.0f} | {mine['passages']} and {other['passages']} |"
        )
    return lines


def main() -> int:
    """Make files, take them in, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m bench.knowledge.ingestion", description=__doc__)
    parser.add_argument("--files", type=int, default=20, help="of each format")
    parser.add_argument("--pages", type=int, default=25, help="of each file")
    parser.add_argument("--formats", nargs="+", choices=list(FORMS), default=list(FORMS))
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    for number in range(given.rounds):
        with tempfile.TemporaryDirectory(prefix="bench-ingestion-") as made:
            folder = Path(made)
            warm = folder / "warm"
            warm.mkdir()
            first = {form: make(warm, form, 1, 1, -1)[0] for form in given.formats}
            for form in given.formats:
                make(folder, form, given.files, given.pages, number)
            # The next round the other way round: what else the machine does is not always with the same one.
            if number % 2:
                other, mine = theirs(folder, given.formats), ours(folder, given.formats, first)
            else:
                mine, other = ours(folder, given.formats, first), theirs(folder, given.formats)
        print("\n".join(report(given.files * given.pages, mine, other)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
