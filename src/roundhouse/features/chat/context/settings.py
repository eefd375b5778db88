"""How much of a conversation a model is told: the member `context` of a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from roundhouse.core.errors import BadInput

MOST_FACTS = 50
MOST_FACT_CHARACTERS = 2000

Fact = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_FACT_CHARACTERS)]


class ContextSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of the conversation goes to the model besides the question.

    Attributes:
        strategy: `tokens`: the newest messages that fit. `last`: the newest `last_messages` of those. `summary`: as
            `tokens`, and what does not fit as a summary.
        last_messages: Messages before the question, with the strategy `last`.
        max_tokens: Most tokens of all that is sent; None = what the model's window leaves.
        answer_tokens: Room kept free for the answer.
        attachment_tokens: What one attachment counts.
        facts: Sentences that the model is always told.
        summary_model: Who writes summaries; None = the built-in model, which quotes.
    """

    strategy: Literal["tokens", "last", "summary"] = "tokens"
    last_messages: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    max_tokens: Annotated[int, msgspec.Meta(ge=64, le=100_000_000)] | None = None
    answer_tokens: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 1024
    # An image is 85 to 1,600 tokens at today's vendors; too much here only leaves out an older message.
    attachment_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1600
    facts: Annotated[tuple[Fact, ...], msgspec.Meta(max_length=MOST_FACTS)] = ()
    summary_model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


def read_settings(context: Mapping[str, Any]) -> ContextSettings:
    """The settings in a session's `context`.

    Raises:
        BadInput: A member is unknown, of a wrong type or out of range; the text names it.
    """
    try:
        return msgspec.convert(dict(context), ContextSettings)
    except msgspec.ValidationError as error:
        raise BadInput(f"'context' is not valid: {error}", param="context") from None
