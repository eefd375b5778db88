"""`roundhouse usage` against a real server."""

import json
import time
import urllib.request
from typing import Any

from running_server import KEY, Running, as_json, good

MODEL = "roundhouse/extractive"


def test_usage(ask: Any, server: Running) -> None:
    (key,) = KEY.findall(server.out)
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Rome is old. Who is old?"}],
    }
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    sent = urllib.request.Request(f"{server.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(sent, timeout=60) as answer:
        assert answer.status == 200
    until_s = time.monotonic() + 20
    # Other tests of this server may have used other models.
    while not (
        used := [
            row
            for row in as_json(ask("usage", "--group-by", "model", "--json"))["data"]
            if row["group"] == MODEL
        ]
    ):
        assert time.monotonic() < until_s
        time.sleep(0.2)
    (row,) = used
    lines = [line.split("\t") for line in good(ask("usage", "--group-by", "model")).splitlines()]
    (cells,) = [line for line in lines if line[0] == MODEL]
    assert cells[:4] == [MODEL, str(row["requests"]), "0", "0"]
    assert (
        ask("usage", "--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z").stderr == "No usage.\n"
    )
