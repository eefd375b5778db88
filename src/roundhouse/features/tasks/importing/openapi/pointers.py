"""Local references of a document. Nothing is ever fetched for one."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from roundhouse.core.errors import RemoteReference, Unprocessable

_MOST_HOPS = 50


class Pointers:
    """Follows the references of one document.

    Args:
        document: The document.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def target(self, reference: Any) -> Any:
        """What `#/…` points to.

        Raises:
            RemoteReference: It points out of the document.
            Unprocessable: It points to nothing.
        """
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise RemoteReference(
                f"The reference {str(reference)[:200]!r} points out of the document.", param="$ref"
            )
        found: Any = self._document
        for step in reference[1:].split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise Unprocessable(f"The reference {reference[:200]!r} points to nothing.", param="$ref")
        if reference not in ("#", "") and not reference.startswith("#/"):
            raise Unprocessable(
                f"The reference {reference[:200]!r} is to an anchor, not to a place.", param="$ref"
            )
        return found

    def resolved(self, value: Any) -> Any:
        """The value itself, behind all references; raises like `target`, and for a circle of them."""
        for _ in range(_MOST_HOPS):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            value = self.target(value["$ref"])
        raise Unprocessable("References of the document go round in a circle.", param="$ref")
