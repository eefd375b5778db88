"""Jobs through the whole product: a download is submitted, seen, followed, stopped and tried again."""

import asyncio
import json
from pathlib import Path

import pytest

from executing import ended, executing, in_state, streaming, submitted
from flows.calls import make
from peers.downloading import DONE_BYTES, TOTAL_BYTES, download_peer
from peers.ollama import ollama_peer
from roundhouse.infra.events.store import NewEvent, append
from serving import House

QUEUED, STARTED, PROGRESS = "job.queued", "job.started", "job.progress"


@pytest.fixture
async def peer():
    async with download_peer() as running:
        yield running


@pytest.fixture
async def house(tmp_path: Path, peer, db_url: str):
    provider = {"name": "held", "kind": "ollama", "url": peer.origin}
    async with House(tmp_path / "data", providers=[provider], db={"url": db_url}) as running:
        yield running


async def test_a_download_is_a_job_that_everybody_can_look_at(house, peer):
    answer = await house.post("/v1/models/pull", {"model_id": "held/big"})
    job_id = submitted(answer)
    job = answer.json()
    assert (job["kind"], job["state"], job["input"]) == ("model.pull", "queued", {"model": "held/big"})
    assert (await house.get(f"/v1/jobs/{job_id}")).json()["position"] == 0
    async with executing(house), streaming(house, f"/v1/jobs/{job_id}/events") as stream:
        assert [(await stream.next())["type"] for _ in range(3)] == [QUEUED, STARTED, PROGRESS]
        job = (await house.get(f"/v1/jobs/{job_id}")).json()
        assert (job["state"], job["stage"], job["progress"]) == ("running", "download", 0.25)
        assert (job["message"], job["position"]) == ("pulling 1.18 of 4.70 GB", None)
        assert job["executor_id"].startswith("exe_")
        peer.go.set()
        events = await stream.rest()
        assert events[-1]["type"] == "job.completed"
        assert events[-1]["data"]["topic"] == job_id
        assert events[-1]["data"]["data"]["run_s"] >= 0
        assert all(one["type"] == PROGRESS for one in events[:-1])
        job = (await house.get(f"/v1/jobs/{job_id}")).json()
        assert job["result"] == {"model": "held/big", "total_bytes": TOTAL_BYTES}
        assert [(stage["name"], stage["state"]) for stage in job["stages"]] == [("download", "completed")]
        assert job["expires_at"] > job["ended_at"] >= job["started_at"] >= job["created_at"]


async def test_a_stream_is_taken_up_after_any_event(house, peer):
    peer.go.set()
    job_id = submitted(await house.post("/v1/models/pull", {"model": "big"}))
    async with executing(house):
        await ended(house, job_id)
        path = f"/v1/jobs/{job_id}/events"
        async with streaming(house, path) as stream:
            every = await stream.rest()
        assert [every[0]["type"], every[-1]["type"]] == [QUEUED, "job.completed"]
        for place, one in enumerate(every):
            async with streaming(house, path, last_id=one["id"]) as stream:
                assert stream.status == (204 if one is every[-1] else 200)
                assert await stream.rest() == every[place + 1 :]
            async with streaming(house, f"{path}?after={one['id']}") as stream:
                assert await stream.rest() == every[place + 1 :]
        refused = await house.get(path, headers={"Last-Event-ID": "soon"})
        assert (refused.status, refused.code) == (422, "unprocessable")
        refused = await house.get(path, headers={"Last-Event-ID": "9" * 19})
        assert (refused.status, refused.code) == (400, "bad_input")


async def test_who_asks_for_the_same_download_gets_the_same_job(house, peer):
    first = submitted(await house.post("/v1/models/pull", {"model": "held/big"}))
    bare = await house.post("/v1/models/pull", {"model": "big"}, headers={"Idempotency-Key": "k"})
    assert submitted(bare) == first
    other = submitted(await house.post("/v1/models/pull", {"model": "held/other"}))
    assert other != first
    async with executing(house):
        await peer.begun(2)
        assert submitted(await house.post("/v1/models/pull", {"model": "held/big"})) == first
        peer.go.set()
        await ended(house, first)
        keyed = {"headers": {"Idempotency-Key": "mine"}}
        second = submitted(await house.post("/v1/models/pull", {"model": "held/big"}, **keyed))
        assert second != first
        await ended(house, second)
        assert submitted(await house.post("/v1/models/pull", {"model": "held/big"}, **keyed)) == second
        clash = await house.post("/v1/models/pull", {"model": "held/other"}, **keyed)
        assert (clash.status, clash.code) == (409, "conflict")


async def test_what_cannot_be_is_refused_at_once(house):
    key = (await make(house, scopes=["models:write"], models=["held/mine"]))["key"]
    for name, made_by, status, code in (
        ("held/other", key, 403, "not_allowed"),
        ("roundhouse/minilm", None, 400, "not_supported"),
    ):
        for stream in (False, True):
            body = {"model": name, "stream": stream}
            answer = await house.post("/v1/models/pull", body, key=made_by)
            assert (answer.status, answer.code) == (status, code)
    assert (await house.get("/v1/jobs")).json()["data"] == []
    assert (await house.get("/v1/audit")).json()["data"][0]["action"] == "key.create"


async def test_a_stop_reaches_the_model_server_and_a_retry_begins_again(house, peer):
    job_id = submitted(await house.post("/v1/models/pull", {"model": "held/big"}))
    async with executing(house):
        await peer.begun()
        asked = await house.post(f"/v1/jobs/{job_id}/cancel")
        assert asked.status == 200
        assert await peer.client_left()
        job = await ended(house, job_id)
        assert (job["state"], job["error"]) == ("cancelled", None)
        assert [one["outcome"] for one in job["history"]] == ["cancelled"]
        assert (await house.post(f"/v1/jobs/{job_id}/cancel")).json()["state"] == "cancelled"
        peer.go.set()
        again = await house.post(f"/v1/jobs/{job_id}/retry")
        assert (again.status, again.json()["state"]) == (200, "queued")
        assert (await ended(house, job_id))["state"] == "completed"
        late = await house.post(f"/v1/jobs/{job_id}/retry")
        assert (late.status, late.code) == (409, "conflict")
        async with streaming(house, f"/v1/jobs/{job_id}/events") as stream:
            types = [one["type"] for one in await stream.rest() if one["type"] != PROGRESS]
        stopped = [QUEUED, STARTED, "job.cancel_requested", "job.cancelled"]
        assert types == [*stopped, QUEUED, STARTED, "job.completed"]
    audit = [(one["action"], one["target"]) for one in (await house.get("/v1/audit")).json()["data"]]
    assert audit[:3] == [("job.retry", job_id), ("job.cancel", job_id), ("model.pull", "held/big")]


async def test_a_failure_says_what_and_why(tmp_path):
    async with ollama_peer() as ollama:
        provider = {"name": "desk", "kind": "ollama", "url": ollama.url}
        async with House(tmp_path / "data", providers=[provider]) as house, executing(house):
            job_id = submitted(await house.post("/v1/models/pull", {"model": "desk/absent:1b"}))
            job = await ended(house, job_id)
            error = {"code": "model_not_found", "message": "Ollama has no such model."}
            assert (job["state"], job["error"]) == ("failed", error)
            assert (job["history"][0]["error"], job["stages"][0]["state"]) == (error, "failed")
            # Who was told of the end of the download finds the model, also in another process.
            job_id = submitted(await house.post("/v1/models/pull", {"model": "desk/qwen:0.5b"}))
            async with streaming(house, f"/v1/jobs/{job_id}/events") as stream:
                assert (await stream.rest())[-1]["type"] == "job.completed"
            assert (await house.get("/v1/models/desk/qwen:0.5b")).status == 200


async def test_a_server_that_is_away_is_asked_again(house, peer):
    peer.go.set()
    pull = peer.paths.pop("/api/pull")
    refused = asyncio.Event()

    async def refuse_once(exchange):
        peer.paths["/api/pull"] = pull
        refused.set()
        await exchange.answer(b'{"error":"the disk is busy"}', 500)

    peer.paths["/api/pull"] = refuse_once
    job_id = submitted(await house.post("/v1/models/pull", {"model": "held/big"}))
    async with executing(house):
        await refused.wait()
        job = await in_state(house, job_id, "queued")
        assert (job["state"], job["attempts"]) == ("queued", 1)
        assert job["history"][0]["error"]["code"] == "backend_failed"
        assert job["run_after"] > job["history"][0]["ended_at"]


async def test_older_clients_follow_in_the_answer_itself(house, peer):
    body = {"model_id": "held/big", "stream": True}
    async with executing(house):
        asked = asyncio.create_task(house.post("/v1/models/pull", body))
        await peer.begun()
        async with streaming(house, "/v1/events", last_id="0") as site:
            while (await site.next())["type"] != PROGRESS:
                pass
        peer.go.set()
        answer = await asked
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    job_id = answer.headers["location"].rpartition("/")[2]
    lines = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    steps = [json.loads(line) for line in lines[:-1] if line != ":"]
    assert all(step["job_id"] == job_id for step in steps)
    assert [step["status"] for step in steps][:2] == ["queued", "started"]
    last = {"status": "success", "completed_bytes": TOTAL_BYTES, "total_bytes": TOTAL_BYTES}
    assert steps[-1] == {**last, "job_id": job_id}
    (quarter,) = [
        step for step in steps if step["status"] == "pulling" and step["completed_bytes"] < TOTAL_BYTES
    ]
    assert (quarter["completed_bytes"], quarter["total_bytes"]) == (DONE_BYTES, TOTAL_BYTES)


@pytest.mark.parametrize("ends", ["fails", "is cancelled"])
async def test_older_clients_are_told_of_an_end_that_is_none(house, peer, ends):
    async def absent(exchange):
        await exchange.answer(b'{"error":"pull model manifest: file does not exist"}', 500)

    if ends == "fails":
        peer.paths["/api/pull"] = absent
    asked = asyncio.create_task(house.post("/v1/models/pull", {"model": "held/big", "stream": True}))
    async with streaming(house, "/v1/events", last_id="0") as site:
        job_id = (await site.next())["data"]["topic"]
    if ends == "fails":
        async with executing(house):
            answer = await asked
    else:
        await house.post(f"/v1/jobs/{job_id}/cancel")
        answer = await asked
    code = {"fails": '"code":"model_not_found"', "is cancelled": '"code":"cancelled"'}[ends]
    assert answer.status == 200
    assert code in answer.body.decode()
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_another_tenant_finds_nothing(house, peer):
    mine = await make(house, site_id="a", scopes=["jobs:read", "jobs:write", "models:write"])
    other = await make(house, site_id="b", scopes=["jobs:read", "jobs:write"])
    ada = await make(house, site_id="a", user_id="ada", scopes=["jobs:read", "jobs:write", "models:write"])
    job_id = submitted(await house.post("/v1/models/pull", {"model": "held/big"}, key=mine["key"]))
    hers = submitted(await house.post("/v1/models/pull", {"model": "held/big"}, key=ada["key"]))
    assert hers != job_id
    for stranger, theirs in ((other, (job_id, hers)), (ada, (job_id,)), ({"key": None}, (job_id, hers))):
        for one in theirs:
            for method, rest in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")):
                answer = await house.send(method, f"/v1/jobs/{one}{rest}", key=stranger["key"])
                assert (answer.status, answer.code) == (404, "not_found"), (method, rest)
    listed = {
        name: [job["id"] for job in (await house.get("/v1/jobs", key=key["key"])).json()["data"]]
        for name, key in (("mine", mine), ("ada", ada), ("other", other))
    }
    assert listed == {"mine": [hers, job_id], "ada": [hers], "other": []}


async def test_the_stream_of_a_site_holds_what_its_reader_may_see(house):
    readers = {
        "jobs": await make(house, site_id="a", scopes=["jobs:read", "models:write"]),
        "files": await make(house, site_id="a", scopes=["jobs:read", "files:read"]),
        "elsewhere": await make(house, site_id="b", scopes=["jobs:read"]),
    }
    ada = await make(house, site_id="a", user_id="ada", scopes=["jobs:read"])
    refused = await house.get("/v1/events", key=ada["key"])
    assert (refused.status, refused.code) == (403, "not_allowed")

    async def append_both() -> None:
        async with house.app.db.begin() as tx:
            for site_id in ("b", "a"):
                await append(tx, NewEvent(site_id, "file_x", "file.created", {"name": "secret.txt"}, 0.0))

    async with (
        streaming(house, "/v1/events", key=readers["jobs"]["key"]) as jobs,
        streaming(house, "/v1/events", key=readers["files"]["key"]) as files,
        streaming(house, "/v1/events", key=readers["elsewhere"]["key"]) as elsewhere,
    ):
        await append_both()
        body = {"model": "held/big"}
        first = submitted(await house.post("/v1/models/pull", body, key=readers["jobs"]["key"]))
        seen = await jobs.next()
        assert (seen["type"], seen["data"]["topic"]) == (QUEUED, first)
        both = [(await files.next())["type"] for _ in range(2)]
        assert both == ["file.created", QUEUED]
        with pytest.raises(TimeoutError):
            await elsewhere.next(within_s=0.3)
    # Who comes back misses nothing.
    async with streaming(house, "/v1/events", key=readers["files"]["key"], last_id="0") as stream:
        assert [(await stream.next())["type"] for _ in range(2)] == both
    async with streaming(house, "/v1/events", key=readers["jobs"]["key"], last_id="0") as stream:
        assert (await stream.next())["id"] == seen["id"]


async def test_a_stream_ends_with_its_key(tmp_path, peer):
    provider = {"name": "held", "kind": "ollama", "url": peer.origin}
    async with House(tmp_path / "data", providers=[provider], events={"heartbeat_s": 0.4}) as house:
        job_id = submitted(await house.post("/v1/models/pull", {"model": "held/big"}))
        keys = [await make(house, scopes=["jobs:read"]) for _ in range(2)]
        async with (
            streaming(house, f"/v1/jobs/{job_id}/events", key=keys[0]["key"]) as job,
            streaming(house, "/v1/events", key=keys[0]["key"]) as revoked,
            streaming(house, "/v1/events", key=keys[1]["key"]) as kept,
        ):
            assert (await job.next())["type"] == QUEUED
            await house.send("DELETE", f"/v1/keys/{keys[0]['id']}")
            assert await revoked.rest() == []
            assert await job.rest() == []
            await house.post(f"/v1/jobs/{job_id}/cancel")
            assert (await kept.next())["type"] == "job.cancelled"


async def test_streams_end_when_the_process_drains(house):
    job_id = submitted(await house.post("/v1/models/pull", {"model": "held/big"}))
    async with (
        streaming(house, f"/v1/jobs/{job_id}/events") as job,
        streaming(house, "/v1/events") as site,
    ):
        assert (await job.next())["type"] == QUEUED
        house.app.drain()
        assert await job.rest() == []
        assert await site.rest() == []
    refused = await house.get(f"/v1/jobs/{job_id}/events")
    assert (refused.status, refused.code, refused.headers["x-should-retry"]) == (503, "shutting_down", "true")


async def test_lists_filters_and_statistics(house, peer):
    made = [submitted(await house.post("/v1/models/pull", {"model": f"held/{n}"})) for n in range(3)]
    page = (await house.get("/v1/jobs?limit=2")).json()
    assert ([job["id"] for job in page["data"]], page["has_more"]) == ([made[2], made[1]], True)
    page = (await house.get(f"/v1/jobs?limit=2&cursor={page['next_cursor']}")).json()
    assert ([job["id"] for job in page["data"]], page["next_cursor"]) == ([made[0]], None)
    for query, count in (
        ("state=queued&kind=model.pull&queue=io", 3),
        ("state=running", 0),
        ("created_after=2020-01-01T00:00:00Z", 3),
        ("created_before=2020-01-01T00:00:00Z", 0),
    ):
        assert len((await house.get(f"/v1/jobs?{query}")).json()["data"]) == count
    for query in ("state=gone", "queue=x", "created_after=5", "limit=0", "cursor=x"):
        assert (await house.get(f"/v1/jobs?{query}")).status in (400, 422)
    async with executing(house):
        await peer.begun(3)
        stats = (await house.get("/v1/jobs/stats")).json()
        (io,) = [one for one in stats["queues"] if one["queue"] == "io"]
        assert (io["running"], io["queued"]) == (3, 0)
        (executor,) = stats["executors"]
        assert executor["running"] == 3
        assert {"model.pull@1", "ops.cleanup@2"} <= set(executor["pipelines"])
        # What is scraped may be a second old.
        text = ""
        async with asyncio.timeout(10):
            while 'roundhouse_jobs{queue="io",state="running"} 3.0' not in text:
                await asyncio.sleep(0.1)
                text = (await house.get("/metrics")).body.decode()
        assert "roundhouse_executors 1.0" in text
        peer.go.set()
        for job_id in made:
            await ended(house, job_id)
    text = (await house.get("/metrics")).body.decode()
    assert 'roundhouse_jobs_ended_total{kind="model.pull",outcome="completed"} 3.0' in text
