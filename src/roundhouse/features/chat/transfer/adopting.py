"""Makes a session from outside one of the caller's: new ids, its tenant, numbers that fit."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller
from roundhouse.features.chat.context.settings import read_settings
from roundhouse.features.chat.model import Message, MessageState
from roundhouse.features.chat.transfer.making import outside_id
from roundhouse.features.chat.transfer.whole import Whole, parent_ids

OWN_PROGRAM = "roundhouse"


def key_of(whole: Whole) -> str:
    """Under which outside id a session is kept, the same whenever it is imported."""
    return whole.session.outside_id or outside_id(OWN_PROGRAM, whole.session.id)


def owner_of(caller: Caller, whole: Whole) -> str | None:
    """Whose it becomes: the caller's, or for a caller who stands for nobody, whose it was."""
    return caller.user_id if caller.user_id is not None else whole.session.user_id


def adopt(caller: Caller, whole: Whole, now_s: float) -> Whole:
    """The session as it will be kept.

    Args:
        caller: Who imports it.
        whole: As it was read.
        now_s: Unix time; for what has none of its own.

    Raises:
        BadInput: Its settings of the context are not valid.
    """
    read_settings(whole.session.context)
    user_id = owner_of(caller, whole)
    ids = {one.id: new_id("msg") for one in whole.messages}
    session = msgspec.structs.replace(
        whole.session,
        id=new_id("ses"),
        site_id=caller.site_id,
        user_id=user_id,
        app_id=caller.app_id,
        outside_id=key_of(whole),
        branches=max((one.number for one in whole.branches), default=0) + 1,
        message_count=sum(one.deleted_at_s is None for one in whole.messages),
        created_at_s=whole.session.created_at_s or now_s,
        updated_at_s=whole.session.updated_at_s or now_s,
        version=max(1, whole.session.version),
        tags=tuple(sorted(set(whole.session.tags))),
    )
    messages = tuple(
        msgspec.structs.replace(
            one,
            id=ids[one.id],
            site_id=caller.site_id,
            user_id=user_id,
            app_id=caller.app_id,
            session_id=session.id,
            parent_id=None if parent is None else ids[parent],
            state=_state(one),
            metadata=_metadata(one, ids),
            created_at_s=one.created_at_s or now_s,
            updated_at_s=one.updated_at_s or now_s,
        )
        for one, parent in zip(whole.messages, parent_ids(whole), strict=True)
    )
    return Whole(session, whole.branches, messages)


def _state(message: Message) -> MessageState:
    # Nobody writes it here.
    return "interrupted" if message.state == "generating" else message.state


def _metadata(message: Message, ids: dict[str, str]) -> dict[str, Any]:
    """A summary names the last message that it covers."""
    until_id = message.metadata.get("until_id")
    if message.kind != "summary" or not isinstance(until_id, str) or until_id not in ids:
        return message.metadata
    return {**message.metadata, "until_id": ids[until_id]}
