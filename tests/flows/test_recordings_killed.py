"""The executor is killed -9 in the middle of recordings: none is lost, and no finished stage is done again."""

from __future__ import annotations

import http.client
import json
import os
import random
import secrets
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from running_server import KEY, Running, running

CLIP = Path(__file__).parents[1] / "audio_clips" / "meeting.ogg"
FAKE = [
    {
        "name": "ears",
        "kind": "fake",
        "models": ["tiny"],
        "options": {
            "reply": "we start on monday|we hire two engineers|the customer wants a refund",
            "delay_s": 0.3,
        },
    }
]
ENV = {
    "ROUNDHOUSE_JOBS__EXECUTOR": "true",
    "ROUNDHOUSE_AUDIO__QUEUE": "gpu",
    "ROUNDHOUSE_PROVIDERS": json.dumps(FAKE),
    "ROUNDHOUSE_LOG__LEVEL": "error",
}
FIELDS = {
    "features": "raw_transcript,clean_transcript,summary",
    "template_id": "meeting_notes",
    "asr_backend": "ears/tiny",
    "model": "roundhouse/extractive",
}


def send(server: Running, key: str) -> str:
    boundary = secrets.token_hex(8)
    lines = []
    for name, value in FIELDS.items():
        lines.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        )
    lines.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="meeting.ogg"\r\n\r\n'.encode()
    )
    body = b"".join([*lines, CLIP.read_bytes(), f"\r\n--{boundary}--\r\n".encode()])
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    headers = {"X-API-Key": key, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    connection.request("POST", "/v1/process", body, headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    assert answer.status == 202, told
    return str(told["task_id"])


def kill_executor(server: Running, key: str) -> bool:
    executors = server.get("/v1/jobs/stats", key)[1]["executors"]
    for one in executors:
        try:
            os.kill(one["pid"], signal.SIGKILL)
        except ProcessLookupError:
            return False
    return bool(executors)


def survive(server: Running, key: str, chance: random.Random, kills: int) -> tuple[Any, int]:
    """Status of a recording whose executor is killed so often, and how often it was."""
    task_id = send(server, key)
    ended_at: dict[str, str] = {}
    due_s = time.monotonic() + chance.uniform(0.05, 2.0)
    killed = 0
    for _ in range(3000):
        job = server.get(f"/v1/jobs/{task_id}", key)[1]
        for stage in job["stages"]:
            if stage["name"] in ended_at:
                assert (stage["state"], stage["ended_at"]) == ("completed", ended_at[stage["name"]]), stage
            elif stage["state"] == "completed":
                ended_at[stage["name"]] = stage["ended_at"]
        if job["state"] in ("completed", "failed", "cancelled"):
            break
        if killed < kills and job["state"] == "running" and time.monotonic() >= due_s:
            killed += kill_executor(server, key)
            due_s = time.monotonic() + chance.uniform(0.05, 2.0)
        time.sleep(0.02)
    return server.get(f"/v1/status/{task_id}", key)[1], killed


def campaign(folder: Path, rounds: int, seed: int, **more: str) -> int:
    chance = random.Random(seed)
    results = set()
    killed = 0
    with running(folder, **ENV, **more) as server:
        (key,) = KEY.findall(server.out)
        while killed < rounds:
            status, times = survive(server, key, chance, kills=min(2, rounds - killed))
            assert status["status"] == "COMPLETE", status["error"]
            results.add(json.dumps(status["results"], sort_keys=True))
            killed += times
    assert len(results) == 1
    return killed


def test_a_few_kills(tmp_path: Path) -> None:
    assert campaign(tmp_path, 2, 1) == 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_two_hundred_kills(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> None:
    more = {}
    if database == "postgresql":
        more["ROUNDHOUSE_DB__URL"] = request.getfixturevalue("postgres_server").make()
    assert campaign(tmp_path, 200, 2, **more) >= 200
