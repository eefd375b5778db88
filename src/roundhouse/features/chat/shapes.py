"""Rows as the API shows them; built without a check, for they come from our own tables."""

from __future__ import annotations

from roundhouse.features.chat.model import Memory, Message, Session
from roundhouse.features.chat.schemas import MemoryRead, MessageRead, SessionRead, TallyRead
from roundhouse.features.chat.store import Tally
from roundhouse.infra.moments import moment, moment_or_none


def read_session(session: Session) -> SessionRead:
    """A session as users see it."""
    return SessionRead.model_construct(
        id=session.id,
        user_id=session.user_id,
        app_id=session.app_id,
        outside_id=session.outside_id,
        title=session.title,
        title_from=session.title_from,
        model=session.model,
        system=session.system,
        context=session.context,
        uses_memory=session.uses_memory,
        vector_store_ids=session.vector_store_ids or [],
        metadata=session.metadata,
        tags=list(session.tags),
        pinned=session.pinned,
        archived=session.archived_at_s is not None,
        archived_at=moment_or_none(session.archived_at_s),
        deleted_at=moment_or_none(session.deleted_at_s),
        version=session.version,
        branch=session.branch,
        branches=session.branches,
        message_count=session.message_count,
        created_at=moment(session.created_at_s),
        updated_at=moment(session.updated_at_s),
        last_message_at=moment_or_none(session.last_message_at_s),
    )


def read_message(message: Message) -> MessageRead:
    """A message as users see it."""
    return MessageRead.model_construct(
        id=message.id,
        session_id=message.session_id,
        parent_id=message.parent_id,
        branch=message.branch,
        depth=message.depth,
        role=message.role,
        kind=message.kind,
        state=message.state,
        content=message.content,
        attachments=message.attachments,
        citations=message.citations,
        model=message.model,
        finish_reason=message.finish_reason,
        error=message.error,
        prompt_tokens=message.prompt_tokens,
        completion_tokens=message.completion_tokens,
        first_token_ms=message.first_token_ms,
        total_ms=message.total_ms,
        cost_usd=message.cost_usd,
        pinned=message.pinned,
        metadata=message.metadata,
        version=message.version,
        created_at=moment(message.created_at_s),
        updated_at=moment(message.updated_at_s),
        deleted_at=moment_or_none(message.deleted_at_s),
    )


def read_memory(memory: Memory) -> MemoryRead:
    """A memory as users see it."""
    return MemoryRead.model_construct(
        id=memory.id,
        user_id=memory.user_id,
        content=memory.content,
        session_id=memory.session_id,
        version=memory.version,
        created_at=moment(memory.created_at_s),
        updated_at=moment(memory.updated_at_s),
    )


def tally_fields(tally: Tally) -> dict[str, float | int | None]:
    """The fields of `TallyRead`."""
    return {
        "messages": tally.messages,
        "prompt_tokens": tally.prompt_tokens,
        "completion_tokens": tally.completion_tokens,
        "total_tokens": tally.prompt_tokens + tally.completion_tokens,
        "cost_usd": round(tally.cost_usd, 9),
        "mean_first_token_ms": _rounded(tally.first_token_ms),
        "mean_total_ms": _rounded(tally.total_ms),
    }


def read_tally(tally: Tally) -> TallyRead:
    """Sums as users see them."""
    return TallyRead.model_validate(tally_fields(tally))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
