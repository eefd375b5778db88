"""Which messages of a conversation a model is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import ContextTooLong
from roundhouse.engine.tokens import MESSAGE_TOKENS, Count
from roundhouse.features.chat.context.settings import ContextSettings
from roundhouse.features.chat.model import Message

_FACTS = "Keep in mind:"
_MEMORIES = "What you know of the user from earlier conversations:"
_SUMMARY = "Summary of the earlier part of this conversation:"

UNTIL = "until_depth"
"""Member of a summary's metadata: the depth of the last message that it covers; without it all before it."""

# Memories may take this part of what is left beside the question.
_MEMORY_PART = 4


class Turn(msgspec.Struct, frozen=True):
    """One message as a model gets it.

    Attributes:
        role: `system`, `user` or `assistant`.
        content: Its text.
        attachments: Files that belong to it.
    """

    role: str
    content: str
    attachments: tuple[str, ...] = ()

    def wire(self) -> dict[str, Any]:
        """In OpenAI's form, without its attachments."""
        return {"role": self.role, "content": self.content}


class Fitted(msgspec.Struct, frozen=True):
    """What a model is told.

    Attributes:
        turns: The question is the last one, or the end of it; roles alternate, a system message is the first.
        ids: Of the messages that are told, the question last.
        left_out: Messages of the history that are not told, those without text aside.
        memories_left_out: Memories that had no room.
        tokens: Of all that is told, as counted.
        summarised: Whether a summary is told.
    """

    turns: list[Turn]
    ids: list[str]
    left_out: int
    memories_left_out: int
    tokens: int
    summarised: bool


def fit(
    history: Sequence[Message],
    question: Message,
    *,
    system: str,
    facts: Sequence[str],
    settings: ContextSettings,
    count: Count,
    budget_tokens: int,
    memories: Sequence[str] = (),
) -> Fitted:
    """Choose what is told: the system prompt, facts, pinned messages and the question always, the rest as it fits.

    Args:
        history: Messages before the question, oldest first; earlier pinned ones and summaries may stand in front of
            a gap.
        question: The message that is to be answered; never left out.
        system: System prompt, may be empty.
        facts: Sentences that are always told.
        settings: Strategy.
        count: Tokens of a text.
        budget_tokens: Most tokens of all that is told.
        memories: Long-term memories, the most useful first; told as far as they have room.

    Raises:
        ContextTooLong: The question, or all that is always told, has no room.
    """
    window = _Window(question, settings, count, budget_tokens)
    usable = [one for one in history if _told(one)]
    pinned = [one for one in usable if one.pinned]
    window.require(system, facts, pinned)
    window.mend(usable)
    known = window.remember(memories)
    summary = _summary(history) if settings.strategy == "summary" else None
    if summary is not None:
        window.tell_summary(summary)
    covered = covered_until(summary) if summary is not None and window.summary else -1
    window.fill([one for one in usable if one.depth > covered])
    window.mend(usable)
    chosen = window.chosen(usable)
    return Fitted(
        turns=_turns(window.head(), [*chosen, question]),
        ids=[one.id for one in chosen] + [question.id],
        left_out=len(usable) - len(chosen),
        memories_left_out=len(memories) - known,
        tokens=window.used,
        summarised=bool(window.summary),
    )


def cost(message: Message, settings: ContextSettings, count: Count) -> int:
    """Tokens of one message with its attachments."""
    return MESSAGE_TOKENS + count(message.content) + settings.attachment_tokens * len(message.attachments)


def uncovered(history: Sequence[Message]) -> list[Message]:
    """Messages that can be told and that no summary covers."""
    summary = _summary(history)
    covered = covered_until(summary) if summary is not None else -1
    return [one for one in history if _told(one) and one.depth > covered]


def newest_summary(history: Iterable[Message]) -> Message | None:
    """The summary that counts: the one that covers most."""
    return _summary(history)


def covered_until(summary: Message) -> int:
    """Depth of the last message that a summary covers."""
    until = summary.metadata.get(UNTIL)
    return until if isinstance(until, int) and until < summary.depth else summary.depth - 1


class _Window:
    """Counts what is taken in against the budget."""

    def __init__(
        self, question: Message, settings: ContextSettings, count: Count, budget_tokens: int
    ) -> None:
        self._settings = settings
        self._count = count
        self._budget = budget_tokens
        self._parts: list[str] = []
        self._ids: set[str] = set()
        self.summary = ""
        self.used = cost(question, settings, count)
        if self.used > budget_tokens:
            raise ContextTooLong(
                f"The question alone has about {self.used} tokens; there is room for {budget_tokens}.",
                param="content",
            )

    def require(self, system: str, facts: Sequence[str], pinned: Sequence[Message]) -> None:
        """Take in what is always told."""
        question_tokens = self.used
        if system.strip():
            self._add(system)
        if facts:
            self._add(_listed(_FACTS, facts))
        for one in pinned:
            self._take(one)
        if self.used > self._budget:
            raise ContextTooLong(
                f"The question has about {question_tokens} tokens; with the system prompt, the facts and the pinned"
                f" messages it is {self.used}, and there is room for {self._budget}. Unpin or shorten something.",
                param="context",
            )

    def remember(self, memories: Sequence[str]) -> int:
        """Take in memories while they have room; how many it were."""
        room = (self._budget - self.used) // _MEMORY_PART
        room -= self._count(_MEMORIES) + MESSAGE_TOKENS
        known: list[str] = []
        for one in memories:
            room -= self._count(f"\n- {one}")
            if room < 0:
                break
            known.append(one)
        if known:
            self._add(_listed(_MEMORIES, known))
        return len(known)

    def tell_summary(self, summary: Message) -> None:
        """Take in a summary if it leaves room for as much again."""
        text = f"{_SUMMARY}\n{summary.content}"
        tokens = self._count(text) + MESSAGE_TOKENS
        if tokens <= (self._budget - self.used) // 2:
            self._parts.append(text)
            self.used += tokens
            self.summary = summary.content

    def fill(self, candidates: Sequence[Message]) -> None:
        """Take in the newest messages as far as they have room."""
        most = self._settings.last_messages if self._settings.strategy == "last" else len(candidates)
        first = len(candidates)
        while first > 0 and len(candidates) - first < most and self._fits(candidates[first - 1]):
            first -= 1
            self._take(candidates[first])

    def mend(self, usable: Sequence[Message]) -> None:
        """See that an answer comes with its question, or not at all; a pinned one comes anyway."""
        before: Message | None = None
        for one in usable:
            if one.role == "system":
                continue
            asked = before
            before = one
            if one.role != "assistant" or one.id not in self._ids:
                continue
            if asked is not None and asked.id in self._ids:
                continue
            if asked is not None and asked.role == "user" and self._fits(asked):
                self._take(asked)
            elif not one.pinned:
                self._ids.discard(one.id)
                self.used -= cost(one, self._settings, self._count)

    def chosen(self, usable: Sequence[Message]) -> list[Message]:
        """What was taken in, in order."""
        return [one for one in usable if one.id in self._ids]

    def head(self) -> str:
        """The system message, empty without one."""
        return "\n\n".join(self._parts)

    def _fits(self, message: Message) -> bool:
        known = message.id in self._ids
        return known or self.used + cost(message, self._settings, self._count) <= self._budget

    def _take(self, message: Message) -> None:
        if message.id not in self._ids:
            self._ids.add(message.id)
            self.used += cost(message, self._settings, self._count)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self.used += self._count(text) + MESSAGE_TOKENS


def _told(message: Message) -> bool:
    """Whether a message can be told at all: a tool's result means nothing without the call."""
    if message.kind != "message" or message.deleted_at_s is not None or message.role == "tool":
        return False
    return bool(message.content.strip() or message.attachments)


def _summary(history: Iterable[Message]) -> Message | None:
    found = [one for one in history if one.kind == "summary" and one.content and one.deleted_at_s is None]
    return max(found, key=covered_until, default=None)


def _listed(heading: str, sentences: Sequence[str]) -> str:
    return "\n".join([heading, *(f"- {one}" for one in sentences)])


def _turns(head: str, told: Sequence[Message]) -> list[Turn]:
    """Many chat templates take one system message, the first, and roles that alternate."""
    instructions = [head, *(one.content for one in told if one.role == "system")]
    system = "\n\n".join(part for part in instructions if part)
    turns = [Turn("system", system)] if system else []
    for one in told:
        if one.role == "system":
            continue
        new = Turn(one.role, one.content, tuple(one.attachments))
        if turns and turns[-1].role == new.role:
            turns[-1] = Turn(
                new.role,
                "\n\n".join(part for part in (turns[-1].content, new.content) if part),
                turns[-1].attachments + new.attachments,
            )
        else:
            turns.append(new)
    return turns
