"""Names of capabilities from what others call their operations."""

from __future__ import annotations

import re
import unicodedata

MOST_CHARS = 60
"""Longest part of a name, on either side of its dot."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_EDGES = "_-"
# The folding of diacritics leaves these as they are.
_LETTERS = str.maketrans({"đ": "d", "Đ": "D", "ł": "l", "ø": "o", "ß": "ss"})


def part(text: str) -> str:
    """One part of a name, ASCII; empty when nothing of the text can be kept."""
    folded = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = "".join(one for one in folded if not unicodedata.combining(one))
    # Two low lines stand for a dot where dots cannot be.
    kept = re.sub(r"_{2,}", "_", _NO_NAME.sub("_", plain))
    return kept.strip(_EDGES)[:MOST_CHARS].rstrip(_EDGES)


def module_part(text: str) -> str:
    """A name of a module, of words with hyphens: `AI Math` is `ai-math`."""
    return part(text.strip().replace(" ", "-")).lower()


def verb_part(operation_id: str, method: str, path: str) -> str:
    """The verb of an operation: its id, without the path and method that FastAPI puts behind the function's name."""
    made = re.sub(r"\W", "_", path) + "_" + method.lower()
    kept = operation_id.removesuffix(made) if operation_id != made else operation_id
    return part(kept) or part(operation_id) or path_part(method, path)


def path_part(method: str, path: str) -> str:
    """The verb of an operation without an id: `GET /users/{id}` is `get_users_id`."""
    return part(f"{method.lower()}_{path.replace('/', '_')}") or method.lower()


def distinct(wanted: str, fallbacks: tuple[str, ...], taken: set[str]) -> str:
    """The first that is not taken yet, a number behind the first one at last; it is taken from now on."""
    for one in (wanted, *fallbacks):
        if one and one not in taken:
            taken.add(one)
            return one
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    taken.add(f"{wanted}_{number}")
    return f"{wanted}_{number}"
