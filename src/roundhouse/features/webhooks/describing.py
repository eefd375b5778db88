"""What is sent, described for machines: the `webhooks` of the OpenAPI document, and the AsyncAPI document.

Source:
    OpenAPI 3.1.1, section 4.8.1 `webhooks` (2024). AsyncAPI 3.0.0 (2023): channels, operations, messages.
"""

from __future__ import annotations

from typing import Any

from roundhouse.core.events import EVENTS, EventKind
from roundhouse.features.webhooks.envelope import CONTENT_TYPE

_SIGNED: dict[str, dict[str, Any]] = {
    "webhook-id": {"type": "string", "description": "Id of the event, the same at every try."},
    "webhook-timestamp": {"type": "string", "pattern": "^[0-9]+$", "description": "Unix seconds of the try."},
    "webhook-signature": {
        "type": "string",
        "description": "`v1,` and base64 of the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`; after a "
        "rotation two of them, with a blank between.",
    },
}


def envelope_schema() -> dict[str, Any]:
    """The JSON Schema of what all events have in common."""
    time = {"type": "string", "format": "date-time"}
    text = {"type": "string"}
    needed = "specversion id source type subject time timestamp datacontenttype siteid seq"
    return {
        "type": "object",
        "description": "An event as it is sent: CloudEvents 1.0.",
        "required": needed.split(),
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**text, "description": "`evt_…`"},
            "source": {**text, "description": "`/sites/` and the tenant."},
            "type": text,
            "subject": {**text, "description": "Id of the thing that it happened to."},
            "time": time,
            "timestamp": {**time, "description": "The same as `time`."},
            "datacontenttype": {"const": "application/json"},
            "siteid": text,
            "seq": {"type": "integer", "description": "Its number; numbers rise, with gaps."},
            "data": {"type": "object"},
            "dataref": {
                **text,
                "description": "Instead of `data`, of a thin webhook or over 256 KiB: where they can be fetched.",
            },
        },
    }


def event_schema(kind: EventKind) -> dict[str, Any]:
    """The JSON Schema of the body that tells of a type of event, in a document that has `Event`."""
    own = {"type": {"const": kind.type}, "data": kind.data}
    return {"allOf": [_reference("schemas", "Event"), {"properties": own}]}


def webhooks_section() -> dict[str, Any]:
    """`webhooks` of the OpenAPI document, by type of event."""
    return {kind.type: {"post": _operation(kind)} for kind in EVENTS.sent()}


def webhooks_components() -> dict[str, Any]:
    """What it refers to, by kind."""
    parameters = {
        name: {
            "name": name,
            "in": "header",
            "required": True,
            "description": schema["description"],
            "schema": {one: value for one, value in schema.items() if one != "description"},
        }
        for name, schema in _SIGNED.items()
    }
    return {"parameters": parameters, "schemas": {"Event": envelope_schema()}}


def _operation(kind: EventKind) -> dict[str, Any]:
    return {
        "operationId": f"on_{kind.type.replace('.', '_')}",
        "tags": ["webhooks"],
        "summary": kind.type,
        "description": kind.about,
        "parameters": [_reference("parameters", name) for name in _SIGNED],
        "requestBody": {"required": True, "content": {CONTENT_TYPE: {"schema": event_schema(kind)}}},
        "responses": {
            "2XX": {"description": "Taken; any other answer is tried again."},
            "410": {"description": "No more of it: the webhook is switched off."},
        },
    }


def async_api(version: str) -> dict[str, Any]:
    """The AsyncAPI 3 document.

    Args:
        version: Of the product.
    """
    kinds = EVENTS.sent()
    channels = {
        "events": {
            "address": "/v1/events",
            "title": "The events of a site",
            "description": "As server-sent events; with `limit` or `wait` in pages of CloudEvents.",
            "messages": {kind.type: _reference("messages", kind.type) for kind in kinds},
        },
        "webhooks": {
            "address": None,
            "title": "The address of a webhook",
            "description": "Each message is a POST, signed as Standard Webhooks has it, and tried again until taken.",
            "messages": {kind.type: _reference("messages", kind.type) for kind in kinds},
        },
    }
    messages = {
        kind.type: {
            "name": kind.type,
            "summary": kind.about,
            "contentType": CONTENT_TYPE,
            "headers": {"type": "object", "properties": _SIGNED},
            "payload": _reference("schemas", kind.type),
        }
        for kind in kinds
    }
    schemas = {"Event": envelope_schema()} | {kind.type: event_schema(kind) for kind in kinds}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Roundhouse",
            "version": version,
            "description": "Every event that leaves Roundhouse.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": {
            "followEvents": _sending("events", "Whoever reads is sent what happens."),
            "sendWebhooks": _sending("webhooks", "Whoever asked to be told is sent what happens."),
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _reference(place: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{place}/{name}"}


def _sending(channel: str, about: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": about}
