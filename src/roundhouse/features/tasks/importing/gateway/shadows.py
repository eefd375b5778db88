"""Whether a path of a registration would lie over one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable

RESERVED = ("v1", "api", "docs", "console", "gateway", "ws", "mcp", "openapi.json", "asyncapi.json")
"""First parts of paths that are ours, whatever follows."""

_PARAMETER = re.compile(r"\{[^{}]*\}")


def lies_over(path: str, ours: Iterable[str]) -> bool:
    """Whether some request could mean both the path and one of ours.

    Args:
        path: Of a registration; `{name}` is a parameter.
        ours: Templates of our routes; one that ends with `{name:path}` takes all below.
    """
    steps = path.strip("/").split("/")
    return steps[0] in RESERVED or any(_same(steps, template) for template in ours)


def _same(steps: list[str], template: str) -> bool:
    others = template.strip("/").split("/")
    if others and others[-1].endswith(":path}"):
        others = others[:-1]
        steps = steps[: len(others)]
    return len(steps) == len(others) and all(
        one.lower() == other.lower() or _PARAMETER.search(one) or _PARAMETER.search(other)
        for one, other in zip(steps, others, strict=True)
    )
