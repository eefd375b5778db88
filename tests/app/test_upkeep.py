"""The clean-up of an installation whose server runs: an unfinished recording keeps its sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features.knowledge.files.house import BOUNDARY, form
from roundhouse.app.upkeep import open_upkeep
from serving import House

CLIP = Path(__file__).parents[1] / "audio_clips" / "monday.ogg"


async def test_an_unfinished_recording_keeps_its_sound(tmp_path: Path) -> None:
    async with House(tmp_path / "data") as house:
        body = form(("features", b"raw_transcript"), ("file", "monday.ogg", CLIP.read_bytes()))
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        accepted = await house.send("POST", "/v1/process", data=body, headers=headers)
        assert accepted.status == 202, accepted.body
        task_id = accepted.json()["task_id"]
        (file,) = (await house.get("/v1/files")).json()["data"]

        async def cleaned() -> list[tuple[str, str]]:
            async with open_upkeep(house.settings) as upkeep:
                report = await upkeep.cleaning.clean(["audio"], days=0)
            assert report.kept == []
            return [(one.kind, one.name) for one in report.removed]

        assert await cleaned() == []
        assert (await house.get(f"/v1/files/{file['id']}")).status == 200
        assert (await house.post(f"/v1/jobs/{task_id}/cancel")).status == 200
        assert await cleaned() == [("recording", file["id"])]
        assert (await house.get(f"/v1/files/{file['id']}")).status == 404
        status: Any = (await house.get(f"/v1/status/{task_id}")).json()
        assert status["status"] == "FAILED"
