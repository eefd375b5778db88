"""The clients that people have already, each in its own environment, against the whole product."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from serving import House

pytestmark = pytest.mark.peer

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "clients"
OPENAI_2 = ROOT / ".venv-peers-openai2" / "bin" / "python"
CLIENTS = {
    "openai 3": (Path(sys.executable), "openai_checks.py", "3."),
    "openai 2": (OPENAI_2, "openai_checks.py", "2."),
    "litellm": (OPENAI_2, "litellm_checks.py", "1."),
    "langchain": (OPENAI_2, "langchain_checks.py", "1."),
}
# Names and behaviour of the models that the scripts ask for.
MODELS = {
    "talk": {"tool_arguments": {"city": "Hanoi"}},
    "form": {"reply": '{"total": 4}'},
    "drip": {"endless": True, "delay_s": 0.01},
    "slow": {"delay_s": 30.0},
    "small": {"context_tokens": 2},
    "busy": {"fault": {"code": "backend_busy", "retry_after_s": 7}},
    "once": {"fault": {"code": "backend_down", "times": 1}},
    "down": {"fault": {"code": "backend_down"}},
    "cut": {"fault": {"code": "backend_failed", "after_pieces": 3}},
}


@pytest.fixture
async def house(tmp_path):
    providers = [
        {"name": name, "kind": "fake", "models": ["m"], "options": options, "retries": 0}
        for name, options in MODELS.items()
    ]
    async with House(tmp_path / "data", providers=providers) as running:
        yield running


async def new_key(house, **limits):
    made = await house.post("/v1/keys", {"name": "a client", **limits})
    assert made.status in (200, 201), made.body
    return made.json()["key"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_finds_what_it_expects(house, client):
    python, script, version = CLIENTS[client]
    assert python.exists(), f"{python} is missing: run `make test-peers`, which prepares it."
    told = {
        "url": f"{house.url}/v1",
        "key": house.key,
        "limited_key": await new_key(house, requests_per_minute=1),
        "narrow_key": await new_key(house, models=["talk/*"]),
    }
    pipe = asyncio.subprocess.PIPE
    checking = await asyncio.create_subprocess_exec(
        str(python), str(SCRIPTS / script), stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(90):
            printed, complaints = await checking.communicate(json.dumps(told).encode())
    finally:
        if checking.returncode is None:
            checking.kill()
            await checking.wait()
    assert checking.returncode == 0, complaints.decode()
    report = json.loads(printed.splitlines()[-1])
    assert report["version"].startswith(version)
    assert not report["failed"], "\n".join(report["failed"].values())
    defined = {line[4:].split("(")[0] for line in script_lines(script) if line.startswith("def check_")}
    defined |= {
        line[10:].split("(")[0] for line in script_lines(script) if line.startswith("async def check_")
    }
    assert set(report["passed"]) == defined
    assert defined


def script_lines(script):
    return (SCRIPTS / script).read_text().splitlines()
