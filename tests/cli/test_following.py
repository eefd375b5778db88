"""Following a job over cuts, restarts and errors: each event once, and no longer than there is a reason to wait."""

import asyncio
import json
from typing import Any

import pytest

from raw_http import answer, raw_server
from roundhouse.cli.client import Client
from roundhouse.cli.exits import Stop
from roundhouse.cli.following import check_ended_well, events, watch

OURS = b"x-request-id: req_1"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_1\r\n\r\n"
GONE = b"HTTP/1.1 204 No Content\r\nx-request-id: req_1\r\n\r\n"


def told(number: int, kind: str, **data: Any) -> bytes:
    known = {"state": "running", "stage": None, "progress": 0.0, "message": "", "attempts": 0}
    value = {"at": f"2026-01-01T00:00:{number:02}Z", "data": known | data}
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(value)}\n\n".encode()


def job(**changes: Any) -> bytes:
    known = {"id": "job_x", "state": "running", "ended_at": None, "error": None, "history": []}
    return answer(json.dumps(known | changes).encode(), OURS)


class Scripted:
    """Answers one request after the other for the stream, and always the same for the job."""

    def __init__(self, *streams: bytes, about: bytes | None = None) -> None:
        self.streams = list(streams)
        self.about = about or job()
        self.asked: list[str | None] = []

    async def __call__(self, _: Any, peer: Any) -> None:
        request = (await peer.request()).decode()
        if "/events" not in request:
            await peer.write(self.about)
            return
        head = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
        self.asked.append(head.get("Last-Event-ID"))
        await peer.write(self.streams.pop(0))
        peer.writer.close()


async def followed(script: Scripted, patience_s: float = 2.0) -> tuple[list[str], list[float]]:
    slept: list[float] = []
    async with raw_server(script) as server:
        client = Client(server.url, "")

        def run() -> list[str]:
            return [one.type for one in events(client, "job_x", patience_s=patience_s, sleep=slept.append)]

        return await asyncio.to_thread(run), slept


async def test_a_stream_that_is_cut_is_taken_up_again() -> None:
    script = Scripted(
        STREAM + told(1, "job.queued") + told(2, "job.started"),
        answer(b'{"error":{"code":"shutting_down"}}', OURS, b"x-should-retry: true", status=b"503 No"),
        b"",
        STREAM + told(5, "job.progress") + told(9, "job.completed"),
    )
    found, slept = await followed(script)
    assert found == ["job.queued", "job.started", "job.progress", "job.completed"]
    assert script.asked == [None, "2", "2", "2"]
    assert len(slept) == 3


async def test_a_job_that_is_queued_again_after_its_end_is_followed_on() -> None:
    script = Scripted(
        STREAM + told(1, "job.failed") + told(2, "job.queued"), STREAM + told(3, "job.completed")
    )
    assert (await followed(script))[0] == ["job.failed", "job.queued", "job.completed"]


async def test_a_job_whose_last_events_are_deleted_has_ended() -> None:
    script = Scripted(GONE, about=job(state="completed", ended_at="2026-01-01T00:00:00Z"))
    assert await followed(script) == ([], [])
    script = Scripted(STREAM + told(1, "job.started"), GONE, about=job(ended_at=None))
    script.about = job(state="failed", ended_at="2026-01-01T00:00:00Z")
    assert (await followed(script))[0] == ["job.started"]


async def test_a_server_that_stays_away_ends_it() -> None:
    script = Scripted(STREAM + told(1, "job.started"), *[b""] * 9)
    with pytest.raises(Stop, match="No Roundhouse answers"):
        await followed(script)
    assert script.asked == [None, "1", "1", "1", "1"]


async def test_an_error_that_lasts_ends_it_at_once() -> None:
    refused = answer(b'{"error":{"code":"not_found","message":"No job."}}', OURS, status=b"404 Not Found")
    script = Scripted(refused)
    with pytest.raises(Stop, match="No job"):
        await followed(script)
    assert len(script.asked) == 1


async def test_what_a_person_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    script = Scripted(
        STREAM
        + told(1, "job.failed")
        + told(2, "job.queued", state="queued")
        + told(3, "job.started", stage="download")
        + told(4, "job.progress", stage="download", message="pulling 1 of 2 GB", progress=0.5)
        + told(5, "job.queued", state="queued", attempts=1)
        + told(6, "job.waiting", state="waiting", waiting_for="approval")
        + told(7, "job.cancel_requested")
        + told(8, "job.cancelled", state="cancelled"),
        about=job(
            state="cancelled", history=[{"error": {"message": "The server is down."}}, {"error": None}]
        ),
    )
    async with raw_server(script) as server:
        client = Client(server.url, "")
        ended = await asyncio.to_thread(watch, client, "job_x", "tiny", "2026-01-01T00:00:02+00:00")
    assert ended["state"] == "cancelled"
    assert capsys.readouterr().err.splitlines() == [
        "queued",
        "download",
        "pulling 1 of 2 GB",
        "to be tried again: The server is down.",
        "waits for approval",
        "stopping",
        "cancelled",
    ]


def test_only_a_job_that_completed_ended_well() -> None:
    check_ended_well({"id": "job_x", "state": "completed"})
    with pytest.raises(Stop, match=r"Too large\. \[does_not_fit, job_x\]"):
        check_ended_well(
            {"id": "job_x", "state": "failed", "error": {"code": "does_not_fit", "message": "Too large."}}
        )
    with pytest.raises(Stop, match="cancelled"):
        check_ended_well({"id": "job_x", "state": "cancelled"})
