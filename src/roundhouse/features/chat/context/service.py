"""The verbs of contexts: prepare what a model is told, keep summaries of what it is not told word for word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.engine.limits import Limits
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.context import store
from roundhouse.features.chat.context.settings import ContextSettings, read_settings
from roundhouse.features.chat.context.summary import SummaryPlan, plan
from roundhouse.features.chat.context.window import UNTIL, Fitted, fit
from roundhouse.features.chat.model import Message, NewMessage, Session
from roundhouse.features.chat.telling import tell_message
from roundhouse.infra.db import Database, Tx

Summarise = Callable[[Caller, str, list[dict[str, Any]]], Awaitable[str]]
"""Has a model (its name) answer messages in OpenAI's form; raises what the engine raises."""

BUILTIN_SUMMARY_MODEL = "extractive"
"""Quotes the sentences that matter; always there, never invents."""

MOST_MESSAGES = 400
"""Messages of which a window is made, however many would fit."""

_LEAST_MESSAGES = 16
# Of usual messages this many tokens are read at once; of shorter ones the rest is read afterwards.
_MESSAGE_TOKENS = 64
_MOST_CHARS_PER_TOKEN = 6


class Prepared(msgspec.Struct, frozen=True):
    """What a model is told for a question.

    Attributes:
        messages: In OpenAI's form, text only.
        attachments: Files of each of them, by place.
        tokens: About how many tokens it is.
        window_tokens: What the model takes, the answer included.
        answer_tokens: Room that is left for the answer.
        left_out: Messages looked at that are not told; of a long conversation older ones are not even looked at.
        memories_left_out: Memories that had no room.
        summarised: Whether a summary stands for older messages.
    """

    messages: list[dict[str, Any]]
    attachments: list[tuple[str, ...]]
    tokens: int
    window_tokens: int
    answer_tokens: int
    left_out: int
    memories_left_out: int
    summarised: bool


MOST_DOCUMENT_TOKENS = 8000
"""Room that is kept for passages in a session with vector stores; at most half of what there is."""


class ContextService:
    """Contexts of conversations.

    Args:
        db: The database.
        limits: What models take.
        summarise: Calls the model that writes summaries.
        clock: Time.
    """

    def __init__(self, db: Database, limits: Limits, summarise: Summarise, clock: Clock) -> None:
        self._db = db
        self._limits = limits
        self._summarise = summarise
        self._clock = clock

    async def prepare(
        self, tx: Tx, caller: Caller, session: Session, question: Message, model: str
    ) -> Prepared:
        """What the model is told for a question.

        The end of the conversation is read in one query, in two where its messages are short; few small ones come
        besides. No model is called and no other network is used, so any transaction may be open.

        Args:
            tx: Any transaction.
            caller: Who asks.
            session: Whose conversation.
            question: The message to be answered; the conversation that ends with it counts.
            model: Name as clients write it.

        Raises:
            ContextTooLong: The question has no room, alone or with what is always told.
            BadInput: The session's `context` is not valid.
        """
        settings = read_settings(session.context)
        limit = self._limits.of(caller, model, question.content)
        budget = _budget(settings, limit.window_tokens, documents=bool(session.vector_store_ids))
        history = await self._history(tx, caller, session, question, settings, budget)
        known = await store.memories_of(tx, caller, session) if session.uses_memory else []
        fitted = fit(
            history,
            question,
            system=session.system,
            facts=settings.facts,
            settings=settings,
            count=limit.count,
            budget_tokens=budget,
            memories=known,
        )
        return _prepared(fitted, limit.window_tokens, limit.window_tokens - budget)

    async def summarise(self, caller: Caller, session_id: str, model: str) -> Message | None:
        """Write a summary of the older part of the shown conversation, when it is due; else nothing happens.

        The model is called outside of any transaction. Call it before a question is put, or after an answer is
        complete: a summary that is late only means that older messages are left out meanwhile.

        Args:
            caller: Who asks.
            session_id: Whose conversation.
            model: Name of the model that will be told the conversation.

        Returns:
            The summary, a message of its own at the end of the conversation; None when none was due, or the
            conversation was branched, or what it is made of was changed, meanwhile.

        Raises:
            NotFound: No such session.
            RoundhouseError: What the summarising model raises.
        """
        async with self._db.read() as tx:
            session = await chats.get_session(tx, caller, session_id)
            settings = read_settings(session.context)
            if settings.strategy != "summary":
                return None
            history = await chats.conversation(tx, session, limit=MOST_MESSAGES)
            if history and history[0].depth > 0:
                kept = await store.kept_messages(tx, caller, session, session.branch, history[0].depth)
                history = [*kept, *history]
            writer = settings.summary_model or BUILTIN_SUMMARY_MODEL
        due = self._plan(caller, settings, history, model, writer)
        if due is None:
            return None
        text = (await self._summarise(caller, writer, due.messages)).strip()
        return await self._keep(caller, session, due, text, writer) if text else None

    def _plan(
        self, caller: Caller, settings: ContextSettings, history: list[Message], model: str, writer: str
    ) -> SummaryPlan | None:
        limit = self._limits.of(caller, model)
        writer_limit = self._limits.of(caller, writer)
        return plan(
            history,
            settings=settings,
            count=lambda text: max(limit.count(text), writer_limit.count(text)),
            budget_tokens=_budget(settings, limit.window_tokens),
            writer_tokens=_budget(ContextSettings(), writer_limit.window_tokens),
        )

    async def _keep(
        self, caller: Caller, session: Session, due: SummaryPlan, text: str, writer: str
    ) -> Message | None:
        new = NewMessage(
            role="system",
            content=text,
            kind="summary",
            model=writer,
            metadata={UNTIL: due.until_depth, "until_id": due.until_id},
        )
        async with self._db.begin() as tx:
            current = await chats.get_session(tx, caller, session.id, lock=True)
            if current.branch != session.branch or not await store.unchanged(tx, current, due.made_of):
                return None
            now_s = self._clock.now_s()
            written = await chats.append_message(tx, current, new, now_s)
            await tell_message(tx, written, "created", now_s)
            return written

    async def _history(
        self,
        tx: Tx,
        caller: Caller,
        session: Session,
        question: Message,
        settings: ContextSettings,
        budget_tokens: int,
    ) -> list[Message]:
        """The conversation before the question: its end, and before that what is pinned or a summary."""
        if question.depth == 0:
            return []
        limit = min(MOST_MESSAGES, max(_LEAST_MESSAGES, budget_tokens // _MESSAGE_TOKENS))
        if settings.strategy == "last":
            # More than asked for: some may have no text, and the oldest may be an answer that needs its question.
            limit = min(limit, 2 * settings.last_messages + 2)
        path = await chats.path_to(tx, session, question, limit + 1)
        history = [one for one in path if one.id != question.id]
        if settings.strategy != "last" and limit <= len(history) < MOST_MESSAGES:
            history = [*await self._earlier(tx, session, question, history, budget_tokens), *history]
        first = history[0].depth if history else question.depth
        if first == 0:
            return history
        return [*await store.kept_messages(tx, caller, session, question.branch, first), *history]

    async def _earlier(
        self, tx: Tx, session: Session, question: Message, history: list[Message], budget_tokens: int
    ) -> list[Message]:
        """More of a conversation of short messages, when all that was read may fit."""
        chars = sum(len(one.content) for one in history)
        if chars // _MOST_CHARS_PER_TOKEN > budget_tokens:
            return []
        return await chats.conversation(
            tx,
            session,
            before_depth=history[0].depth,
            limit=MOST_MESSAGES - len(history),
            branch=question.branch,
        )


def _budget(settings: ContextSettings, window_tokens: int, *, documents: bool = False) -> int:
    """Tokens of all that is told; at least half of a small window, a quarter where documents have their room, too."""
    budget = window_tokens - min(settings.answer_tokens, window_tokens // 2)
    if documents:
        budget -= min(MOST_DOCUMENT_TOKENS, budget // 2)
    return budget if settings.max_tokens is None else min(budget, settings.max_tokens)


def _prepared(fitted: Fitted, window_tokens: int, answer_tokens: int) -> Prepared:
    return Prepared(
        messages=[one.wire() for one in fitted.turns],
        attachments=[one.attachments for one in fitted.turns],
        tokens=fitted.tokens,
        window_tokens=window_tokens,
        answer_tokens=answer_tokens,
        left_out=fitted.left_out,
        memories_left_out=fitted.memories_left_out,
        summarised=fitted.summarised,
    )
