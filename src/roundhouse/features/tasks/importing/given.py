"""Headers that the operator gives at an import: who calls need not say them, and no model is asked for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from roundhouse.features.tasks.importing.proposed import Proposal, Proposed


def without_headers(proposal: Proposal, names: Iterable[str]) -> Proposal:
    """The proposal without inputs that would only be sent as one of these headers; names in any case."""
    given = frozenset(name.lower() for name in names)
    if not given:
        return proposal
    capabilities = tuple(_without(one, given) for one in proposal.capabilities)
    return msgspec.structs.replace(proposal, capabilities=capabilities)


def _without(one: Proposed, given: frozenset[str]) -> Proposed:
    places: dict[str, Any] = one.endpoint.get("places", {})
    gone = {label for label, where in places.items() if _header(label, where) in given}
    if not gone:
        return one
    schema = {**one.input_schema, "properties": _but(one.input_schema.get("properties", {}), gone)}
    required = [label for label in schema.pop("required", []) if label not in gone]
    if required:
        schema["required"] = required
    examples = tuple(
        msgspec.structs.replace(each, input=_but(each.input, gone)) if isinstance(each.input, dict) else each
        for each in one.examples
    )
    endpoint = {**one.endpoint, "places": _but(places, gone)}
    return msgspec.structs.replace(one, input_schema=schema, examples=examples, endpoint=endpoint)


def _header(label: str, where: Any) -> str:
    """The header that a property is sent as, in lower case; empty = it is sent otherwise."""
    told = where if isinstance(where, dict) else {"place": where}
    return str(told.get("name", label)).lower() if told.get("place") == "header" else ""


def _but(members: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in gone}
