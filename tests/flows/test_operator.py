"""What an operator asks of the whole product: the disk, clean-ups, kinds of jobs, and how it was lately."""

from __future__ import annotations

import os

import pytest
import pytest_asyncio

from executing import ended, executing, submitted
from flows.calls import CHAT, make
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("operator") / "data") as made:
        yield made


async def test_a_clean_up_is_planned_and_done(house):
    logs = house.settings.log_dir
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "roundhouse-old.log").write_text("x" * 100)
    os.utime(logs / "roundhouse-old.log", (1.0, 1.0))
    use = (await house.get("/v1/system/disk")).json()
    assert next(part["size_bytes"] for part in use["parts"] if part["name"] == "logs") >= 100
    plan = (await house.get("/v1/system/cleanup?part=logs&part=cache")).json()
    assert plan["kinds"] == [{"kind": "log", "count": 1, "size_bytes": 100}]
    assert (logs / "roundhouse-old.log").exists()
    job_id = submitted(await house.post("/v1/system/cleanup", {"parts": ["logs"]}))
    async with executing(house):
        job = await ended(house, job_id)
    assert job["result"] == {"count": 1, "size_bytes": 100, "kinds": plan["kinds"], "kept": []}
    assert [stage["name"] for stage in job["stages"]] == ["logs", "audio", "cache", "summary"]
    assert not (logs / "roundhouse-old.log").exists()


@pytest.mark.parametrize("body", [{"parts": []}, {"parts": ["all"]}, {"days": -1}, {"older": 1}])
async def test_a_clean_up_that_makes_no_sense(house, body):
    answer = await house.post("/v1/system/cleanup", body)
    assert (answer.status, answer.code) == (422, "unprocessable")


async def test_only_admins_clean(house):
    key = (await make(house, scopes=["ops", "jobs:write"]))["key"]
    assert (await house.get("/v1/system/disk", key=key)).status == 200
    assert (await house.get("/v1/system/cleanup", key=key)).status == 403
    assert (await house.post("/v1/system/cleanup", {}, key=key)).status == 403


async def test_kinds_of_jobs(house):
    kinds = (await house.get("/v1/jobs/kinds")).json()["data"]
    names = [one["kind"] for one in kinds]
    assert names == sorted(names)
    (pull,) = [one for one in kinds if one["kind"] == "model.pull"]
    assert (pull["queue"], pull["submittable"]) == ("io", False)
    assert "download" in pull["stages"]


async def test_how_it_was_lately(house):
    await house.app.history.look()
    found = (await house.get("/v1/system/history?minutes=10")).json()
    assert (found["step_s"], found["every_s"]) == (5, 5)
    seen = {(one["name"], one["of"]): one for one in found["series"]}
    memory = seen["memory_used_mib", "cpu"]
    assert (memory["unit"], len(memory["values"])) == ("mib", 120)
    # The span that goes on has been looked at, those before the start have not.
    assert memory["values"][0] is None
    assert [value for value in memory["values"] if value is not None] != []
    assert {of for name, of in seen if name == "jobs"} == {"queued", "running", "waiting"}
    assert seen["requests_in_flight", None]["values"][-1] == 0
    for minutes in ("0", "1441"):
        assert (await house.get(f"/v1/system/history?minutes={minutes}")).status == 422


async def test_usage_over_time(house):
    assert (await house.post("/v1/chat/completions", CHAT)).status == 200
    await house.app.usage.flush()
    found = (await house.get("/v1/usage/series?step_s=86400")).json()
    assert (found["object"], found["step_s"], len(found["data"])) == ("usage.series", 86_400, 31)
    last = found["data"][-1]
    assert (last["requests"], last["errors"]) == (1, 0)
    assert last["duration_p50_ms"] == last["duration_p95_ms"]
    assert (await house.get("/v1/usage/series?step_s=1")).code == "bad_input"


async def test_the_audit_log_tells_before_and_after(house):
    made = await make(house, name="before", budget_tokens=1000)
    assert (await house.send("PATCH", f"/v1/keys/{made['id']}", {"name": "after"})).status == 200
    found = (await house.get(f"/v1/audit?action=key&target={made['id']}&from=2020-01-01")).json()["data"]
    assert [row["action"] for row in found] == ["key.update", "key.create"]
    assert found[0]["detail"] == {"before": {"name": "before"}, "after": {"name": "after"}}
    assert (await house.get("/v1/audit?action=Key.*")).code == "unprocessable"
    (budget,) = (await house.get("/v1/usage/budgets")).json()["data"]
    assert (budget["name"], budget["budget_tokens"], budget["used_tokens"]) == ("after", 1000, 0)
    for number, targets in enumerate((["roundhouse/extractive"], ["roundhouse/minilm"])):
        answer = await house.send("PUT", "/v1/aliases/mine", {"targets": targets})
        assert answer.status == 200, (number, answer.body)
    last = (await house.get("/v1/audit?action=alias.replace&limit=1")).json()["data"][0]["detail"]
    assert last["before"]["targets"] == ["roundhouse/extractive"]
    assert last["after"]["targets"] == ["roundhouse/minilm"]
