"""The templates of the house: five, each in four languages. They are files of this package, read once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec

from roundhouse.features.audio.model import Template
from roundhouse.features.audio.templating.schemas import expanded


class _Stored(msgspec.Struct):
    name: str
    title: dict[str, str]
    description: dict[str, str]
    schema: dict[str, Any]
    prompt: dict[str, str]
    example: dict[str, Any]


def house_templates() -> Mapping[str, Template]:
    """All of them by name, in alphabetical order."""
    folder = files("roundhouse.features.audio.templating") / "house"
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".json"):
            one = msgspec.json.decode(entry.read_bytes(), type=_Stored)
            texts = msgspec.structs.asdict(one) | {"schema": expanded(one.schema)}
            found[one.name] = Template(id=one.name, version=1, builtin=True, **texts)
    return MappingProxyType(found)
