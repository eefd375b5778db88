"""Flows in an installation whose executors are killed: two modules that note every call, people, and what must hold."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from faults.product import Product, wait_until
from faults.recordings import ask
from faults.truth import Truth

FLOW = "chaos"
TRIES = {"a": 2, "b": 1}


class Heard(NamedTuple):
    """One call of a module: the key it carried and the number it was about."""

    path: str
    key: str
    number: int


def answers(path: str, number: int) -> bool:
    """Whether a module answers about a number; a quarter is A's, another quarter B's, the rest are for people."""
    return number % 4 == (0 if path == "a" else 1)


@contextmanager
def modules(delay_s: float) -> Iterator[tuple[str, list[Heard]]]:
    """Modules A and B at an address, and what they were asked."""
    heard: list[Heard] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = self.path.strip("/")
            heard.append(Heard(path, self.headers["Idempotency-Key"], body["number"]))
            time.sleep(delay_s)
            good = answers(path, body["number"])
            sent = json.dumps({"by": path, "number": body["number"]} if good else {}).encode()
            try:
                self.send_response(200 if good else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who called may have been killed."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(product: Product, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """One request that must succeed, or be answered 409, its JSON; tried again while the server is not there."""

    def send() -> Any:
        try:
            sent = None if body is None else json.dumps(body).encode()
            status, answer = ask(product, method, path, sent, Content_Type="application/json", **headers)
        except OSError:
            return None
        if status >= 500 or status == 429:
            return None
        assert status < 300 or status == 409, answer
        return (json.loads(answer), status)

    return wait_until(send, 60, path)[0]


def prepare(product: Product, url: str) -> None:
    """Register A and B, and keep the flow: A twice, B once, a person."""
    for name in TRIES:
        body = {"name": f"chaos.{name}", "endpoint": {"url": f"{url}/{name}"}, "idempotent": True}
        told(product, "POST", "/v1/capabilities", body)
    steps = [
        {"id": name, "use": f"chaos.{name}", "retry": {"max": tries, "base_s": 0.01}}
        for name, tries in TRIES.items()
    ]
    person = {"id": "person", "human": {"kind": "answer", "title": "{{ $.input.number }}"}}
    told(product, "PUT", f"/v1/flows/{FLOW}", {"steps": [*steps, person]})


def order(product: Product, number: int) -> str:
    """A task about a number; its id."""
    body = {"flow": FLOW, "input": {"number": number}}
    return str(told(product, "POST", "/v1/tasks", body, Idempotency_Key=f"chaos-{number}")["id"])


class People:
    """Answer everything that is asked, each twice."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self.failures: list[BaseException] = []

    def __enter__(self) -> People:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _answer(self) -> None:
        try:
            while not self._stop.wait(0.05):
                for one in told(self._product, "GET", "/v1/human?state=open&limit=200")["data"]:
                    answer = {"answer": {"by": "person", "number": int(one["title"])}}
                    for _ in range(2):
                        told(self._product, "POST", f"/v1/human/{one['id']}/answer", answer)
        except BaseException as error:
            self.failures.append(error)
            raise


def check_flows(truth: Truth, tasks: dict[int, str], heard: list[Heard]) -> Counter[str]:
    """Everything that must hold at the end; counts for the report.

    Args:
        truth: The database.
        tasks: Id of the task by number.
        heard: What the modules were asked.
    """
    found: Counter[str] = Counter()
    jobs = truth.jobs()
    assert len(set(tasks.values())) == len(tasks)
    for number, task_id in tasks.items():
        job = jobs[task_id]
        assert job["state"] == "completed", (job["state"], job["error"])
        who = next((name for name in TRIES if answers(name, number)), "person")
        result = job["result"] if isinstance(job["result"], dict) else json.loads(job["result"])
        # A step that kills processes is given up in time; then somebody further down answers.
        assert result["number"] == number
        assert result["by"] in {who, "b", "person"}, (number, result)
        found[f"by {result['by']}"] += 1
        found["runs"] += job["run"]
    _check_people(truth, jobs, tasks, found)
    _check_journal(truth, tasks, heard, found)
    return found


def _check_people(truth: Truth, jobs: dict[str, Any], tasks: dict[int, str], found: Counter[str]) -> None:
    asked = Counter(one["job_id"] for one in truth.rows("SELECT job_id FROM human_requests"))
    assert all(count == 1 for count in asked.values())
    assert {task for task in asked} <= set(tasks.values())
    told_of: Counter[str] = Counter(
        one["topic"] for one in truth.rows("SELECT topic FROM events WHERE type = 'human.requested'")
    )
    assert told_of == asked
    answered = truth.rows("SELECT topic FROM events WHERE type = 'human.answered'")
    assert Counter(one["topic"] for one in answered) == asked
    found["people"] = len(asked)
    assert found["by person"] == len(asked)


def _check_journal(truth: Truth, tasks: dict[int, str], heard: list[Heard], found: Counter[str]) -> None:
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    rows = truth.rows("SELECT job_id, step, n, state, idempotency_key FROM attempts ORDER BY job_id, step, n")
    for one in rows:
        assert one["state"] in ("ok", "failed", "abandoned"), f"a hole in the trace: {dict(one)}"
        keys[one["job_id"], one["step"]].add(one["idempotency_key"])
        numbers[one["job_id"], one["step"]].append(one["n"])
        found[f"tries {one['state']}"] += 1
    for place, several in numbers.items():
        assert several == list(range(1, len(several) + 1)), f"a hole in the trace: {place} {several}"
    by_key: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for call in heard:
        task_id, step, _ = call.key.split(":")
        assert tasks[call.number] == task_id
        assert (call.path, call.key in keys[task_id, step]) == (step, True), call
        by_key[call.key].add((call.path, call.number))
    assert all(len(about) == 1 for about in by_key.values())
    for (task_id, step), several in keys.items():
        assert len(several) <= TRIES[step], f"repeated under another key: {task_id} {step} {several}"
    repeated = Counter(call.key for call in heard)
    found["calls"] = len(heard)
    found["calls repeated"] = sum(count - 1 for count in repeated.values())
