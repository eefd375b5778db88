"""Recordings in an installation that is to be broken: sending them, following them, and what came of them."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np

from faults.product import KEY, Product
from faults.truth import ENDED, Truth

CLIP = Path(__file__).parents[1] / "audio_clips" / "meeting.ogg"
RATE_HZ = 8000
STAGES = ("fetch", "prepare", "transcribe", "clean", "summarise", "finish")
SAID = "we start on monday|we hire two engineers|the customer wants a refund"
SUMMARY = {
    "summary": "Two engineers are hired.",
    "participants": [],
    "topics": [],
    "decisions": [{"decision": "Two engineers are hired.", "quote": None}],
    "action_items": [],
    "open_questions": [],
    "quotes": [],
}
FIELDS = {
    "features": "raw_transcript,clean_transcript,summary",
    "template_id": "meeting_notes",
    "asr_backend": "ears/tiny",
    "model": "mouth/tiny",
}
"""Of a form. The model's answer is no clean text, so the rules clean, after it was asked."""


def settings(folder: Path, delay_s: float) -> dict[str, str]:
    """Ears and a language model that take their time: `delay_s` for each of three segments, and for each answer."""
    ears = {"ledger": str(folder / "ears"), "reply": SAID, "delay_s": delay_s}
    mouth = {"reply": json.dumps(SUMMARY), "delay_s": delay_s}
    providers = [
        {"name": "ears", "kind": "evidence", "models": ["tiny"], "options": ears},
        {"name": "mouth", "kind": "fake", "models": ["tiny"], "options": mouth},
    ]
    return {
        "PROVIDERS": json.dumps(providers),
        "LOG__LEVEL": "warning",
        "OUTBOUND__ALLOW_NETWORKS": '["127.0.0.0/8"]',
    }


@dataclass(frozen=True)
class Ear:
    """One line of the recogniser's ledger: `hear` at its begin, `heard` for each segment, `end`."""

    at_s: float
    job_id: str
    pid: int
    what: str


def ears(folder: Path) -> list[Ear]:
    """Every whole line."""
    path = folder / "ears"
    if not path.exists():
        return []
    words = (line.split(" ") for line in path.read_text().splitlines())
    return [Ear(float(one[0]), one[1], int(one[2]), one[3]) for one in words]


def heard_one_at_a_time(folder: Path) -> dict[str, set[int]]:
    """Assert that nothing is begun to be heard while something else is; who heard each recording.

    Whoever was killed wrote no end: what the next one hears then must not be heard by the dead one any more.
    """
    open_: dict[int, str] = {}
    by: dict[str, set[int]] = {}
    for one in ears(folder):
        if one.what == "hear":
            alive = [pid for pid in open_ if pid == one.pid or Path(f"/proc/{pid}").exists()]
            assert not alive, f"{one.job_id} is heard while {open_} are"
            open_ = {one.pid: one.job_id}
            by.setdefault(one.job_id, set()).add(one.pid)
        else:
            assert open_.get(one.pid) == one.job_id, f"{one}, while {open_} are heard"
            if one.what == "end":
                del open_[one.pid]
    return by


def ask(
    product: Product, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=60)
    try:
        sent = {"Authorization": f"Bearer {KEY}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def form(content: bytes | None = None, **fields: str) -> tuple[bytes, str]:
    """A form with a file, or without one, and its content type."""
    boundary = secrets.token_hex(8)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (FIELDS | fields).items()
    ]
    if content is not None:
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="meeting.ogg"\r\n\r\n'.encode()
        )
        parts.append(content + b"\r\n")
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def send(product: Product, content: bytes | None = None, **fields: str) -> str:
    """Have a recording accepted; the id of its job."""
    body, kind = form(content, **fields)
    status, answer = ask(product, "POST", "/v1/process", body, Content_Type=kind)
    assert status == 202, answer
    return str(json.loads(answer)["task_id"])


def outcome(product: Product, task_id: str) -> str:
    """All that users can take away of a recording, in one text; nothing in it depends on when it was made."""
    status, answer = ask(product, "GET", f"/v1/status/{task_id}")
    told = json.loads(answer)
    assert (status, told["status"]) == (200, "COMPLETE"), answer
    segments = json.loads(ask(product, "GET", f"/v1/recordings/{task_id}/segments")[1])["data"]
    subtitles = ask(product, "GET", f"/v1/recordings/{task_id}/export?format=srt")[1].decode()
    return json.dumps([told["results"], segments, subtitles], sort_keys=True)


class Watch:
    """One job, looked at in the database itself.

    Args:
        product: Whose.
        truth: Its database.
        job_id: Which.
    """

    def __init__(self, product: Product, truth: Truth, job_id: str) -> None:
        self.job_id = job_id
        self._product = product
        self._truth = truth

    def states(self) -> dict[str, str]:
        """Of the stages, as users are told."""
        (row,) = self._truth.rows(f"SELECT stages FROM jobs WHERE id = '{self.job_id}'")
        stages = row["stages"]
        return {
            one["name"]: one["state"] for one in (json.loads(stages) if isinstance(stages, str) else stages)
        }

    def recorded(self) -> dict[str, int]:
        """Stages that are recorded as finished, each with its run."""
        return {
            stage: min(runs)
            for (job_id, stage), runs in self._truth.records(self.job_id).items()
            if job_id == self.job_id
        }

    def ended(self) -> str | None:
        """The state it ended in; None = it goes on."""
        (row,) = self._truth.rows(f"SELECT state FROM jobs WHERE id = '{self.job_id}'")
        return row["state"] if row["state"] in ENDED else None

    def kill(self) -> bool:
        """Kill (-9) the executor that has it; False when none has."""
        found = self._truth.rows(
            f"SELECT pid FROM executors JOIN jobs ON jobs.executor_id = executors.id WHERE jobs.id = '{self.job_id}'"
        )
        if not found:
            return False
        pid = int(found[0]["pid"])
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            # The supervisor replaces its own; this one is ours to replace.
            for extra in [one for one in self._product.extras if one.pid == pid]:
                extra.wait(10)
                self._product.extras.remove(extra)
                self._product.start_executor()
            return True
        return False


@contextmanager
def slow_server(content: bytes, pieces: int = 4, pause_s: float = 0.1) -> Iterator[str]:
    """An address under which a recording is given out slowly."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            size = len(content) // pieces + 1
            with suppress(ConnectionError):
                for at in range(0, len(content), size):
                    time.sleep(pause_s)
                    self.wfile.write(content[at : at + size])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/meeting.ogg"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def silence(path: Path, hours: float) -> Path:
    """Much silence in a small file, FLAC."""
    minute = np.zeros((1, 60 * RATE_HZ), np.int16)
    with av.open(str(path), "w", format="flac") as media:
        stream = media.add_stream("flac", rate=RATE_HZ, layout="mono")
        for number in range(int(hours * 60)):
            frame = av.AudioFrame.from_ndarray(minute, "s16", "mono")
            frame.sample_rate, frame.pts = RATE_HZ, number * 60 * RATE_HZ
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    return path
