"""The shape of a sample: types alone, for a sample does not say what must be there."""

from __future__ import annotations

from typing import Any

_MOST_DEPTH = 12


def inferred(value: Any, depth: int = _MOST_DEPTH) -> dict[str, Any]:
    """A JSON Schema that takes what looks like the sample."""
    if depth == 0 or value is None:
        return {}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        # One sample of a number is not the proof of a whole one.
        return {"type": "number"}
    if isinstance(value, str):
        return {"type": "string"}
    if isinstance(value, list):
        return {"type": "array", "items": inferred(value[0], depth - 1)} if value else {"type": "array"}
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {str(name): inferred(one, depth - 1) for name, one in value.items()},
        }
    return {}
