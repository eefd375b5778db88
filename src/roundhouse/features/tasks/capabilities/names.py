"""Names of capabilities, and what they are called where dots may not be."""

from __future__ import annotations

import hashlib
import re

from roundhouse.core.errors import BadInput

OWN = "builtin."
"""Names of the house's own capabilities begin so."""

MOST_CHARS = 128
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9][A-Za-z0-9_-]*)*")
_TOOL_CHARS = 64


def check_name(name: str) -> None:
    """Raise BadInput unless a capability may be registered under a name.

    `__` is what a dot becomes in tool names, so that a name with it could be mistaken for another.
    """
    if len(name) > MOST_CHARS or not _NAME.fullmatch(name) or "__" in name:
        raise BadInput(
            f"A name is words of letters, digits, _ and -, joined by dots, without __, of at most {MOST_CHARS} in all.",
            param="name",
        )
    if name.startswith(OWN):
        raise BadInput(f"Names that begin with {OWN} are the house's own.", param="name")


def tool_name(name: str) -> str:
    """The name of a capability as a tool: dots become `__`; what is longer than a tool's name may be is cut and marked.

    Returns:
        1 to 64 characters of `[A-Za-z0-9_-]`.
    """
    tool = name.replace(".", "__")
    if len(tool) <= _TOOL_CHARS:
        return tool
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{tool[: _TOOL_CHARS - 9]}_{mark}"
