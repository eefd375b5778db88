"""Whatever is changed in a file: it is a session that can be kept, or an error that names a place."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.chat.transfer.test_chatgpt import conversation
from features.chat.transfer.test_mongo import history
from features.chat.transfer.test_open_webui import row
from features.chat.transfer.wholes import plain, shown
from roundhouse.core.errors import BadInput
from roundhouse.core.types import Caller
from roundhouse.features.chat.transfer import chatgpt, mongo, open_webui, own
from roundhouse.features.chat.transfer.adopting import adopt
from roundhouse.features.chat.transfer.whole import Refused, Whole, check

CALLER = Caller(key_id="key_1", site_id="site", user_id="anna")
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "a1", "q1", "q2", "msg_1", "\x00", "a\nb", "x" * 700, "u0", "sys", "assistant", "=1"]
    ),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(
        st.sampled_from(["a", "id", "content", "\x00"]), st.none() | st.integers() | st.text(max_size=3)
    ),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [one for name, child in inner for one in places(child, (*path, name))]


def changed(draw: st.DrawFn, value: Any) -> Any:
    """A copy with something else, or nothing, in up to three places."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([one for one in places(value) if one]))
        at = value
        for step in path[:-1]:
            at = at[step]
        if isinstance(at, dict) and draw(st.booleans()) and draw(st.booleans()):
            del at[path[-1]]
        else:
            at[path[-1]] = draw(ANYTHING)
        if not value:
            break
    return value


def own_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(own.write(plain(3), 0.0))
    document["branches"] = [{"number": 1, "parent": 0, "from_depth": 1}]
    document["messages"].append(document["messages"][1] | {"id": "msg_x", "branch": 1})
    return document


READERS = {
    "chatgpt": (conversation, chatgpt.read),
    "open-webui": (row, open_webui.read),
    "roundhouse": (own_document, own.read),
}


@pytest.mark.parametrize("name", READERS)
@given(st.data())
def test_json_of_any_kind(name: str, data: st.DataObject):
    make, read = READERS[name]
    document = changed(data.draw, make())
    try:
        whole = read(msgspec.json.encode(document), "[0]")
        check(whole, "[0]")
        kept = adopt(CALLER, whole, 5.0)
    except BadInput as error:
        assert error.detail
        assert name == "roundhouse" or error.param
        return
    keeps(kept)


@given(st.data())
def test_documents_of_any_kind(data: st.DataObject):
    (found,) = mongo.read([changed(data.draw, history())])
    if isinstance(found, Refused):
        assert found.reason
        return
    try:
        check(found, "[0]")
        kept = adopt(CALLER, found, 5.0)
    except BadInput as error:
        assert error.param
        return
    keeps(kept)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind(document: bytes):
    for _, read in READERS.values():
        with pytest.raises(BadInput):
            read(document, "[0]")


def keeps(kept: Whole) -> None:
    """It could be entered into any database, and is a conversation."""
    again = own.read(own.write(kept, 0.0), "again")
    assert len(again.messages) == len(kept.messages)
    for number in (0, *(one.number for one in kept.branches)):
        told = shown(kept, number)
        assert [one.depth for one in told] == list(range(len(told)))
        for before, one in zip([None, *told], told, strict=False):
            assert one.parent_id == (before.id if before is not None else None)
