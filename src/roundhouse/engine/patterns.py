"""Patterns of model names in the permissions of keys."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(patterns: Sequence[str], name: str) -> bool:
    """Whether any glob pattern (`*`, `?`, `[…]`, case-sensitive) matches the name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
