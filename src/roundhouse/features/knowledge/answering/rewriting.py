"""Queries of a search, put by a language model as one looks for them."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.errors import BackendFailed, ModelNotFound, NotAllowed
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.answering.standalone import MOST_CHARS
from roundhouse.features.knowledge.answering.voice import QUOTING_TARGET, Voice

_ORDER = (
    "You are given what somebody typed to search a collection of documents. Rewrite it as one short query that finds "
    "the passages which answer it: leave out greetings, politeness and everything about the asking, spell out what is "
    "meant. Keep its language and every name, number and date; add no facts. Reply with the query alone."
)
_SCOPE = "inference"


class QueryRewriter:
    """A `searching.rewriting.Rewriter` that asks the model which answers questions.

    Args:
        voice: The language models.
        default_model: Which of them.
    """

    def __init__(self, voice: Voice, default_model: str) -> None:
        self._voice = voice
        self._default_model = default_model

    async def rewrite(
        self, caller: Caller, queries: Sequence[str], request_id: str
    ) -> tuple[str, ...] | None:
        """See `searching.rewriting.Rewriter`: None where the model only quotes, is not for the caller, or fails."""
        if not caller.may(_SCOPE):
            return None
        model = self._default_model
        try:
            if await self._voice.quotes_only(caller, model, queries[0]):
                return None
            said = [await self._one(caller, model, one, request_id) for one in queries]
        except (BackendFailed, ModelNotFound, NotAllowed):
            return None
        found = tuple(one for one in said if one is not None)
        return found if len(found) == len(queries) else None

    async def _one(self, caller: Caller, model: str, query: str, request_id: str) -> str | None:
        messages = [{"role": "system", "content": _ORDER}, {"role": "user", "content": query[:MOST_CHARS]}]
        spoken = self._voice.spoken(model)
        said = self._voice.stream(caller, model, messages, request_id, spoken, stream=False)
        text = "".join([piece async for piece in said]).strip()
        if spoken.decision.target == QUOTING_TARGET:
            # Whoever was to answer could not, and the built-in model stood in: it quotes the order.
            return None
        # A model that chats instead has said more than a query.
        return text if text and len(text) <= min(MOST_CHARS, 2 * len(query) + 200) else None
