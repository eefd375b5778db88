import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from features.chat.transfer.wholes import plain, wholes
from roundhouse.core.errors import BadInput
from roundhouse.features.chat.transfer import own
from roundhouse.features.chat.transfer.whole import Whole, check


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(wholes())
def test_a_session_comes_back_as_it_was(whole: Whole):
    assert own.read(own.write(whole, 1.5), "file") == whole


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(wholes())
def test_what_is_written_is_plain_json(whole: Whole):
    document = json.loads(own.write(whole, 1.5))
    assert document["format"] == "roundhouse.session"
    assert len(document["messages"]) == len(whole.messages)
    assert "site_id" not in document["session"]


def test_times_and_costs_come_back_to_the_last_bit():
    whole = plain(1, created_at_s=1_700_000_000.123456789, updated_at_s=1e-9)
    assert own.read(own.write(whole, 0.1), "file") == whole


def changed(**changes):
    document = json.loads(own.write(plain(4), 0.0))
    for path, value in changes.items():
        at = document
        *steps, last = path.split("__")
        for step in steps:
            at = at[int(step) if step.isdigit() else step]
        at[int(last) if last.isdigit() else last] = value
    return msgspec.json.encode(document)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"version": 2}, "file.version"),
        ({"format": "other"}, "file"),
        ({"session__title": 3}, "file"),
        ({"session__title": "x" * 501}, "file.session.title"),
        ({"session__title": "a\x00b"}, "file.session.title"),
        ({"session__branch": 7}, "file.session.branch"),
        ({"session__created_at_s": -1}, "file.session.created_at_s"),
        ({"session__created_at_s": 1e300}, "file.session.created_at_s"),
        ({"session__tags": ["x" * 101]}, "file.session.tags"),
        ({"session__tags": [str(one) for one in range(51)]}, "file.session.tags"),
        ({"session__metadata": {"a": ["b\x00"]}}, "file.session.metadata.a[0]"),
        ({"session__metadata": {"a\x00": 1}}, "file.session.metadata (a name)"),
        ({"session__metadata": {"a": "x" * 1_100_000}}, "file.session.metadata"),
        ({"messages__2__depth": 9}, "file.messages[2].depth"),
        ({"messages__2__depth": 1}, "file.messages[2].depth"),
        ({"messages__2__depth": -1}, "file.messages[2].depth"),
        ({"messages__2__id": "msg_1"}, "file.messages[2].id"),
        ({"messages__2__branch": 5}, "file.messages[2].branch"),
        ({"messages__2__role": "king"}, "file"),
        ({"messages__2__content": "x\x00"}, "file.messages[2].content"),
        ({"messages__2__content": "x" * 4_000_001}, "file.messages[2].content"),
        ({"messages__2__prompt_tokens": 2**31}, "file.messages[2].prompt_tokens"),
        ({"branches": [{"number": 1, "parent": 1, "from_depth": 0}]}, "file.branches[0].parent"),
        ({"branches": [{"number": 2, "parent": 3, "from_depth": 0}, {"number": 3, "parent": 2, "from_depth": 0}]},
         "file.branches[0].parent"),
        ({"branches": [{"number": 0, "parent": None, "from_depth": 0}]}, "file.branches[0].number"),
        ({"branches": [{"number": 1, "parent": None, "from_depth": 2}]}, "file.branches[0].from_depth"),
        ({"branches": [{"number": 1, "parent": 0, "from_depth": 5}]}, "file.branches[0].from_depth"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(changes, place):
    with pytest.raises(BadInput) as caught:
        own.read(changed(**changes), "file")
    assert caught.value.param == place


@pytest.mark.parametrize(
    "document", [b"", b"{", b"[]", b"null", b"\xff", b'{"format":"roundhouse.session"}', b"[" * 9999]
)
def test_what_is_no_document_is_refused(document):
    with pytest.raises(BadInput):
        own.read(document, "file")


def test_free_json_that_is_too_deep_is_refused():
    deep: list = []
    for _ in range(150):
        deep = [deep]
    whole = plain(1, metadata={"deep": deep})
    with pytest.raises(BadInput) as caught:
        check(whole, "file")
    assert caught.value.param == "file.session.metadata"


def test_memories_come_back_as_they_were():
    kept = [own.KeptMemory("Likes tea.", None, 1.0, 2.0), own.KeptMemory("Lebt in Wien.", "anna", 3.5, 3.5)]
    assert own.read_memories(own.write_memories(kept), "file") == kept


@pytest.mark.parametrize(
    "memory", [("", None, 1.0, 1.0), ("a\x00", None, 1.0, 1.0), ("a", None, 2.0, 1.0), ("a", "", 1.0, 1.0)]
)
def test_memories_that_are_wrong_are_refused(memory):
    with pytest.raises(BadInput, match=r"file\.memories\[0\]"):
        own.read_memories(own.write_memories([own.KeptMemory(*memory)]), "file")
