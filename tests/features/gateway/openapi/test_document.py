"""The description of the inference endpoints is valid, complete and true."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import msgspec
import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params

from roundhouse.core.errors import BadInput, NotSupported, tree
from roundhouse.core.wire import open_object
from roundhouse.features.gateway.openapi import inference_components, inference_paths
from roundhouse.features.gateway.responses import ResponsesAdapter

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Roundhouse", "version": "0"},
    "paths": inference_paths(),
    "components": inference_components(),
}
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = [(path, item["post"]) for path, item in DOCUMENT["paths"].items()]
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def validator(name: str) -> Any:
    """Checks values by a component."""
    root = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(root)


def references(value: Any) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def test_it_is_valid_openapi_and_json() -> None:
    openapi_spec_validator.validate(DOCUMENT)
    assert msgspec.json.decode(msgspec.json.encode(DOCUMENT)) == DOCUMENT


def test_every_component_is_used_and_every_reference_leads_to_one() -> None:
    named = references(DOCUMENT)
    told = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "headers")
        for name in DOCUMENT["components"][kind]
    }
    assert named == told


def test_two_documents_share_nothing() -> None:
    inference_components()["schemas"].clear()
    inference_paths().clear()
    assert inference_components() == DOCUMENT["components"]
    assert inference_paths() == DOCUMENT["paths"]


@pytest.mark.parametrize(
    ("component", "params"),
    [
        ("ChatCompletionRequest", chat_create_params.CompletionCreateParamsBase),
        ("CompletionRequest", completion_create_params.CompletionCreateParamsBase),
        ("EmbeddingRequest", embedding_create_params.EmbeddingCreateParams),
        ("ResponsesRequest", response_create_params.ResponseCreateParamsBase),
    ],
)
def test_every_member_the_official_client_can_send_is_described(component: str, params: Any) -> None:
    # Of these the API has no use, and none is asked for: they are ignored as unknown members are.
    ignored = {
        "ResponsesRequest": {"access_programs", "background_options", "image", "stream_options"},
    }.get(component, set())
    described = SCHEMAS[component]["properties"]
    assert set(params.__annotations__) - ignored <= set(described) | {"stream"}
    assert "stream" in described or component == "EmbeddingRequest"
    for name, schema in described.items():
        about = [schema, *schema.get("anyOf", [])]
        assert any(one.get("description") or "$ref" in one for one in about) or name == "reasoning", name


@pytest.mark.parametrize(("path", "operation"), OPERATIONS, ids=[path for path, _ in OPERATIONS])
def test_an_operation_is_whole(path: str, operation: dict[str, Any]) -> None:
    (media,) = operation["requestBody"]["content"].values()
    name = media["schema"]["$ref"].rpartition("/")[2]
    assert validator(name).is_valid(media["example"])
    assert not validator(name).is_valid(
        {name: value for name, value in media["example"].items() if name == "model"}
    )
    responses = operation["responses"]
    streams = "text/event-stream" in responses["200"]["content"]
    assert streams == ("stream" in SCHEMAS[name]["properties"])
    assert {"200", "400", "401", "403", "404", "413", "422", "429", "502", "503", "504"} <= responses.keys()
    assert {"x-request-id", "x-roundhouse-model", "x-roundhouse-cache"} <= responses["200"]["headers"].keys()
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert all(scheme in schemes for entry in operation["security"] for scheme in entry)


def test_every_error_that_can_be_answered_stands_in_its_response() -> None:
    told = msgspec.json.encode(DOCUMENT["components"]["responses"]).decode()
    codes = set(re.findall(r"`([a-z_]+)`", told))
    # Not of these endpoints: no other method, nothing to conflict with, nobody left to read it or asked, none stored.
    others = {"method_not_allowed", "conflict", "pipeline_retired", "range_not_satisfiable", "cancelled"}
    others |= {"storage_full", "expired"}
    assert codes == {error.code for error in tree()} - others


@pytest.mark.parametrize(
    ("component", "value"),
    [
        (
            "ChatMessage",
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}],
            },
        ),
        ("ChatMessage", {"role": "user", "content": [{"type": "video_url", "video_url": {"url": PICTURE}}]}),
        (
            "ChatMessage",
            {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:,", "filename": "a"}}]},
        ),
        ("ChatMessage", {"role": "developer", "content": "Be brief", "name": "me"}),
        (
            "ChatMessage",
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        ),
        ("ChatMessage", {"role": "tool", "tool_call_id": "a", "content": "31"}),
        ("ChatMessage", {"role": "function", "name": "f", "content": None}),
        ("ChatTool", {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}),
        (
            "ChatCompletionRequest",
            {
                "model": "m",
                "messages": [{"role": "system", "content": "x"}],
                "tool_choice": {"type": "function", "function": {"name": "f"}},
                "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
                "stop": ["a"],
                "temperature": None,
                "beyond": {"openai": True},
            },
        ),
        ("EmbeddingRequest", {"model": "m", "input": [{"text": "a"}, {"image": PICTURE}], "dimensions": 64}),
        ("EmbeddingRequest", {"model": "m", "input": [[1, 2], [3]], "encoding_format": "base64"}),
        ("EmbeddingRequest", {"model": "m", "input": [1, 2]}),
        ("RerankRequest", {"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}),
        (
            "ResponsesRequest",
            {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]},
        ),
    ],
)
def test_what_clients_send_is_described(component: str, value: Any) -> None:
    validator(component).validate(value)


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("ChatMessage", {"role": "critic", "content": "x"}),
        ("ChatMessage", {"role": "tool", "content": "x"}),
        ("ChatCompletionRequest", {"model": "m", "messages": []}),
        ("ChatCompletionRequest", {"model": "", "messages": [{"role": "user", "content": "x"}]}),
        ("EmbeddingRequest", {"model": "m", "input": []}),
        ("ResponsesRequest", {"model": "m", "input": "x", "tools": [{"type": "web_search"}]}),
    ],
)
def test_what_is_wrong_is_not(component: str, value: Any) -> None:
    assert not validator(component).is_valid(value)


_RESPONSES = schemathesis.openapi.from_dict(DOCUMENT)["/v1/responses"]["POST"]


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(_RESPONSES.as_strategy())
def test_what_the_responses_schema_allows_is_taken_or_refused_by_name(case: Any) -> None:
    """Only a choice of tools without tools, and what is said to be not served, may be refused."""
    asked = open_object(msgspec.json.encode(case.body))
    try:
        ResponsesAdapter().request(asked)
    except NotSupported as error:
        assert error.param in case.body
    except BadInput as error:
        # JSON Schema takes 2.0 for a whole number; no client writes it so.
        assert error.param in ("tool_choice", "input") or "got `float`" in error.detail
