"""Paths, answers and shared parts of the inference endpoints."""

from __future__ import annotations

from typing import Any

from roundhouse.core.errors import tree
from roundhouse.features.gateway.openapi.chat import chat_schemas, completion_schemas
from roundhouse.features.gateway.openapi.responses import responses_schemas
from roundhouse.features.gateway.openapi.sampling import shared_schemas
from roundhouse.features.gateway.openapi.shapes import Schema, integer, optional, record, ref, text
from roundhouse.features.gateway.openapi.sound import sound_schemas, speech_content, transcription_content
from roundhouse.features.gateway.openapi.vectors import vector_schemas

_STATUSES = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504)
"""A model server's own 4xx is passed on too, hence `default` beside them."""

_NOT_HERE = frozenset({"conflict", "pipeline_retired"})
"""Errors of these statuses that no inference endpoint answers with."""

_HEADERS = {
    "x-request-id": ("RequestId", "Id of the request, as in the logs and the usage record."),
    "x-roundhouse-model": ("RoundhouseModel", "`provider/model` that answered, or was tried last."),
    "x-roundhouse-decision": ("RoundhouseDecision", "Why it was this one: direct, alias, auto: …"),
    "x-roundhouse-attempts": ("RoundhouseAttempts", "How many tries it took."),
    "x-roundhouse-cache": ("RoundhouseCache", "hit, miss or off."),
}
_NAMED_EVENTS = (
    "Named events, numbered by `sequence_number`: `response.created`, `response.in_progress`, then for each item "
    "`response.output_item.added`, its parts and deltas, `response.output_item.done`, and at the end "
    "`response.completed` or `response.incomplete`. A failure is `response.failed` and `error`. No `[DONE]`."
)


def inference_paths() -> dict[str, Any]:
    """The `paths` of the document."""
    chunks = 'Each event is `data:` and a `{name}`; the last is `data: [DONE]`. A failure is `data: {{"error": …}}`.'
    return {
        "/v1/chat/completions": _operation(
            "create_chat_completion",
            "Answer a conversation",
            "ChatCompletionRequest",
            "ChatCompletion",
            events=chunks.format(name="ChatCompletionChunk"),
            event="ChatCompletionChunk",
            example={"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]},
        ),
        "/v1/completions": _operation(
            "create_completion",
            "Continue a prompt",
            "CompletionRequest",
            "Completion",
            events=chunks.format(name="Completion"),
            event="Completion",
            example={"model": "auto", "prompt": "Once upon a time"},
        ),
        "/v1/responses": _operation(
            "create_response",
            "Answer by the Responses API",
            "ResponsesRequest",
            "ResponsesAnswer",
            events=_NAMED_EVENTS,
            example={"model": "auto", "input": "Hello!"},
        ),
        "/v1/embeddings": _operation(
            "create_embeddings",
            "Turn texts into vectors",
            "EmbeddingRequest",
            "EmbeddingList",
            example={"model": "roundhouse/minilm", "input": ["a text", "another"]},
        ),
        "/v1/rerank": _operation(
            "rerank",
            "Sort documents by relevance",
            "RerankRequest",
            "RerankResult",
            example={"model": "roundhouse/minilm", "query": "a pet", "documents": ["a cat", "a car"]},
        ),
        **_sound_paths(),
    }


def _sound_paths() -> dict[str, Any]:
    form = {"file": "call.mp3", "model": "auto", "language": "vi", "response_format": "verbose_json"}
    return {
        "/v1/audio/transcriptions": _operation(
            "create_transcription",
            "Write a recording down",
            "TranscriptionForm",
            content=transcription_content(),
            kind="multipart/form-data",
            example=form,
        ),
        "/v1/audio/translations": _operation(
            "create_translation",
            "Translate a recording into English",
            "TranslationForm",
            content=transcription_content(),
            kind="multipart/form-data",
            example={"file": "call.mp3", "model": "auto", "response_format": "text"},
        ),
        "/v1/audio/speech": _operation(
            "create_speech",
            "Say a text",
            "SpeechRequest",
            content=speech_content(),
            example={"model": "auto", "input": "Good morning!", "response_format": "mp3"},
        ),
    }


def inference_components() -> dict[str, Any]:
    """The `components` of the document: schemas, responses, headers and security schemes."""
    return {
        "schemas": {
            "Problem": _problem(),
            **shared_schemas(),
            **chat_schemas(),
            **completion_schemas(),
            **responses_schemas(),
            **vector_schemas(),
            **sound_schemas(),
        },
        "responses": {_problem_name(status): _problem_response(status) for status in _STATUSES},
        "headers": {
            component: {"description": about, "schema": {"type": "string"}}
            for component, about in _HEADERS.values()
        },
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key `rh_…`, or a JWT of the outer system.",
            },
            "apiKey": {
                "type": "apiKey",
                "in": "header",
                "name": "X-API-Key",
                "description": "A key, where no bearer can be sent.",
            },
        },
    }


def _operation(
    name: str,
    summary: str,
    request: str,
    answer: str = "",
    *,
    example: dict[str, Any],
    events: str = "",
    event: str = "",
    content: dict[str, Any] | None = None,
    kind: str = "application/json",
) -> dict[str, Any]:
    content = content or {"application/json": {"schema": ref(answer)}}
    if events:
        content["text/event-stream"] = {"schema": text(events)}
    if event:
        content["text/event-stream"]["x-event-schema"] = ref(event)
    failed: dict[str, Any] = {
        str(status): {"$ref": f"#/components/responses/{_problem_name(status)}"} for status in _STATUSES
    }
    operation = {
        "operationId": name,
        "summary": summary,
        "description": f"Needs the scope `inference`. Also served as `/api` and this path.\n\n{events}".strip(),
        "tags": ["inference"],
        "security": [{"bearer": []}, {"apiKey": []}],
        "parameters": [
            {
                "name": "Cache-Control",
                "in": "header",
                "required": False,
                "description": "`no-cache`: do not answer from the response cache; `no-store`: leave it alone.",
                "schema": text(),
            }
        ],
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": ref(request), "example": example}},
        },
        "responses": {
            "200": {"description": "The answer.", "headers": _header_refs(), "content": content},
            **failed,
            "default": _problem_content("Any other status that a model server refused the request with."),
        },
    }
    return {"post": operation}


def _header_refs() -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{component}"} for name, (component, _) in _HEADERS.items()}


def _problem_name(status: int) -> str:
    return f"Problem{status}"


def _problem_response(status: int) -> dict[str, Any]:
    told = [
        f"{error.title} (`{error.code}`)"
        for error in tree()
        if error.status == status and error.code not in _NOT_HERE
    ]
    return _problem_content("; ".join(told) + ".")


def _problem_content(about: str) -> dict[str, Any]:
    return {
        "description": about,
        "headers": _header_refs()
        | {
            "retry-after": {
                "description": "Seconds after which a retry is sensible, where known.",
                "schema": {"type": "string"},
            },
            "x-should-retry": {
                "description": "Whether the same request may succeed later.",
                "schema": {"type": "string"},
            },
        },
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


def _problem() -> Schema:
    openai = record(
        "The same for OpenAI's clients.",
        {
            "message": text("What happened."),
            "type": text("Kind of error, as OpenAI names them."),
            "param": optional(text("The offending member, where there is one.")),
            "code": text("Stable name of the error."),
        },
        "message",
        "type",
        "param",
        "code",
    )
    return record(
        "An error, by RFC 9457.",
        {
            "type": text("`urn:roundhouse:error:` and the code."),
            "title": text("The error in one line."),
            "status": integer("The HTTP status."),
            "detail": text("What happened and what to do."),
            "instance": text("The request's id."),
            "error": openai,
        },
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "error",
    )
