"""Trees of messages as other programs keep them, turned into branches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from roundhouse.features.chat.transfer.whole import Branch, wrong


class Node(msgspec.Struct, frozen=True):
    """One place of a tree.

    Attributes:
        key: Its id.
        parent: Id of the place before it; None = it is a root.
        hidden: It is left out, and what follows it follows the place before it.
        at_s: When it was made, None = not told.
    """

    key: str
    parent: str | None
    hidden: bool = False
    at_s: float | None = None


class Placed(msgspec.Struct, frozen=True):
    """Where a message came to stand; `parent` is the key of the message before it."""

    key: str
    branch: int
    depth: int
    parent: str | None


class Tree(msgspec.Struct, frozen=True):
    """Branches, the places of the messages (each behind its parent), and the branch that is shown."""

    branches: tuple[Branch, ...]
    placed: list[Placed]
    shown: int


def grow(nodes: Sequence[Node], current: str | None, place: str) -> Tree:
    """Cut a tree into branches: a place's first child goes on in its branch, every other one begins a new one.

    Args:
        nodes: In any order; children of one place follow each other by time, then as they stand here.
        current: Key of the last one that is shown; the newest where it is None or not there any more.
        place: Of the tree, for errors.

    Raises:
        BadInput: A key is there twice, a parent is missing, or the tree goes in a circle.
    """
    by_key: dict[str, Node] = {}
    for node in nodes:
        if node.key in by_key:
            raise wrong(f"{place}[{node.key[:80]}]", "is there twice")
        by_key[node.key] = node
    parents = _seen_parents(by_key, place)
    children: dict[str | None, list[Node]] = {}
    for node in nodes:
        if not node.hidden:
            children.setdefault(parents[node.key], []).append(node)
    for siblings in children.values():
        siblings.sort(key=lambda one: one.at_s or 0.0)
    branches, placed = _cut(children)
    return Tree(tuple(branches), placed, _shown(by_key, parents, placed, current))


def _seen_parents(by_key: dict[str, Node], place: str) -> dict[str, str | None]:
    """The nearest place before each that is not hidden."""
    found: dict[str, str | None] = {}
    for key in by_key:
        path: list[str] = []
        on_path: set[str] = set()
        at: str | None = key
        while at is not None and at not in found:
            if at in on_path:
                raise wrong(f"{place}[{at[:80]}]", "is its own ancestor")
            path.append(at)
            on_path.add(at)
            parent = by_key[at].parent
            if parent is not None and parent not in by_key:
                raise wrong(f"{place}[{at[:80]}]", f"follows {parent[:80]!r}, which is not there")
            at = parent
        for one in reversed(path):
            parent = by_key[one].parent
            hidden = parent is not None and by_key[parent].hidden
            found[one] = found[parent] if hidden and parent is not None else parent
    return found


def _cut(children: dict[str | None, list[Node]]) -> tuple[list[Branch], list[Placed]]:
    branches: list[Branch] = []
    placed: list[Placed] = []
    waiting: deque[tuple[Node, int, int, str | None]] = deque()

    def begin(others: Sequence[Node], parent_branch: int | None, depth: int, before: str | None) -> None:
        for one in others:
            number = len(branches) + 1
            branches.append(Branch(number, parent_branch, depth))
            waiting.append((one, number, depth, before))

    roots = children.get(None, [])
    if roots:
        waiting.append((roots[0], 0, 0, None))
        begin(roots[1:], None, 0, None)
    while waiting:
        at, branch, depth, before = waiting.popleft()
        while True:
            placed.append(Placed(at.key, branch, depth, before))
            following = children.get(at.key, [])
            if not following:
                break
            before, depth = at.key, depth + 1
            begin(following[1:], branch, depth, before)
            at = following[0]
    return branches, placed


def _shown(
    by_key: dict[str, Node],
    parents: dict[str, str | None],
    placed: Sequence[Placed],
    current: str | None,
) -> int:
    if not placed:
        return 0
    branch_of = {one.key: one.branch for one in placed}
    if current is None or current not in by_key:
        newest = max(placed, key=lambda one: by_key[one.key].at_s or 0.0)
        return newest.branch
    at = parents[current] if by_key[current].hidden else current
    return branch_of.get(at, 0) if at is not None else 0
