"""Whole sessions for tests of transfer: by hand, and any that hypothesis thinks of."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from features.chat.context.making import message as make_message
from features.chat.context.making import session as make_session
from roundhouse.features.chat.model import Message
from roundhouse.features.chat.transfer.trees import Node, grow
from roundhouse.features.chat.transfer.whole import Whole

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_NAME = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=20)
_TIME = st.floats(0, 4e9, allow_nan=False)
_COUNT = st.integers(0, 2**31 - 1)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_FREE = st.dictionaries(_TEXT, _JSON, max_size=3)


@st.composite
def wholes(draw: st.DrawFn) -> Whole:
    """Sessions with any tree of messages, any values."""
    size = draw(st.integers(0, 8))
    nodes = [
        Node(
            f"msg_{number}",
            f"msg_{draw(st.integers(0, number - 1))}" if number and draw(st.integers(0, 9)) else None,
        )
        for number in range(size)
    ]
    tree = grow(nodes, nodes[-1].key if nodes else None, "tree")
    messages = [
        draw(
            st.builds(
                msgspec.structs.replace,
                st.just(
                    make_message(
                        one.depth,
                        seq=number + 1,
                        id=one.key,
                        branch=one.branch,
                        parent_id=one.parent,
                        site_id="",
                    )
                ),
                role=st.sampled_from(["user", "assistant", "system", "tool"]),
                kind=st.sampled_from(["message", "summary"]),
                state=st.sampled_from(["complete", "generating", "interrupted", "stopped", "failed"]),
                content=_TEXT,
                attachments=st.lists(_NAME, max_size=2),
                citations=st.lists(_FREE, max_size=2),
                model=st.none() | _NAME,
                finish_reason=st.none() | _NAME,
                error=st.none() | _FREE,
                prompt_tokens=st.none() | _COUNT,
                completion_tokens=st.none() | _COUNT,
                first_token_ms=st.none() | _TIME,
                total_ms=st.none() | _TIME,
                cost_usd=st.none() | _TIME,
                pinned=st.booleans(),
                metadata=_FREE,
                version=_COUNT,
                created_at_s=_TIME,
                updated_at_s=_TIME,
                deleted_at_s=st.none() | _TIME,
            )
        )
        for number, one in enumerate(tree.placed)
    ]
    session = draw(
        st.builds(
            msgspec.structs.replace,
            st.just(make_session(site_id="", branch=tree.shown, branches=len(tree.branches) + 1)),
            title=_TEXT,
            title_from=st.sampled_from(["nobody", "user", "auto"]),
            outside_id=st.none() | _NAME,
            model=st.none() | _NAME,
            system=_TEXT,
            context=st.sampled_from([{}, {"strategy": "last", "last_messages": 3}]),
            uses_memory=st.booleans(),
            metadata=_FREE,
            pinned=st.booleans(),
            archived_at_s=st.none() | _TIME,
            version=_COUNT,
            message_count=st.just(sum(one.deleted_at_s is None for one in messages)),
            created_at_s=_TIME,
            updated_at_s=_TIME,
            last_message_at_s=st.none() | _TIME,
            tags=st.lists(_NAME, max_size=3, unique=True).map(lambda tags: tuple(sorted(tags))),
        )
    )
    return Whole(session, tree.branches, tuple(messages))


def plain(turns: int, **session: Any) -> Whole:
    """Questions and answers by turns."""
    messages = tuple(
        make_message(depth, "user" if depth % 2 == 0 else "assistant", site_id="") for depth in range(turns)
    )
    return Whole(make_session(site_id="", message_count=turns, **session), (), messages)


def shown(whole: Whole, branch: int | None = None) -> list[Message]:
    """The conversation of a branch, of the shown one if none is named."""
    origins = {one.number: (one.parent, one.from_depth) for one in whole.branches}
    number: int | None = whole.session.branch if branch is None else branch
    high = 1 << 30
    found: list[Message] = []
    while number is not None:
        found += [one for one in whole.messages if one.branch == number and one.depth < high]
        number, high = origins.get(number, (None, 0))
    return sorted(found, key=lambda one: one.depth)
