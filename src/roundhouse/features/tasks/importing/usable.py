"""What of a proposal can be registered as it is: schemas that can be checked by, examples that are valid."""

from __future__ import annotations

from typing import NoReturn

import msgspec

from roundhouse.core.errors import BadInput, Unprocessable
from roundhouse.features.tasks.capabilities.names import check_name
from roundhouse.features.tasks.capabilities.validating import make_checker, measure
from roundhouse.features.tasks.importing.proposed import Proposal, Proposed, Skipped
from roundhouse.features.tasks.model import Example

_TAG_CHARS = 64
_MOST_TAGS = 50
_NAME_CHARS = 200


def usable(proposal: Proposal) -> Proposal:
    """The proposal without what could not be registered; an example that its own schema refuses is left out."""
    made, skipped = list[Proposed](), list(proposal.skipped)
    for one in proposal.capabilities:
        try:
            made.append(_usable(one))
        except BadInput as error:
            skipped.append(Skipped(one.operation, error.detail))
    return msgspec.structs.replace(proposal, capabilities=tuple(made), skipped=tuple(skipped))


def _usable(one: Proposed) -> Proposed:
    check_name(one.name)
    checker = make_checker(one.input_schema, "input_schema")
    make_checker({} if one.output_schema is None else one.output_schema, "output_schema")

    def good(example: Example) -> bool:
        try:
            return checker.first_fault(example.input, measure(example.input, _refuse)) is None
        except Unprocessable:
            return False

    return msgspec.structs.replace(
        one,
        title=_clean(one.title),
        description=_clean(one.description),
        tags=tuple(_clean(tag)[:_TAG_CHARS] for tag in one.tags if _clean(tag))[:_MOST_TAGS],
        examples=tuple(
            Example(
                _clean(each.name)[:_NAME_CHARS] or "example", each.input, _clean(each.summary)[:_NAME_CHARS]
            )
            for each in one.examples
            if good(each)
        ),
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "")


def _refuse(words: str) -> NoReturn:
    raise Unprocessable(f"The example {words}.")
