"""The flows that come with the product. They are files of this package, read once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

import msgspec

from roundhouse.features.tasks.flows.store import KeptFlow


def shipped_flows() -> Mapping[str, KeptFlow]:
    """All of them by name, in alphabetical order; they have no id, and one version."""
    folder = files("roundhouse.features.tasks.flows") / "shipped"
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".json"):
            name = entry.name.removesuffix(".json")
            found[name] = KeptFlow("", name, 1, 1, msgspec.json.decode(entry.read_bytes()), 0.0, None)
    return MappingProxyType(found)
