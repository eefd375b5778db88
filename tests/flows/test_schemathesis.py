"""The whole OpenAPI document against the running product: what is described holds, whatever is sent.

The document is the one in the docs, which `test_docs` keeps equal to the product's own. Some checks are left out:

- `positive_data_acceptance`: a schema cannot say that a cursor must come from a list, or that a span must not be
  empty; such requests are refused.
- `negative_data_rejection` for inference: members that a model does not know are passed on or ignored on purpose,
  so a wrong one is not always refused.
- `allow_header_conformance` where a name may be any word: `GET /v1/models/load` asks for a model called `load`.
- `response_schema_conformance` of a stream: the schema is of the whole text, the check takes it for one event's.

`GET /v1/events` is left out altogether: its answer never ends.

Cases are made when a test runs: the decorator of schemathesis makes them, by the thousand, when a file is collected.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks

from running_server import KEY, running

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
QUIET = {
    "ROUNDHOUSE_LOG__LEVEL": "error",
    "ROUNDHOUSE_LOG__REQUESTS": "none",
    "ROUNDHOUSE_ENGINE__DISCOVER_URLS": "[]",
    "ROUNDHOUSE_ASR__PULL_ON_FIRST_USE": "false",
}

ENDLESS = "GET /v1/events"
SHADOWED = (
    *("/v1/models/load", "/v1/models/unload", "/v1/models/pull", "/v1/providers/discover"),
    *("/v1/sessions/stats", "/v1/sessions/cleanup", "/v1/memories/switch"),
    *("/v1/sessions/search", "/v1/messages/search", "/v1/sessions/export", "/v1/sessions/import"),
    "/v1/recordings/search",
)
Call = Callable[[schemathesis.Case], None]


@pytest.fixture(scope="module")
def call(tmp_path_factory) -> Iterator[Call]:
    """Sends a case with the admin key and checks the answer."""
    with running(tmp_path_factory.mktemp("schemathesis"), **QUIET) as server:
        (key,) = KEY.findall(server.out)

        def send(case: schemathesis.Case) -> None:
            answer = case.call(server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
            case.validate_response(answer, excluded_checks=left_out(case, answer))

        yield send
        assert server.get("/livez")[0] == 200
        assert server.get("/v1/audit/verification", key)[1]["intact"]
        code, err = server.stop()
        assert code == 0
        assert "Traceback" not in err


def left_out(case: schemathesis.Case, answer: schemathesis.Response) -> list[Any]:
    found = [checks.positive_data_acceptance]
    if case.operation.tags == ["inference"]:
        found.append(checks.negative_data_rejection)
    # What is not installed on this machine, such as a program that speaks.
    if answer.status_code == 501:
        found.append(checks.not_a_server_error)
    if case.path in SHADOWED:
        found.append(checks.allow_header_conformance)
    if answer.headers["content-type"][0].startswith("text/event-stream"):
        found.append(checks.response_schema_conformance)
    return found


def bounded(examples: int, *, same: bool) -> Callable[[Call], Call]:
    every = list(HealthCheck)
    return settings(
        max_examples=examples, derandomize=same, database=None, deadline=None, suppress_health_check=every
    )


def operations() -> list[str]:
    """Method and path of every operation of the document whose answer ends."""
    paths = json.loads(DOCUMENT.read_bytes())["paths"]
    every = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    return [one for one in every if one != ENDLESS]


@pytest.fixture(scope="module")
def api() -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_path(DOCUMENT)


def walk(api: schemathesis.BaseSchema, operation: str, call: Call, bounds: Callable[[Call], Call]) -> None:
    """Sends what the schema allows and what it does not."""
    method, path = operation.split(" ")
    for mode in GenerationMode:
        try:
            bounds(given(case=api[path][method].as_strategy(generation_mode=mode))(call))()
        except Unsatisfiable:
            # What takes nothing has no wrong form.
            assert mode is GenerationMode.NEGATIVE


@pytest.mark.parametrize("operation", operations())
def test_what_is_described_holds(operation: str, api: schemathesis.BaseSchema, call: Call) -> None:
    walk(api, operation, call, bounded(4, same=True))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("operation", operations())
def test_what_is_described_holds_in_a_campaign(
    operation: str, api: schemathesis.BaseSchema, call: Call
) -> None:
    walk(api, operation, call, bounded(400, same=False))
