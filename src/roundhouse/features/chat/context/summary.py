"""The older part of a conversation in few sentences: what is summarised, and how it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.engine.tokens import Count
from roundhouse.features.chat.context.settings import ContextSettings
from roundhouse.features.chat.context.window import cost, newest_summary, uncovered
from roundhouse.features.chat.model import Message

_ORDER = (
    "Summarise the conversation below in at most 12 sentences. Keep names, numbers, decisions and what is still open;"
    " write in its own language."
)
_EARLIER = "Earlier: "
_SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "System"}

# The part of the window that stays word for word; the rest is summarised when the window is full.
_KEPT_PART = 2
_HEAD_PART = 3


class SummaryPlan(msgspec.Struct, frozen=True):
    """What is to be summarised.

    Attributes:
        messages: The request to the model, in OpenAI's form.
        until_depth: Depth of the last message that the summary will cover.
        until_id: That message.
        made_of: All messages that it will be made of, an earlier summary among them.
    """

    messages: list[dict[str, Any]]
    until_depth: int
    until_id: str
    made_of: list[Message]


def plan(
    history: Sequence[Message],
    *,
    settings: ContextSettings,
    count: Count,
    budget_tokens: int,
    writer_tokens: int,
) -> SummaryPlan | None:
    """What of a conversation is to be summarised now; None = nothing.

    Args:
        history: The conversation, oldest first, with its summaries.
        settings: Nothing is due unless the strategy is `summary`.
        count: Tokens of a text, for the model that goes on with the conversation and for the one that summarises.
        budget_tokens: What the conversation's model takes.
        writer_tokens: What the summarising model takes.
    """
    if settings.strategy != "summary":
        return None
    # The next question, the system prompt and the facts take their part.
    room = budget_tokens * (_HEAD_PART - 1) // _HEAD_PART
    open_messages = uncovered(history)
    costs = [cost(one, settings, count) for one in open_messages]
    if sum(costs) <= room:
        return None
    kept = len(open_messages)
    kept_tokens = 0
    while kept > 0 and kept_tokens + costs[kept - 1] <= room // _KEPT_PART:
        kept -= 1
        kept_tokens += costs[kept]
    older = open_messages[:kept]
    return _request(older, newest_summary(history), count, writer_tokens) if older else None


def _request(
    older: Sequence[Message], earlier: Message | None, count: Count, writer_tokens: int
) -> SummaryPlan:
    """Oldest first, as much as the summarising model takes: the rest comes the next time."""
    lines = [f"{_EARLIER}{earlier.content}"] if earlier is not None else []
    left = writer_tokens - count(_ORDER) - sum(map(count, lines))
    told: list[Message] = []
    for one in older:
        line = f"{_SPEAKERS.get(one.role, one.role)}: {one.content}"
        tokens = count(line) + 1
        if tokens > left:
            if not told:
                lines.append(_cut(line, max(left, 1), tokens))
                told.append(one)
            break
        left -= tokens
        lines.append(line)
        told.append(one)
    text = "\n\n".join(lines)
    messages = [{"role": "user", "content": f"{_ORDER}\n\nText: {text}"}]
    last = told[-1]
    return SummaryPlan(messages, last.depth, last.id, told if earlier is None else [earlier, *told])


def _cut(text: str, left_tokens: int, tokens: int) -> str:
    """Beginning and end of a text that is too long, in about so many tokens."""
    half = max(1, len(text) * left_tokens // tokens // 2)
    return f"{text[:half]} … {text[-half:]}"
