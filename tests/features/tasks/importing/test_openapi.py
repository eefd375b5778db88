"""Documents to proposals: golden files, and what is refused.

`python tests/features/tasks/importing/test_openapi.py` writes the golden files anew; look at what changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roundhouse.core.errors import BadInput, RemoteReference, Unprocessable
from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
from roundhouse.features.tasks.importing.proposed import Proposal, Proposed

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
GOLDEN = HERE / "golden"
WANTED = {
    "fastapi.json": Wanted(found_at="http://127.0.0.1:8044/openapi.json"),
    "shop.yaml": Wanted(prefix="shop"),
    "pets.json": Wanted(),
}


def shown(name: str) -> str:
    proposal = propose((DOCUMENTS / name).read_bytes(), WANTED[name])
    return json.dumps(msgspec.to_builtins(proposal), indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", WANTED)
def test_a_document_proposes_what_its_golden_file_says(name: str) -> None:
    assert shown(name) == (GOLDEN / f"{name}.txt").read_text("utf-8")


def document(**paths: Any) -> dict[str, Any]:
    """A document of operations by path, a slash put before each; `POST` unless the path says otherwise."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Toys", "version": "1"},
        "servers": [{"url": "http://toys.example"}],
        "paths": {f"/{path}": {"post": operation} for path, operation in paths.items()},
    }


def body(schema: Any, **media: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, **media}}}}


def only(given: dict[str, Any], **wanted: Any) -> Proposed:
    proposal = propose(given, Wanted(**wanted))
    assert proposal.skipped == ()
    (found,) = proposal.capabilities
    return found


def names(proposal: Proposal) -> list[str]:
    return [one.name for one in proposal.capabilities]


@pytest.mark.parametrize(
    "reference",
    [
        "https://elsewhere.example/schema.json",
        "other.json#/components/schemas/X",
        "//elsewhere.example/x",
        "file:///etc/passwd",
        7,
    ],
)
def test_a_remote_reference_is_refused(reference: Any) -> None:
    if reference == 7:
        given = document(a=body({"properties": {"x": {"$dynamicRef": "#x"}}}))
    else:
        given = document(a=body({"properties": {"x": {"$ref": reference}}}))
    with pytest.raises(RemoteReference) as told:
        propose(given, Wanted())
    assert told.value.code == "remote_reference"


def test_what_is_not_included_may_refer_to_anything() -> None:
    given = document(a=body({"$ref": "https://elsewhere.example/x"}), b=body({"type": "object"}))
    assert names(propose(given, Wanted(include=("POST /b",)))) == ["toys.post_b"]


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b",
        "/a/%2e%2e/b",
        "/a/%252e%252E/b",
        "//elsewhere.example/b",
        "/%2f%2felsewhere.example",
        "/a\\..\\b",
        "/a?x=1",
        "/a#b",
        "/a b",
        "/@elsewhere.example",
        "/{a",
        "/{}",
        "a",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    given = document(a={})
    given["paths"] = {path: {"get": {}}}
    with pytest.raises(Unprocessable, match="path"):
        propose(given, Wanted())


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"[]",
        b"{",
        b"openapi: [",
        b"a: &a [1]\nb: *a\nopenapi: 3.0.0",
        b"\xff\xfe",
        b'{"openapi": "4.0.0", "paths": {}}',
        b'{"openapi": "3.0.0", "paths": ' + b'{"a":' * 90 + b"1" + b"}" * 91,
        b"[" * 200_000,
        b"- " * 5_000 + b"1",
        b'{"openapi": "3.0.0"}' + b" " * 5_000_000,
    ],
)
def test_what_is_no_document_is_refused(given: bytes) -> None:
    with pytest.raises(Unprocessable):
        propose(given, Wanted())


def test_a_reference_into_nothing_or_round_in_a_circle_leaves_the_operation_out() -> None:
    given = document(
        a=body({"$ref": "#/components/schemas/Gone"}),
        b=body({"$ref": "#/components/schemas/Round"}),
        c=body({"$ref": "#anchor"}),
        d=body({"type": "object"}),
    )
    given["components"] = {"schemas": {"Round": {"$ref": "#/components/schemas/Round"}}}
    proposal = propose(given, Wanted())
    assert names(proposal) == ["toys.post_d"]
    assert [one.operation for one in proposal.skipped] == ["POST /a", "POST /b", "POST /c"]


def test_a_schema_that_is_too_large_leaves_the_operation_out() -> None:
    proposal = propose(
        document(a=body({"type": "object", "properties": {"x": {"description": "x" * 300_000}}})), Wanted()
    )
    assert (names(proposal), len(proposal.skipped)) == ([], 1)


def test_more_operations_than_anybody_has_are_refused() -> None:
    with pytest.raises(Unprocessable, match="500"):
        propose(document(**{f"p{number}": {} for number in range(501)}), Wanted())


def test_names_are_the_ids_without_what_fastapi_puts_behind() -> None:
    given = document(
        solve={"operationId": "solve_solve_post"},
        other={"operationId": "solve_other_post"},
        three={"operationId": "giải toán"},
        four={"operationId": "求解"},
        five={},
    )
    assert sorted(names(propose(given, Wanted(prefix="AI Math")))) == [
        "ai-math.giai_toan",
        "ai-math.post_five",
        "ai-math.post_four",
        "ai-math.post_other",
        "ai-math.solve",
    ]


def test_a_server_is_the_one_that_is_said_or_named_or_where_the_document_lies() -> None:
    given = document(a={})
    assert only(given).endpoint["url"] == "http://toys.example/a"
    assert only(given, base_url="http://127.0.0.1:9/x/").endpoint["url"] == "http://127.0.0.1:9/x/a"
    given["servers"] = [{"url": "/v3"}]
    assert (
        only(given, found_at="https://a.example:8/docs/o.json").endpoint["url"] == "https://a.example:8/v3/a"
    )
    del given["servers"]
    assert only(given, found_at="https://a.example:8/docs/o.json").endpoint["url"] == "https://a.example:8/a"
    for found_at, base_url in (
        ("", ""),
        ("", "ftp://a"),
        ("", "http://u@a"),
        ("", "http://a/../b"),
        ("", "http://a?b"),
    ):
        with pytest.raises(BadInput):
            propose(given, Wanted(found_at=found_at, base_url=base_url))


def test_parameters_of_one_name_get_names_of_their_own() -> None:
    operation = body({"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}})
    operation["parameters"] = [
        {"name": "id", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "id", "in": "header", "content": {"application/json": {"schema": {"type": "number"}}}},
        {"name": "session", "in": "cookie", "schema": {"type": "string"}},
    ]
    found = only(document(a=operation))
    assert {name: one["type"] for name, one in found.input_schema["properties"].items()} == {
        "id": "string",
        "header_id": "number",
        "body_id": "integer",
    }
    assert found.input_schema["required"] == ["id", "body_id"]


def test_a_body_of_alternatives_stays_whole() -> None:
    found = only(document(a=body({"oneOf": [{"type": "object"}, {"type": "string"}]}, example="x")))
    assert found.input_schema["properties"] == {"body": {"oneOf": [{"type": "object"}, {"type": "string"}]}}
    assert found.examples[0].input == {"body": "x"}


def test_examples_of_body_and_parameters_of_one_name_are_one() -> None:
    operation = body(
        {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer"}}},
        examples={"one": {"value": {"b": 1}}, "two": {"summary": "2", "value": {"b": 2}}},
    )
    operation["parameters"] = [
        {"name": "q", "in": "query", "required": True, "schema": {}, "examples": {"two": {"value": "zwei"}}}
    ]
    found = {one.name: (one.input, one.summary) for one in only(document(a=operation)).examples}
    assert found == {"two": ({"q": "zwei", "b": 2}, "2"), "one": ({"q": "zwei", "b": 1}, "")}


def test_what_is_prose_does_not_change_the_digest() -> None:
    plain = only(document(a=body({"type": "object"})))
    told = only(document(a={"summary": "Xin chào", **body({"type": "object"})}))
    other = only(document(a=body({"type": "object", "required": ["x"]})))
    assert plain.digest == told.digest != other.digest


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for one in WANTED:
        (GOLDEN / f"{one}.txt").write_text(shown(one), "utf-8")
    sys.stdout.write(f"Wrote {len(WANTED)} files.\n")
