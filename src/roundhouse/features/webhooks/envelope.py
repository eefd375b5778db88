"""An event as it leaves the house.

Source:
    CloudEvents 1.0.2, JSON format, structured mode; the documented extension `dataref`. `timestamp` is an extension
    of ours, which makes the same object a payload as Standard Webhooks recommends it (`type`, `timestamp`, `data`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from roundhouse.infra.events.store import Event

CONTENT_TYPE = "application/cloudevents+json"
MOST_BYTES = 256 * 1024
"""What is larger goes without its data."""


def envelope(event: Event, *, thin: bool = False) -> dict[str, Any]:
    """The event as an object.

    Args:
        event: It.
        thin: With the address of its data instead of them.
    """
    at = datetime.fromtimestamp(event.at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/sites/{quote(event.site_id, safe='')}",
        "type": event.type,
        "subject": event.topic,
        "time": at,
        "timestamp": at,
        "datacontenttype": "application/json",
        "siteid": event.site_id,
        "seq": event.seq,
    }
    told |= {"dataref": f"/v1/events/{event.seq}"} if thin else {"data": event.data}
    return told


def body_of(event: Event, *, thin: bool) -> bytes:
    """The body of a delivery, at most `MOST_BYTES`."""
    body = msgspec.json.encode(envelope(event, thin=thin))
    return body if len(body) <= MOST_BYTES else msgspec.json.encode(envelope(event, thin=True))
