"""Documents made from the settings' own definitions: the reference page, `.env.template`, and a printable copy.

Pure: a test compares the files in the repository with what these functions return.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from roundhouse.core.settings import LEGACY_ENV, Settings

MASK = "**********"
"""Stands for a secret."""

_SECRET_WORDS = ("key", "secret", "token", "password", "authorization")


class SettingRow(NamedTuple):
    """One setting.

    Attributes:
        name: As in `roundhouse.toml`, dotted: `server.port`.
        env: Its environment variable; empty inside repeated sections.
        legacy: Names of other systems that mean the same.
        kind: What values look like.
        default: As it would be written in the environment; empty = unset.
        description: One sentence.
    """

    name: str
    env: str
    legacy: tuple[str, ...]
    kind: str
    default: str
    description: str


class SettingSection(NamedTuple):
    """A group of settings; `repeated` ones are lists of tables (`[[providers]]`)."""

    name: str
    description: str
    repeated: bool
    rows: list[SettingRow]


def sections() -> list[SettingSection]:
    """Every setting; those outside a section come first, in one of the name ''."""
    top: list[SettingRow] = []
    found: list[SettingSection] = []
    for name, field in Settings.model_fields.items():
        model, repeated = _section_model(field)
        if model is None:
            top.append(_row(name, field))
        else:
            rows = list(_rows(name, model, in_env=not repeated))
            found.append(SettingSection(name, (model.__doc__ or "").strip(), repeated, rows))
    return [SettingSection("", "Outside any section.", False, top), *found]


def names() -> dict[str, bool]:
    """Dotted names that an environment variable can set, and whether its value is JSON."""
    found: dict[str, bool] = {}
    for section in sections():
        if section.repeated:
            found[section.name] = True
        else:
            found.update({row.name: row.kind.startswith(("list", "table")) for row in section.rows})
    return found


def fields_at(path: tuple[str | int, ...]) -> list[str]:
    """Names that may stand in the section at `path`, such as `("providers", 0)`."""
    model: type[BaseModel] = Settings
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = _section_model(field)[0] if field is not None else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def markdown() -> str:
    """The text of `docs/reference/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Made by `roundhouse settings --markdown` from `src/roundhouse/core/settings.py`; do not edit.",
        "",
        "The first source that has a value wins: arguments of the command line, environment variables, the "
        "environment names of systems whose users move here (“also”), `.env`, `roundhouse.toml` (or the file that "
        "`--config` or `ROUNDHOUSE_CONFIG` names), the default. Lists and tables are written as JSON in the "
        "environment: `ROUNDHOUSE_OUTBOUND__ALLOW_NETWORKS='[\"192.168.1.0/24\"]'`. "
        "`roundhouse settings` prints what is in force.",
    ]
    for section in sections():
        lines += ["", f"## {_title(section)}", "", section.description, ""]
        if section.repeated:
            lines += [f"In `roundhouse.toml`, one `[[{section.name}]]` per entry.", ""]
        lines += _table(section)
    return "\n".join(lines) + "\n"


def env_template() -> str:
    """The text of `.env.template`."""
    lines = [
        "# Copy to .env and take the # away from what you change. Made by `roundhouse settings --env-template`.",
        "# Every value shown is the default. docs/reference/settings.md has the same list as a page.",
    ]
    for section in sections():
        if section.repeated:
            continue
        lines += ["", f"# --- {section.name or 'general'}: {section.description}"]
        for row in section.rows:
            also = f" Also: {', '.join(row.legacy)}." if row.legacy else ""
            lines += ["", f"# {row.description}{also}", f"# {row.env}={_quoted(row.default)}"]
    return "\n".join(lines) + "\n"


def masked(settings: Settings) -> dict[str, Any]:
    """The settings in force as JSON values, nested, with every secret masked."""
    found: dict[str, Any] = _masked(settings.model_dump(mode="json"), "")
    found["db"]["url"] = _without_password(settings.db_url)
    found["log"]["dir"] = str(settings.log_dir)
    found["files"]["dir"] = str(settings.files_dir)
    return found


def _masked(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        if name == "headers":
            return dict.fromkeys(value, MASK)
        return {key: _masked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    if isinstance(value, str) and value and name != "jwt_public_key":
        if name.endswith("url") or name.endswith("urls"):
            return _without_password(value)
        # Options of a provider's kind are free; a plugin's may hold a secret under any of these names.
        if any(word in name.lower() for word in _SECRET_WORDS):
            return MASK
    return value


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return MASK
    if password is None:
        return url
    credentials, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials.partition(':')[0]}:{MASK}@{host}").geturl()


def _section_model(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    annotation: Any = field.annotation
    if get_origin(annotation) is list:
        (annotation,) = get_args(annotation)
        return (annotation, True) if _is_model(annotation) else (None, False)
    return (annotation, False) if _is_model(annotation) else (None, False)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _rows(prefix: str, model: type[BaseModel], *, in_env: bool) -> Iterator[SettingRow]:
    for name, field in model.model_fields.items():
        inner, _ = _section_model(field)
        if inner is not None:
            yield from _rows(f"{prefix}.{name}", inner, in_env=in_env)
        else:
            row = _row(f"{prefix}.{name}", field)
            yield row if in_env else row._replace(env="")


def _row(name: str, field: FieldInfo) -> SettingRow:
    path = tuple(name.split("."))
    return SettingRow(
        name=name,
        env="ROUNDHOUSE_" + "__".join(part.upper() for part in path),
        legacy=tuple(legacy for legacy, target in LEGACY_ENV.items() if target == path),
        kind=_kind(field.annotation) + _limits(field),
        default="required" if field.is_required() else _default(field.default),
        description=field.description or "",
    )


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(_kind(part) for part in get_args(annotation) if part is not type(None))
    if origin is list:
        return f"list of {_kind(get_args(annotation)[0])}"
    if origin is dict:
        return "table"
    words: dict[Any, str] = {
        bool: "`true` or `false`",
        int: "whole number",
        float: "number",
        str: "text",
        Path: "path",
        SecretStr: "secret",
    }
    return words[annotation]


def _limits(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return f", {', '.join(found)}" if found else ""


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, dict, bool)):
        return json.dumps(value)
    return str(value)


def _quoted(default: str) -> str:
    return f"'{default}'" if default.startswith(("[", "{")) else default


def _title(section: SettingSection) -> str:
    if not section.name:
        return "General"
    return f"`[[{section.name}]]`" if section.repeated else f"`[{section.name}]`"


def _table(section: SettingSection) -> list[str]:
    env = not section.repeated
    lines = [
        f"| setting |{' environment |' if env else ''} value | default | meaning |",
        f"|---|{'---|' if env else ''}---|---|---|",
    ]
    for row in section.rows:
        cells = [f"`{row.name}`"]
        if env:
            cells.append(f"`{row.env}`" + "".join(f", also `{name}`" for name in row.legacy))
        cells += [row.kind, f"`{row.default}`" if row.default else "unset", row.description]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines
