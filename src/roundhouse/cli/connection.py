"""The options by which a command finds its server and its key."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, get_type_hints
from urllib.parse import urlsplit

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.exits import FAILED, USAGE, Stop

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings

Given = ParamSpec("Given")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder; the settings' by default.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="ROUNDHOUSE_CONFIG", exists=True, dir_okay=False, help="Settings file (TOML)."
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="ROUNDHOUSE_URL", help="Address of the server; from the settings by default."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="ROUNDHOUSE_API_KEY",
        help="API key. Others on this machine can see arguments: better in the variable. Without one, the first "
        "admin key of the data folder is used for a server on this machine.",
    ),
]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def talks(command: Callable[Concatenate[Client, Given], None]) -> Callable[..., None]:
    """Hand a command a client, and give it the options `--url`, `--key` and `--data-dir` that make one."""
    hints = get_type_hints(command, include_extras=True)
    _, *own = inspect.signature(command).parameters.values()
    options = {"url": Url, "key": Key, "data_dir": DataDir}

    @functools.wraps(command)
    def wrapper(**given: Any) -> None:
        client = connect(**{name: given.pop(name) for name in options})
        command(client, **given)  # type: ignore[call-arg] # the rest of Given is by name

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in options.items()
    ]
    kept = [part.replace(annotation=hints[part.name], kind=inspect.Parameter.KEYWORD_ONLY) for part in own]
    wrapper.__signature__ = inspect.Signature(kept + added)  # type: ignore[attr-defined]  # read by typer
    wrapper.__annotations__ = {part.name: part.annotation for part in kept + added}
    del wrapper.__wrapped__
    return wrapper


def connect(url: str | None, key: str | None, data_dir: Path | None) -> Client:
    """A client for the server that is meant.

    Args:
        url: Its address; None = where this machine's settings say it listens.
        key: API key; None = the environment's, or the first admin key.
        data_dir: Where that key is kept; None = the settings' data folder.

    Raises:
        Stop: The settings cannot be read, or the address is none.
    """
    if url is not None and key is not None:
        return Client(url, key)
    settings = read_settings(data_dir=data_dir)
    address = url or local_url(settings)
    if key is None:
        key = _local_key(settings, address) if settings.server.open is False else ""
    return Client(address, key)


def read_settings(
    *, data_dir: Path | None = None, config: Path | None = None, **sections: dict[str, Any]
) -> Settings:
    """The settings with what the command line says; raises Stop naming each setting that is wrong."""
    # Not at the top: it costs a quarter of a second, and a command with --url and --key needs none of it.
    from roundhouse.core.errors import BadInput
    from roundhouse.core.settings_load import load

    overrides: dict[str, Any] = {
        name: {key: value for key, value in section.items() if value is not None}
        for name, section in sections.items()
    }
    if data_dir is not None:
        overrides["data_dir"] = data_dir
    try:
        return load(overrides, config)
    except BadInput as error:
        raise Stop(
            f"The settings are wrong.\n{error.detail}",
            code=USAGE,
            fix="docs/reference/settings.md lists every setting; `roundhouse doctor` looks at the rest.",
        ) from None


def local_url(settings: Settings) -> str:
    """Where this machine's server answers, by its settings."""
    host = settings.server.host or "127.0.0.1"
    return reachable(f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}")


def reachable(url: str) -> str:
    """The address by which this machine reaches a server that listens at `url`: every address is also loopback."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _local_key(settings: Settings, address: str) -> str:
    """The admin key of this machine; empty for a server elsewhere, which must not learn it."""
    host = urlsplit(address).hostname
    if host not in _LOOPBACK and address != local_url(settings):
        return ""
    fixed = settings.access.secret_api_key
    if fixed is not None and fixed.get_secret_value().strip():
        return fixed.get_secret_value().strip()
    return first_key(settings.data_dir) or ""


def first_key(data_dir: Path) -> str | None:
    """The first admin key as it was kept, None when there is none.

    Raises:
        Stop: The file is there and cannot be read.
    """
    path = data_dir / "admin.key"
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Stop(f"{path} cannot be read: {reason}.", code=FAILED) from None
