"""Checks inputs and outputs by schemas that strangers wrote.

Nothing is fetched, whatever a schema refers to; regular expressions run in an engine that is linear in the text; sizes,
depths and the work of a check are bounded. Validators are made once for each version of a capability.

Source:
    JSON Schema 2020-12; RFC 6901 (2013) for JSON pointers.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import msgspec

from roundhouse.core.errors import BadInput, OutputInvalid, TooLarge, Unprocessable
from roundhouse.features.tasks.capabilities.effort import MOST_AT_ONE_PLACE, Effort, effort_of, every
from roundhouse.features.tasks.model import Capability

MOST_SCHEMA_BYTES = 256 * 1024
MOST_SCHEMA_DEPTH = 60
MOST_INPUT_BYTES = 1024 * 1024
MOST_DEPTH = 64
MOST_STEPS = 50_000_000
"""Upper bound of the schemas applied in one check: about a second in the worst case."""

_MOST_OUTPUT_BYTES = 64 * 1024 * 1024
_TOLD_CHARS = 300
_KEPT = 1024
_PATTERN_BYTES = 1024 * 1024
_MOST_PATTERNS = 256
_DRAFTS = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
)


class Checker(msgspec.Struct, frozen=True):
    """A schema, ready.

    Attributes:
        validator: Of the library.
        effort: What checking costs.
    """

    validator: Any
    effort: Effort

    def first_fault(self, value: Any, values_by_depth: list[int]) -> tuple[str, str] | None:
        """JSON pointer and words of the first thing that is wrong, None = nothing is.

        Args:
            value: JSON value.
            values_by_depth: As `measure` counts it.
        """
        if self.effort.steps(values_by_depth) > MOST_STEPS:
            return "", "it is nested too deep to be checked by this schema"
        fault = next(self.validator.iter_errors(value), None)
        return None if fault is None else (_pointer(fault), fault.message[:_TOLD_CHARS])


class Validators:
    """Makes validators, and keeps those used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, str], Checker] = OrderedDict()

    def check_input(self, capability: Capability, given: Any) -> None:
        """Raise unless a capability takes an input.

        Raises:
            TooLarge: It is larger than an input may be.
            Unprocessable: It is not valid; `param` is a JSON pointer.
        """
        counts = measure(given, _refuse)
        fault = self._of(capability, "input").first_fault(given, counts)
        if fault is not None:
            raise Unprocessable(f"The input is not valid: {fault[1]}", param=fault[0])

    def check_output(self, capability: Capability, output: Any) -> None:
        """Raise OutputInvalid unless what a capability answered is what its output schema says."""
        if capability.output_schema is None:
            return

        def refuse(words: str) -> NoReturn:
            raise OutputInvalid(f"The output of {capability.name} is not valid: {words}.")

        counts = measure(output, refuse, _MOST_OUTPUT_BYTES)
        fault = self._of(capability, "output").first_fault(output, counts)
        if fault is not None:
            said = f"The output of {capability.name} is not valid: {fault[1]}"
            wrong = OutputInvalid(said, param=fault[0])
            wrong.raw = output
            raise wrong

    def _of(self, capability: Capability, which: str) -> Checker:
        key = (capability.id, capability.version, which)
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        schema = capability.input_schema if which == "input" else capability.output_schema
        made = self._kept[key] = make_checker({} if schema is None else schema, f"{which}_schema")
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made


def make_checker(schema: dict[str, Any], param: str) -> Checker:
    """A schema as it is registered, ready.

    Args:
        schema: JSON Schema.
        param: Name of the field for errors.

    Raises:
        Unprocessable: It is none, refers to another document, has an expression that the linear engine does not know
            (looking around, back references), or checking by it could take too long.
    """
    # Half of what a process without capabilities of its own would load for this room.
    import jsonschema_rs

    encoded = _encoded(schema, param)
    if len(encoded) > MOST_SCHEMA_BYTES:
        raise Unprocessable(f"{param} is larger than {MOST_SCHEMA_BYTES} bytes.", param=param)

    def refuse(words: str) -> NoReturn:
        raise Unprocessable(f"{param} {words}.", param=param)

    measure(schema, refuse, MOST_SCHEMA_BYTES, MOST_SCHEMA_DEPTH)
    _check_references(schema, param)
    effort = effort_of(schema)
    if effort.at_one_place > MOST_AT_ONE_PLACE:
        raise Unprocessable(f"Checking by {param} could take too long.", param=param)
    try:
        validator = jsonschema_rs.validator_for(
            schema,
            retriever=_fetch_nothing,
            pattern_options=jsonschema_rs.RegexOptions(
                size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES
            ),
            validate_formats=True,
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        words = getattr(error, "message", "") or str(error).partition("\n")[0]
        raise Unprocessable(
            f"{param} is not a usable JSON Schema: {words[:_TOLD_CHARS]}", param=param
        ) from None
    return Checker(validator, effort)


def measure(
    value: Any,
    refuse: Callable[[str], NoReturn],
    limit_bytes: int = MOST_INPUT_BYTES,
    limit_depth: int = MOST_DEPTH,
) -> list[int]:
    """How many values lie at each depth of a JSON value; refuses what is no JSON, too large or too deep.

    Args:
        value: What is looked at.
        refuse: Is told why, and raises.
        limit_bytes: Largest size as JSON.
        limit_depth: Deepest nesting.
    """
    try:
        size_bytes = len(msgspec.json.encode(value))
    except (RecursionError, TypeError, ValueError, OverflowError):
        # Lone surrogates, numbers without end, nested so deep that nobody could read it.
        refuse("holds something that is no JSON, or is nested too deep")
    if size_bytes > limit_bytes:
        refuse(f"is larger than {limit_bytes} bytes")
    counts = list[int]()
    level: list[Any] = [value]
    while level:
        counts.append(len(level))
        if len(counts) > limit_depth:
            refuse(f"is nested deeper than {limit_depth} levels")
        if any(isinstance(one, float) and not math.isfinite(one) for one in level):
            refuse("holds a number without end")
        level = [inner for one in level for inner in _members(one)]
    return counts


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse(words: str) -> NoReturn:
    if words.startswith("is larger"):
        raise TooLarge(f"The input {words}; send files as ids.", param="")
    raise Unprocessable(f"The input {words}.", param="")


def _encoded(schema: Any, param: str) -> bytes:
    if not isinstance(schema, dict):
        raise Unprocessable(f"{param} must be a JSON object.", param=param)
    try:
        return msgspec.json.encode(schema)
    except (RecursionError, TypeError, ValueError, OverflowError):
        raise Unprocessable(
            f"{param} holds something that is no JSON, or is nested too deep.", param=param
        ) from None


def _check_references(schema: dict[str, Any], param: str) -> None:
    """References stay inside: one to another document is refused by name, though nothing would fetch it."""
    draft = schema.get("$schema")
    if draft is not None and (not isinstance(draft, str) or draft.rstrip("#") not in _DRAFTS):
        raise Unprocessable(f"{param}: $schema is none that is known.", param=param)
    patterns = 0
    for one in every(schema):
        for key in ("$ref", "$dynamicRef", "$recursiveRef"):
            ref = one.get(key)
            if isinstance(ref, str) and not ref.startswith("#"):
                raise Unprocessable(
                    f"{param}: {key} {ref[:100]!r} leads to another document; only #/… is taken.", param=param
                )
        if one is not schema and isinstance(one.get("$id"), str):
            raise Unprocessable(f"{param}: an inner $id is not taken.", param=param)
        by_pattern = one.get("patternProperties")
        patterns += ("pattern" in one) + (len(by_pattern) if isinstance(by_pattern, dict) else 0)
    if patterns > _MOST_PATTERNS:
        raise Unprocessable(f"{param} has more than {_MOST_PATTERNS} regular expressions.", param=param)


def _fetch_nothing(uri: str) -> NoReturn:
    raise BadInput(f"Nothing is fetched: {uri}")


def _pointer(fault: Any) -> str:
    """Where in the input: of a member that is missing, where it would be."""
    path = list(fault.instance_path)
    if fault.kind.name == "required":
        path.append(fault.kind.as_dict()["property"])
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
