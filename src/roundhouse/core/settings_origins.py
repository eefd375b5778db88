"""Where each setting that is in force came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, TomlConfigSettingsSource

from roundhouse.core.settings import LegacyDotEnv, LegacyEnv, Settings, config_path
from roundhouse.core.settings_reference import SettingRow, masked, sections

Origin = Literal["argument", "environment", "env_file", "file", "default"]
"""`argument` of the command line, `env_file` = `.env`, `file` = `roundhouse.toml`; the first that has a value wins."""


class SettingInForce(NamedTuple):
    """One setting as it is.

    Attributes:
        row: What it is.
        value: As JSON; secrets are masked. A list of tables is one value.
        origin: Where it came from.
    """

    row: SettingRow
    value: Any
    origin: Origin


def in_force(settings: Settings) -> list[SettingInForce]:
    """Every setting; reads the sources anew, so ask at the start, while they are what was read."""
    values, sources = masked(settings), _sources(settings)
    found = []
    for section in sections():
        rows = section.rows
        if section.repeated:
            rows = [SettingRow(section.name, "", (), "list of tables", "[]", section.description)]
        for row in rows:
            path = tuple(row.name.split("."))
            origin: Origin = next((name for name, held in sources if _holds(held, path)), "default")
            found.append(SettingInForce(row, _at(values, path), origin))
    return found


def _sources(settings: Settings) -> list[tuple[Origin, Mapping[str, Any]]]:
    kind = type(settings)
    path = kind.model_config.get("toml_file") or config_path()
    return [
        ("argument", settings.given),
        ("environment", EnvSettingsSource(kind)()),
        ("environment", LegacyEnv(kind)()),
        ("env_file", DotEnvSettingsSource(kind)()),
        ("env_file", LegacyDotEnv(kind)()),
        ("file", TomlConfigSettingsSource(kind, path)()),
    ]


def _holds(held: Any, path: tuple[str, ...]) -> bool:
    """Whether a source says something about a setting."""
    for part in path:
        held = held.get(part) if isinstance(held, Mapping) else getattr(held, part, None)
    return held is not None


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        values = values[part]
    return values
