"""From a question to passages and what they are worth: the part that `ask` and chats share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from roundhouse.core.errors import BackendFailed
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.answering import evidence, material
from roundhouse.features.knowledge.answering.evidence import QUOTED_FROM, Evidence
from roundhouse.features.knowledge.answering.material import Material
from roundhouse.features.knowledge.answering.ports import Searching, Wanted
from roundhouse.features.knowledge.answering.standalone import (
    MOST_CHARS,
    Standalone,
    Turn,
    by_rules,
    whole_as,
)
from roundhouse.features.knowledge.answering.voice import Voice

LEAST_FOUND = 24
"""Passages that are looked at, however few are told: the rest tells which of the question's words are rare."""

MAX_PASSAGES = 50
_TURNS = 6
_TURN_CHARS = 1500
_REWRITE = (
    "Rewrite the last question of the conversation so that it can be understood without the conversation. Keep its "
    "language and every name, number and date. Reply with the question alone."
)


class Retrieved(msgspec.Struct, frozen=True):
    """What there is for a question.

    Attributes:
        question: It, whole in itself.
        material: What was found, taken apart.
        evidence: How well the best of it bears on the question; None = nothing was found.
        warnings: Codes of what did not go as it should.
    """

    question: Standalone
    material: Material
    evidence: Evidence | None
    warnings: tuple[str, ...]

    @property
    def can_be_quoted(self) -> bool:
        """Whether there is enough evidence to answer with quotes alone."""
        return self.bears(QUOTED_FROM[self.question.language])

    def bears(self, least: float) -> bool:
        """Whether there is at least so much evidence, as log-odds."""
        return self.evidence is not None and self.evidence.log_odds >= least


async def retrieve(
    searching: Searching, caller: Caller, store_ids: Sequence[str], question: Standalone, wanted: Wanted
) -> Retrieved:
    """Search, and weigh what was found; raises what the search raises."""
    limit = min(max(wanted.limit, LEAST_FOUND), MAX_PASSAGES)
    asked = msgspec.structs.replace(wanted, query=question.text, limit=limit)
    found = await searching.search(caller, store_ids, asked)
    passages = [one for one in found.passages if one.text.strip()]
    taken = material.read(question.question.terms, question.text, passages)
    return Retrieved(question, taken, evidence.weigh(taken), found.warnings)


async def rewritten(
    voice: Voice | None, caller: Caller, model: str, asked: str, history: Sequence[Turn], request_id: str
) -> Standalone:
    """A question made whole: by a language model where there is one, else by rules.

    Args:
        voice: The model; None = there is none.
        caller: Who asks.
        model: Its name.
        asked: The question.
        history: What was said before it, the oldest first.
        request_id: For the record of use.

    Raises:
        RateLimited, BudgetExceeded: Not now.
    """
    ruled = by_rules(asked, history)
    if voice is None or not history:
        return ruled
    said = "\n".join(f"{turn.role}: {turn.text[:_TURN_CHARS]}" for turn in history[-_TURNS:])
    messages = [
        {"role": "system", "content": _REWRITE},
        {"role": "user", "content": f"{said}\n\nLast question: {asked}"},
    ]
    try:
        text = (await voice.say(caller, model, messages, request_id)).strip()
    except BackendFailed:
        # The answer itself may still be had from another model, or fail with the reason.
        return ruled
    if not text or len(text) > min(MOST_CHARS, 4 * len(asked) + 400):
        return ruled
    return whole_as(asked, text, ruled.language)
