"""Makes messages and sessions for tests of contexts."""

from typing import Any

import msgspec

from roundhouse.features.chat.model import Message, Session


def message(depth: int, role: str = "user", content: str | None = None, **changes: Any) -> Message:
    """A message of the main branch; its text names its depth."""
    made = Message(
        seq=depth + 1,
        id=f"msg_{depth}",
        site_id="site",
        user_id="anna",
        app_id=None,
        session_id="ses_1",
        branch=0,
        depth=depth,
        parent_id=f"msg_{depth - 1}" if depth else None,
        role=role,
        kind="message",
        state="complete",
        content=f"{role} {depth}" if content is None else content,
        attachments=[],
        citations=[],
        model=None,
        finish_reason=None,
        error=None,
        prompt_tokens=None,
        completion_tokens=None,
        first_token_ms=None,
        total_ms=None,
        cost_usd=None,
        pinned=False,
        metadata={},
        version=1,
        created_at_s=1000.0 + depth,
        updated_at_s=1000.0 + depth,
        deleted_at_s=None,
    )
    return msgspec.structs.replace(made, **changes)


def talk(turns: int) -> list[Message]:
    """Questions and answers by turns, `turns` messages in all."""
    return [message(depth, "user" if depth % 2 == 0 else "assistant") for depth in range(turns)]


def session(**changes: Any) -> Session:
    """A session of anna's."""
    made = Session(
        id="ses_1",
        site_id="site",
        user_id="anna",
        app_id=None,
        outside_id=None,
        title="Talk",
        title_from="user",
        model=None,
        system="",
        context={},
        uses_memory=True,
        metadata={},
        pinned=False,
        archived_at_s=None,
        deleted_at_s=None,
        version=1,
        branch=0,
        branches=1,
        message_count=0,
        created_at_s=1000.0,
        updated_at_s=1000.0,
        last_message_at_s=None,
    )
    return msgspec.structs.replace(made, **changes)


def words(text: str) -> int:
    """A count that tests can do in their heads: one token per word."""
    return len(text.split())
