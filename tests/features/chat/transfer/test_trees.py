import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.chat.transfer.wholes import shown
from roundhouse.core.errors import BadInput
from roundhouse.features.chat.transfer.making import Said, Told, make, outside_id, seconds
from roundhouse.features.chat.transfer.trees import Node, grow
from roundhouse.features.chat.transfer.whole import Whole, check, parent_ids


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """Any tree or trees, some places hidden, in any order."""
    size = draw(st.integers(1, 15))
    nodes = []
    for number in range(size):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        nodes.append(
            Node(
                str(number),
                None if parent is None else str(parent),
                draw(st.integers(0, 4)) == 0,
                draw(st.none() | st.floats(1.0, 100.0)),
            )
        )
    return draw(st.permutations(nodes))


def path(nodes: list[Node], key: str) -> list[str]:
    """Keys from the root to a place, hidden ones left out."""
    by_key = {one.key: one for one in nodes}
    found = []
    at: str | None = key
    while at is not None:
        if not by_key[at].hidden:
            found.append(at)
        at = by_key[at].parent
    return found[::-1]


def made(nodes: list[Node], current: str | None) -> Whole:
    said = [Said(one.key, one.parent, "user", f"text {one.key}", one.at_s, one.hidden) for one in nodes]
    return make(Told("test", "key", current=current), said, "tree")


@given(trees(), st.data())
def test_every_path_of_a_tree_is_the_conversation_of_a_branch(nodes: list[Node], data: st.DataObject):
    current = data.draw(st.sampled_from([None, *(one.key for one in nodes)]))
    whole = made(nodes, current)
    check(whole, "tree")
    assert sorted(one.id for one in whole.messages) == sorted(one.key for one in nodes if not one.hidden)
    by_id = {one.id: one for one in whole.messages}
    for node in nodes:
        if not node.hidden:
            here = by_id[node.key]
            told = [one.id for one in shown(whole, here.branch)]
            assert told[: here.depth + 1] == path(nodes, node.key)
    if current is not None and (wanted := path(nodes, current)):
        assert [one.id for one in shown(whole)][: len(wanted)] == wanted


@given(trees())
def test_a_message_is_never_before_the_one_that_it_follows(nodes: list[Node]):
    whole = made(nodes, None)
    place = {one.id: number for number, one in enumerate(whole.messages)}
    for message, parent in zip(whole.messages, parent_ids(whole), strict=True):
        assert message.parent_id == parent
        assert parent is None or place[parent] < place[message.id]
        assert parent is None or whole.messages[place[parent]].created_at_s <= message.created_at_s


@pytest.mark.parametrize(
    ("nodes", "place"),
    [
        ([Node("a", "a")], "tree[a]"),
        ([Node("r", None), Node("a", "b"), Node("b", "c"), Node("c", "a")], "tree[a]"),
        ([Node("a", "gone")], "tree[a]"),
        ([Node("a", None), Node("a", None)], "tree[a]"),
    ],
)
def test_what_is_no_tree_is_named(nodes, place):
    with pytest.raises(BadInput) as caught:
        grow(nodes, None, "tree")
    assert caught.value.param == place


def test_a_current_place_that_is_gone_is_the_newest():
    nodes = [Node("a", None, at_s=1.0), Node("b", "a", at_s=2.0), Node("c", "a", at_s=3.0)]
    assert (
        grow(nodes, "gone", "tree").shown == grow(nodes, "c", "tree").shown != grow(nodes, "b", "tree").shown
    )


def test_a_very_deep_tree_is_no_danger():
    nodes = [Node(str(one), str(one - 1) if one else None) for one in range(50_000)]
    assert len(grow(nodes, None, "tree").placed) == 50_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_000, 1.7e9),
        (1_700_000_000_500, 1_700_000_000.5),
        (1_700_000_000_000_000, 1.7e9),
        (1_700_000_000_000_000_000, 1.7e9),
        ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14 22:13:20", 1.7e9),
        ("2023-11-15T05:13:20+07:00", 1.7e9),
        (None, None),
        ("", None),
    ],
)
def test_times_as_programs_write_them(value, expected):
    assert seconds(value, "at") == expected


@pytest.mark.parametrize(
    "value", [-1, True, "yesterday", float("nan"), float("inf"), 1e30, [], {}, "0001-01-01"]
)
def test_what_is_no_time_is_refused(value):
    with pytest.raises(BadInput, match="at is not a time"):
        seconds(value, "at")


def test_a_key_is_the_same_every_time_and_fits():
    assert outside_id("chatgpt", "abc") == "chatgpt:abc"
    long = outside_id("chatgpt", "x" * 500)
    assert long == outside_id("chatgpt", "x" * 500) != outside_id("chatgpt", "x" * 501)
    assert len(long) <= 200
    assert outside_id("chatgpt", "a\nb").isprintable()
