"""`roundhouse webhooks …` against a real server, and a receiver that nobody can find."""

import json
import re
from typing import Any

from roundhouse.cli.client import Client
from roundhouse.cli.exits import FAILED
from running_server import KEY, Running, as_json, good

ADDRESS = "https://hooks.invalid/in"


def test_webhooks(ask: Any, server: Running) -> None:
    assert ask("webhooks", "ls").stderr == "No webhook.\n"
    (key,) = KEY.findall(server.out)
    client = Client(server.url, key)
    made = client.call("POST", "/v1/webhooks", {"url": ADDRESS, "events": ["file.created"]})
    row = f"{made['id']}\t{ADDRESS}\tfile.created\ton\t0\t0\n"
    assert good(ask("webhooks", "ls")) == row
    (shown,) = as_json(ask("webhooks", "ls", "--json"))["data"]
    assert "secret" not in shown
    assert ask("webhooks", "deliveries", made["id"]).stderr == "Nothing was sent.\n"
    tried = ask("webhooks", "test", made["id"])
    assert (tried.exit_code, tried.stdout) == (FAILED, "")
    told = r"not taken: backend_down in \d+ ms. The name hooks.invalid cannot be resolved.\n"
    assert re.fullmatch(told, tried.stderr), tried.stderr
    (delivery,) = as_json(ask("webhooks", "deliveries", made["id"], "--state", "failed", "--json"))["data"]
    assert delivery["event_type"] == "webhook.test"
    listed = good(ask("webhooks", "deliveries", made["id"])).split("\t")
    assert listed[1:5] == ["webhook.test", made["id"], "failed", "1"]
    # It is not waited for.
    tried = ask("webhooks", "test", made["id"], "--wait", "0", "--json")
    assert (tried.exit_code, json.loads(tried.stdout)["webhook_id"]) == (FAILED, made["id"])
    client.call("PATCH", f"/v1/webhooks/{made['id']}", {"enabled": False})
    assert good(ask("webhooks", "ls")).split("\t")[3] == "off"
    assert ask("webhooks", "test", "whk_none").exit_code == FAILED
    client.call("DELETE", f"/v1/webhooks/{made['id']}")
