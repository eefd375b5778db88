"""What the product does itself, as capabilities, so that flows and tools can use it. `app` hands their verbs over."""

from __future__ import annotations

from typing import Any

from roundhouse.features.tasks.capabilities.names import OWN
from roundhouse.features.tasks.model import Capability, Example

_TEXT = {"type": "string", "minLength": 1}
_MODEL = {"type": "string", "maxLength": 400, "default": "auto", "description": "Name of a model or alias."}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _own(
    verb: str,
    title: str,
    input_schema: dict[str, Any],
    output_schema: dict[str, Any],
    example: dict[str, Any] | None,
    *,
    timeout_s: float = 300.0,
) -> Capability:
    return Capability(
        id=f"cap_builtin_{verb}",
        site_id=None,
        name=f"{OWN}{verb}",
        version=1,
        title=title,
        tags=("builtin",),
        input_schema=input_schema,
        output_schema=output_schema,
        examples=() if example is None else (Example("first", example),),
        timeout_s=timeout_s,
        # A model that is asked again does no harm: it costs once more.
        idempotent=True,
        visibility="public",
        transport="inproc",
        endpoint={"verb": verb},
        trusted=True,
        origin="builtin",
    )


def _chat() -> Capability:
    message = _object(
        ["role", "content"],
        role={"enum": ["system", "user", "assistant"]},
        content={"type": "string"},
    )
    given = _object(
        [],
        prompt={**_TEXT, "description": "What is asked; or `messages`."},
        messages={"type": "array", "minItems": 1, "maxItems": 1000, "items": message},
        system={"type": "string", "description": "What the model is told before."},
        model=_MODEL,
        temperature={"type": "number", "minimum": 0, "maximum": 2},
        max_tokens={"type": "integer", "minimum": 1},
        response_format={"type": "object", "description": "As in chat completions."},
    )
    given["oneOf"] = [{"required": ["prompt"]}, {"required": ["messages"]}]
    answered = _object(
        ["text", "model"], text={"type": "string"}, model={"type": "string"}, cut={"type": "boolean"}
    )
    return _own("chat", "Ask a language model", given, answered, {"prompt": "Say hello in Vietnamese."})


def _embed() -> Capability:
    texts = {"type": "array", "minItems": 1, "maxItems": 256, "items": _TEXT}
    given = _object(["input"], input={"anyOf": [_TEXT, texts]}, model=_MODEL)
    vector = {"type": "array", "items": {"type": "number"}}
    answered = _object(
        ["vectors", "model"], vectors={"type": "array", "items": vector}, model={"type": "string"}
    )
    return _own("embed", "Turn texts into vectors", given, answered, {"input": ["a cat", "a dog"]})


def _transcribe() -> Capability:
    given = _object(
        ["file_id"],
        file_id={"type": "string", "pattern": "^file_", "description": "A recording of `/v1/files`."},
        language={
            "type": "string",
            "pattern": "^[a-z]{2}$",
            "description": "ISO 639-1; left out = it is detected.",
        },
        prompt={"type": "string", "maxLength": 2000},
        model=_MODEL,
    )
    segment = _object(
        ["start_s", "end_s", "text"],
        start_s={"type": "number"},
        end_s={"type": "number"},
        text={"type": "string"},
    )
    answered = _object(
        ["text", "language", "duration_s", "segments"],
        text={"type": "string"},
        language={"type": ["string", "null"]},
        duration_s={"type": "number"},
        segments={"type": "array", "items": segment},
    )
    return _own("transcribe", "Write down what is said", given, answered, None, timeout_s=3600.0)


def _search() -> Capability:
    store = {"type": "string", "pattern": "^vs_"}
    given = _object(
        ["query", "vector_store_ids"],
        query={**_TEXT, "maxLength": 8000},
        vector_store_ids={"type": "array", "minItems": 1, "maxItems": 20, "items": store},
        limit={"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
        mode={"enum": ["hybrid", "dense", "lexical"], "default": "hybrid"},
    )
    passage = _object(
        ["file_id", "filename", "vector_store_id", "text", "score", "page"],
        file_id={"type": "string"},
        filename={"type": "string"},
        vector_store_id={"type": "string"},
        text={"type": "string"},
        score={"type": "number"},
        page={"type": ["integer", "null"]},
    )
    passages = {"type": "array", "items": passage}
    warnings = {"type": "array", "items": {"type": "string"}}
    answered = _object(["passages", "warnings"], passages=passages, warnings=warnings)
    return _own("search", "Find passages in vector stores", given, answered, None, timeout_s=60.0)


def _summarise() -> Capability:
    given = _object(
        ["text"],
        text=_TEXT,
        sentences={
            "type": "integer",
            "minimum": 1,
            "maximum": 50,
            "default": 5,
            "description": "About so many.",
        },
        instructions={"type": "string", "maxLength": 4000, "description": "What to look for."},
        model=_MODEL,
    )
    answered = _object(["summary", "model"], summary={"type": "string"}, model={"type": "string"})
    text = (
        "The meeting began late. Mai showed the new prices. They were accepted for one year. Lunch was good."
    )
    return _own("summarise", "Summarise a text", given, answered, {"text": text, "sentences": 2})


def own_capabilities() -> list[Capability]:
    """All of them."""
    return [_chat(), _embed(), _transcribe(), _search(), _summarise()]


VERBS = ("chat", "embed", "transcribe", "search", "summarise")
"""Verbs that `app` has to hand over."""
