"""Speakers told apart by their voices, through the whole product."""

from __future__ import annotations

from executing import ended, executing
from flows.test_recordings import CLIPS, send
from serving import House

FAKES = [
    {
        "name": "ears",
        "kind": "fake",
        "models": ["tiny"],
        "options": {"reply": "good morning who is there | it is me"},
    },
    {"name": "voices", "kind": "fake", "models": ["diarizer"], "options": {"reply": "A|A|A|B"}},
]


async def test_who_says_what(tmp_path):
    async with House(tmp_path, providers=FAKES, audio={"queue": "io"}) as house, executing(house):
        answer = await send(
            house, file=CLIPS / "monday.ogg", asr_backend="ears/tiny", diarize="true", num_speakers="2"
        )
        assert answer.status == 202, answer.body
        job = await ended(house, answer.json()["task_id"])
        assert job["state"] == "completed", job["error"]
        status = (await house.get(f"/v1/status/{job['id']}")).json()
        assert status["versions"]["speakers"]["backend"] == "voices/diarizer"
        page = (await house.get(f"/v1/recordings/{job['id']}/segments")).json()["data"]
        assert [(one["speaker"], one["text"]) for one in page] == [
            ("Speaker 1", "good morning who is there"),
            ("Speaker 1", "it"),
            ("Speaker 2", "is me"),
        ]
        subtitles = (await house.get(f"/v1/recordings/{job['id']}/export?format=vtt")).body.decode()
        assert "Speaker 2" in subtitles
        (model,) = [
            one for one in (await house.get("/v1/models")).json()["data"] if one["id"] == "voices/diarizer"
        ]
        assert model["object"] == "model"
