"""Tasks where several processes serve one database: keys that are held by another process, servers that are killed."""

import concurrent.futures
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from running_server import KEY, Running, running

POSTS = 50
SCHEMA = {"type": "object"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def env(request: pytest.FixtureRequest) -> dict[str, str]:
    """What servers over one database are told."""
    if request.param == "sqlite":
        return {}
    return {"ROUNDHOUSE_DB__URL": request.getfixturevalue("postgres_server").make()}


class Servers:
    """Two servers over one database and one data folder."""

    def __init__(self, folder: Path, env: dict[str, str], stack: ExitStack) -> None:
        first = stack.enter_context(running(folder, **env))
        (self.key,) = KEY.findall(first.out)
        # What the first one leaves behind when it is killed is done by an executor of the second.
        second = running(folder, **env, ROUNDHOUSE_JOBS__EXECUTOR="true")
        self.all = [first, stack.enter_context(second)]

    def ask(
        self, server: Running, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        try:
            signed = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers}
            connection.request(method, path, None if body is None else json.dumps(body), signed)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())
        finally:
            connection.close()

    def register(self, name: str, **more: Any) -> None:
        body = {"name": name, "transport": "fake", "input_schema": SCHEMA, **more}
        assert self.ask(self.all[0], "POST", "/v1/capabilities", body)[0] == 201


@pytest.fixture
def servers(tmp_path: Path, env: dict[str, str]) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path, env, stack)


def test_many_posts_with_one_key_over_two_processes(servers: Servers) -> None:
    servers.register("slow.one", endpoint={"delay_s": 2.0, "answer": {"result": 5}}, idempotent=True)
    asked = {"capability": "slow.one", "input": {"expression": "2+3"}}
    together = threading.Barrier(POSTS)

    def post(number: int) -> tuple[int, Any, dict[str, str]]:
        together.wait()
        headers = {"Idempotency-Key": "one", "Prefer": "wait=20"}
        return servers.ask(servers.all[number % 2], "POST", "/v1/tasks", asked, **headers)

    with concurrent.futures.ThreadPoolExecutor(POSTS) as pool:
        answers = list(pool.map(post, range(POSTS)))
    done = [body for status, body, _ in answers if status == 200]
    refused = [
        (body["error"]["code"], headers["retry-after"]) for status, body, headers in answers if status == 409
    ]
    assert len(done) + len(refused) == POSTS, [status for status, *_ in answers]
    assert len(done) == 1
    assert set(refused) == {("idempotency_in_flight", "1")}
    for server in servers.all:
        assert len(servers.ask(server, "GET", "/v1/tasks")[1]["data"]) == 1
        again = servers.ask(server, "POST", "/v1/tasks", asked, **{"Idempotency-Key": "one"})
        assert again[1] == done[0]
        other = {**asked, "priority": 1}
        status, body, _ = servers.ask(server, "POST", "/v1/tasks", other, **{"Idempotency-Key": "one"})
        assert (status, body["error"]["code"]) == (422, "idempotency_mismatch")


def test_another_request_under_a_held_key_is_told_so(servers: Servers) -> None:
    servers.register("slow.two", endpoint={"delay_s": 3.0}, idempotent=True)
    asked = {"capability": "slow.two", "input": {}}
    headers = {"Idempotency-Key": "two", "Prefer": "wait=1"}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(servers.ask, servers.all[0], "POST", "/v1/tasks", asked, **headers)
        while not servers.ask(servers.all[1], "GET", "/v1/tasks")[1]["data"]:
            time.sleep(0.01)
        for server in servers.all:
            status, body, _ = servers.ask(server, "POST", "/v1/tasks", {**asked, "priority": 1}, **headers)
            assert (status, body["error"]["code"]) == (422, "idempotency_mismatch")
        # It waits no longer than it said, and then it is answered: the task goes on.
        status, task, _ = first.result()
        assert (status, task["state"]) == (202, "running")
    time.sleep(0.05)
    status, again, _ = servers.ask(servers.all[1], "POST", "/v1/tasks", asked, **{"Idempotency-Key": "two"})
    assert (status, again["id"]) == (202, task["id"])


def test_a_server_that_is_killed_in_a_call_costs_two_calls(servers: Servers) -> None:
    """Killed -9 between call and end; the plan is settled once, by whoever took the task over."""
    first, second = servers.all
    servers.register("dear.one", endpoint={"delay_s": 1.5}, idempotent=True, cost_units=2.5)
    plan = servers.ask(first, "POST", "/v1/quota-plans", {"name": "p", "cost_units_per_month": 100})[1]
    assert servers.ask(first, "PUT", "/v1/quota-assignments", {"plan_id": plan["id"]})[0] == 200
    status, task, _ = servers.ask(first, "POST", "/v1/tasks", {"capability": "dear.one", "input": {}})
    assert (status, task["state"], task["cost"]) == (202, "running", 2.5)
    first.process.kill()
    first.process.wait()
    deadline_s = time.monotonic() + 40
    while (found := servers.ask(second, "GET", f"/v1/tasks/{task['id']}")[1])["state"] != "completed":
        assert time.monotonic() < deadline_s, found
        time.sleep(0.1)
    assert found["cost"] == 5.0
    trace = servers.ask(second, "GET", f"/v1/tasks/{task['id']}/trace")[1]
    assert [(one["state"], one["cost"]) for one in trace["steps"][0]["attempts"]] == [
        ("abandoned", 2.5),
        ("ok", 2.5),
    ]
    (mine,) = servers.ask(second, "GET", "/v1/quotas/me")[1]["plans"]
    assert [use["remaining"] for use in mine["limits"]] == [95.0]
