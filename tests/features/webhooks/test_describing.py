"""The documents for machines, against the schemas of their standards.

`standards/asyncapi-3.0.0.json.gz` is `schemas/3.0.0-without-$id.json` of the npm package `@asyncapi/specs` 6.11.1
(Apache License 2.0).
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from roundhouse.core.events import EVENTS
from roundhouse.features.webhooks.describing import async_api, envelope_schema
from roundhouse.features.webhooks.envelope import body_of
from roundhouse.infra.events.store import Event

SCHEMA = Path(__file__).parent / "standards" / "asyncapi-3.0.0.json.gz"


@pytest.fixture(scope="module")
def standard() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(gzip.decompress(SCHEMA.read_bytes())))


def test_the_async_document_is_one(standard: jsonschema.Draft7Validator):
    standard.validate(async_api("1.2.3"))


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("operations", "sendWebhooks", {"action": "shout", "channel": {"$ref": "#/channels/webhooks"}}),
        ("channels", "webhooks", {"address": 5}),
        ("info", "title", None),
    ],
)
def test_the_standard_would_notice(standard: jsonschema.Draft7Validator, place: str, name: str, value: Any):
    document = async_api("1.2.3")
    document[place][name] = value
    assert not standard.is_valid(document)


@pytest.mark.parametrize("thin", [False, True])
def test_what_is_sent_fits_the_description_of_all_events(thin: bool):
    site = "trường học/1"
    event = Event(7, "evt_7", site, "job_1", "job.queued", {"job_id": "job_1"}, 1_800_000_000.25)
    told = json.loads(body_of(event, thin=thin))
    jsonschema.validate(told, envelope_schema())
    assert told["source"] == "/sites/tr%C6%B0%E1%BB%9Dng%20h%E1%BB%8Dc%2F1"
    assert (told["siteid"], told["time"]) == (site, "2027-01-15T08:00:00.250Z")
    assert ("dataref" in told) == thin


def test_both_documents_name_every_event_that_is_sent():
    document = async_api("1.2.3")
    for channel in document["channels"].values():
        assert set(channel["messages"]) == {one.type for one in EVENTS.sent()}
