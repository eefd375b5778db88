"""Which types of events patterns stand for, and who may be told of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from roundhouse.core.events import EVENTS, EventKind


def types_of(patterns: Iterable[str], scopes: Collection[str]) -> set[str]:
    """The types that patterns stand for, of those that somebody with these scopes may be told of."""
    return {kind.type for one in patterns for kind in EVENTS.matching(one) if visible(kind, scopes)}


def visible(kind: EventKind, scopes: Collection[str]) -> bool:
    """Whether somebody with these scopes may be told of such events."""
    return kind.scope in scopes or "admin" in scopes


def visible_types(scopes: Collection[str]) -> set[str]:
    """All types of events that somebody with these scopes may be told of."""
    return {kind.type for kind in EVENTS if visible(kind, scopes)}
