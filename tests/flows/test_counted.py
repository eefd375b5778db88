"""What requests leave behind: records, limits, budgets, cached answers; asked of the whole product."""

import asyncio
from pathlib import Path

import pytest
import pytest_asyncio

from flows.calls import CHAT, EXTRACTIVE, INFERENCE, make, records
from peers import scripts
from peers.upstream import Upstream
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICES = [{"model": EXTRACTIVE, "input_usd_per_mtok": 1000.0, "output_usd_per_mtok": 1000.0}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("counted") / "data", prices=PRICES) as made:
        yield made


@pytest.mark.parametrize("path", INFERENCE)
async def test_every_request_leaves_a_record(house, path):
    made = await make(house, site_id="counted")
    key, body, operation = made["key"], INFERENCE[path], path.rpartition("/v1/")[2].split("/")[0]
    tenant = {"X-User-Id": "user-1", "X-App-Id": "app-1"}
    answers = [await house.post(path, body, key=key, headers=tenant)]
    if path in ("/v1/chat/completions", "/v1/completions", "/v1/responses"):
        answers.append(await house.post(path, {**body, "stream": True}, key=key, headers=tenant))
    answers.append(await house.post(path, {**body, "model": "nothing"}, key=key, headers=tenant))
    answers.append(await house.post(path, data=b"{", key=key, headers=tenant))
    found = {record["request_id"]: record for record in await records(house, query=f"&key_id={made['id']}")}
    assert len(found) == len(answers)
    for answer in answers:
        record = found[answer.headers["x-request-id"]]
        assert record["status"] == answer.status
        assert (record["site_id"], record["user_id"], record["app_id"]) == ("counted", "user-1", "app-1")
        assert record["operation"] == ("chat" if operation == "responses" else operation)
        if answer.status == 200:
            assert record["target"] == body["model"]
            assert record["prompt_tokens"] > 0
            assert (record["cost_usd"] > 0) == (body["model"] == EXTRACTIVE)
        else:
            assert record["error_code"] == answer.code
            assert record["cost_usd"] == 0


@pytest.mark.parametrize("path", INFERENCE)
async def test_limits_are_told_and_hold(house, path):
    key = (await make(house, requests_per_minute=2, tokens_per_minute=1_000_000))["key"]
    first = await house.post(path, INFERENCE[path], key=key)
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-limit-tokens"] == "1000000"
    assert first.headers["x-ratelimit-reset-requests"].endswith("s")
    second = await house.post(f"/api{path}", {**INFERENCE[path], "stream": True}, key=key)
    assert second.headers["x-ratelimit-remaining-requests"] == "0"
    third = await house.post(path, INFERENCE[path], key=key)
    assert (third.status, third.code) == (429, "rate_limit_exceeded")
    assert 1 <= int(third.headers["retry-after"]) <= 61
    assert third.headers["x-should-retry"] == "true"
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    free = await house.post(path, INFERENCE[path])
    assert not any(name.startswith("x-ratelimit") for name in free.headers)


async def test_tokens_and_budgets_hold(house):
    for limit, code in (
        ({"tokens_per_minute": 5}, "rate_limit_exceeded"),
        ({"budget_usd": 0.000001}, "budget_exceeded"),
        ({"budget_tokens": 1, "budget_period": "total"}, "budget_exceeded"),
    ):
        made = await make(house, **limit)
        statuses = []
        for _ in range(3):
            answer = await house.post("/v1/chat/completions", CHAT, key=made["key"])
            statuses.append(answer.status)
        assert statuses == [200, 429, 429], limit
        assert answer.code == code
        assert ("retry-after" in answer.headers) == (limit.get("budget_period") != "total")
        assert answer.headers["x-should-retry"] == ("true" if code == "rate_limit_exceeded" else "false")
        await house.app.usage.flush()
        again = await house.post("/v1/chat/completions", CHAT, key=made["key"])
        assert again.status == 429
        quotas = (await house.get("/v1/quotas/me", key=made["key"])).json()["quotas"]
        assert quotas[0]["remaining"] <= 0


async def test_requests_at_a_time_are_given_back(house):
    asked = asyncio.Event()

    async def hang(exchange):
        asked.set()
        await exchange.gone()

    async with Upstream() as up:
        up.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}]})
        up.script = hang
        provider = {"name": "slow", "kind": "openai", "url": up.url, "retries": 0}
        assert (await house.post("/v1/providers", provider)).status == 201
        try:
            key = (await make(house, concurrent_requests=1))["key"]
            slow = {**CHAT, "model": "slow/m"}
            held = asyncio.create_task(house.post("/v1/chat/completions", slow, key=key))
            await asyncio.wait_for(asked.wait(), 10)
            refused = await house.post("/v1/chat/completions", CHAT, key=key)
            assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
            held.cancel()
            assert await up.client_left()
            answer = await house.post("/v1/chat/completions", CHAT, key=key)
            assert answer.status == 200
        finally:
            await house.send("DELETE", "/v1/providers/slow")


async def test_the_cache_never_crosses_a_site(tmp_path: Path):
    async with Upstream() as up:
        up.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}]})
        up.script = [scripts.json_answer(scripts.completion(f"answer {number}")) for number in range(9)]
        provider = {"name": "up", "kind": "openai", "url": up.url, "models": ["m"]}
        async with House(tmp_path / "data", providers=[provider], cache={"responses": True}) as house:
            body = {**CHAT, "model": "up/m"}
            keys = {site: (await make(house, site_id=site))["key"] for site in ("north", "south")}
            restricted = (await make(house, site_id="north", models=["up/*"]))["key"]

            async def ask(key: str | None = None, **headers: str) -> tuple[str, str]:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                answer = await house.post("/v1/chat/completions", body, key=key, headers=named)
                said = answer.json()["choices"][0]["message"]["content"]
                return answer.headers["x-roundhouse-cache"], said

            assert await ask(keys["north"]) == ("miss", "answer 0")
            assert await ask(keys["north"]) == ("hit", "answer 0")
            assert await ask(keys["south"]) == ("miss", "answer 1")
            assert await ask(X_Site_Id="north") == ("hit", "answer 0")
            assert await ask(X_Site_Id="south") == ("hit", "answer 1")
            assert await ask() == ("miss", "answer 2")
            assert await ask(restricted) == ("miss", "answer 3")
            assert await ask(keys["north"], X_App_Id="shop") == ("miss", "answer 4")
            assert await ask(keys["south"]) == ("hit", "answer 1")
