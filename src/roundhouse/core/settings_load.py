"""Reads the settings and tells what is wrong with them in lines that name the setting, never its value."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict, SettingsError

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import PLACEHOLDER_KEYS, Settings, config_path, environment
from roundhouse.core.settings_reference import fields_at, names

_NOT_SETTINGS = frozenset(
    {
        *("ROUNDHOUSE_CONFIG", "ROUNDHOUSE_API_KEY", "ROUNDHOUSE_URL"),
        *("ROUNDHOUSE_BIN", "ROUNDHOUSE_HOME"),
    }
)


def load(overrides: Mapping[str, Any] | None = None, config: Path | None = None) -> Settings:
    """Read all sources.

    Args:
        overrides: Values that win over every source, nested by section: `{"server": {"port": 0}}`.
        config: The settings file; None = the one `ROUNDHOUSE_CONFIG` names, or `roundhouse.toml` if it is there.

    Raises:
        BadInput: One line per setting that is wrong.
    """
    path = config or config_path()
    _check_file(path)
    try:
        return _reading(config)(**overrides or {})
    except ValidationError as error:
        raise BadInput("\n".join(_line(detail) for detail in error.errors(include_url=False))) from None
    except SettingsError:
        raise BadInput("\n".join(_unreadable())) from None


def check_admin_key(settings: Settings) -> None:
    """Raise BadInput when `SECRET_API_KEY` is an example copied from a template."""
    key = settings.access.secret_api_key
    text = key.get_secret_value().strip() if key is not None else ""
    if text and text.lower() in PLACEHOLDER_KEYS:
        raise BadInput(
            "access.secret_api_key (SECRET_API_KEY) is a placeholder from a template. Set a long random value, or "
            "leave it out: then a key is made at the first start.",
            param="access.secret_api_key",
        )


def check_open(settings: Settings) -> None:
    """Raise BadInput when everybody could use this service without a key."""
    server = settings.server
    if server.open and not (server.host in {"localhost", "::1"} or server.host.startswith("127.")):
        raise BadInput(
            f"Without keys (--open, server.open) it may listen on this machine only, and {server.host or 'every'} "
            "is an address that others can reach.",
            param="server.open",
        )


def unknown_variables() -> list[str]:
    """Environment variables that look like settings and are none; they have no effect."""
    known = {name.upper() for name in names()} | {name.partition(".")[0].upper() for name in names()}
    found = []
    for variable in sorted(environment().keys() - _NOT_SETTINGS):
        name = variable.removeprefix("ROUNDHOUSE_").replace("__", ".").upper()
        section = name.partition(".")[0]
        if name not in known and section not in {"PROVIDERS", "ALIASES", "PRICES", "TEST"}:
            found.append(variable)
    return found


def _reading(config: Path | None) -> type[Settings]:
    if config is None:
        return Settings

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=config)

    return FromFile


def _check_file(path: Path) -> None:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not valid TOML: {error}.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    unknown = found.keys() - Settings.model_fields.keys()
    if unknown:
        lines = [
            f"{name}: no such setting (in {path}){_hint(name, Settings.model_fields)}" for name in unknown
        ]
        raise BadInput("\n".join(sorted(lines)))


def _line(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "settings"
    if detail["type"] == "extra_forbidden":
        *section, name = detail["loc"]
        return f"{where}: no such setting{_hint(str(name), fields_at(tuple(section)))}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"


def _hint(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _unreadable() -> list[str]:
    """Which variables ought to hold JSON and do not."""
    found = []
    for variable, value in sorted(environment().items()):
        name = variable.removeprefix("ROUNDHOUSE_").replace("__", ".").lower()
        if not names().get(name, name in Settings.model_fields):
            continue
        try:
            json.loads(value)
        except ValueError:
            found.append(f'{name}: {variable} must hold JSON, for example \'["a", "b"]\'')
    return found or ["An environment variable of ROUNDHOUSE_… cannot be read."]
