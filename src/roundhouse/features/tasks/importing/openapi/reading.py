"""The bytes of a description to the document inside, refusing what no reader should be given."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.importing.openapi.swagger import upgraded

MOST_BYTES = 4 * 1024 * 1024
"""Largest description that is read."""

MOST_DEPTH = 80
"""Deepest nesting of a description."""

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _PlainLoader(yaml.SafeLoader):
    """YAML as JSON has it: no aliases, which could unfold to any size, and dates stay texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own name
        first: [(tag, pattern) for tag, pattern in found if tag != _TIMESTAMP]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not taken")
        return super().compose_node(parent, index)


def read_document(given: bytes | dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI 3 document; Swagger 2.0 is brought into its form.

    Args:
        given: JSON or YAML, or what was inside.

    Raises:
        Unprocessable: It is neither, too deep, or no version that is read.
    """
    document = _parsed(given) if isinstance(given, bytes) else given
    if not isinstance(document, dict):
        raise Unprocessable("The document is not an object.", param="document")
    check_depth(document)
    version = str(document.get("openapi") or document.get("swagger") or "")
    if version.startswith("2."):
        return upgraded(document)
    if not version.startswith(("3.0", "3.1", "3.2")):
        raise Unprocessable("The document is not OpenAPI 3 and not Swagger 2.0.", param="document")
    return document


def _parsed(given: bytes) -> Any:
    if len(given) > MOST_BYTES:
        raise Unprocessable(f"The document is larger than {MOST_BYTES} bytes.", param="document")
    try:
        if given.lstrip()[:1] in (b"{", b"["):
            return msgspec.json.decode(given)
        return yaml.load(given, _PlainLoader)  # noqa: S506 - a safe loader, narrowed further
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        told = str(error).splitlines()[0][:200] if str(error) else "nested too deeply"
        raise Unprocessable(f"The document is neither JSON nor YAML: {told}.", param="document") from None


def check_depth(value: Any, most: int = MOST_DEPTH) -> None:
    """Raise Unprocessable when JSON is nested deeper than `most`."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Unprocessable(f"The document is nested more than {most} levels deep.", param="document")
