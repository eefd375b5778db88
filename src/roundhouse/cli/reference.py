"""`roundhouse settings`, `errors`, `metrics`, `version`: what this installation is and how it is set."""

from __future__ import annotations

import json
import platform
import sys
from typing import Annotated, Any

import typer

from roundhouse import __version__
from roundhouse.cli.connection import AsJson, Config, DataDir, read_settings
from roundhouse.cli.exits import USAGE, Stop
from roundhouse.cli.terminal import say, show_json, show_table

AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print the reference page instead.")]


def version(as_json: AsJson = False) -> None:
    """Print the version."""
    if as_json:
        show_json({"version": __version__, "python": platform.python_version()})
    else:
        say(__version__)


def settings(
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
    env_template: Annotated[
        bool, typer.Option("--env-template", help="Print the `.env.template` instead.")
    ] = False,
) -> None:
    """Print the settings in force, with every secret masked."""
    if sum((as_json, markdown, env_template)) > 1:
        raise Stop("--json, --markdown and --env-template exclude each other.", code=USAGE)
    from roundhouse.core import settings_reference

    if markdown:
        _write(settings_reference.markdown())
        return
    if env_template:
        _write(settings_reference.env_template())
        return
    values = settings_reference.masked(read_settings(config=config, data_dir=data_dir))
    if as_json:
        show_json(values)
    else:
        for name, value in _flat(values, ""):
            say(f"{name} = {json.dumps(value, ensure_ascii=False)}")


def errors(as_json: AsJson = False, markdown: AsMarkdown = False) -> None:
    """Print every error a client can meet."""
    from roundhouse.core import errors_reference
    from roundhouse.core.errors import tree

    if markdown:
        _write(errors_reference.markdown())
        return
    found = [
        {"code": kind.code, "status": kind.status, "retryable": kind.retryable, "title": kind.title}
        for kind in tree()
    ]
    if as_json:
        show_json(found)
    else:
        columns = ("code", "status", "retry helps", "title")
        show_table(columns, [list(row.values()) for row in found], empty="None.")


def metrics(as_json: AsJson = False, markdown: AsMarkdown = False) -> None:
    """Print every metric that `GET /metrics` gives."""
    from roundhouse.infra.telemetry import metrics_reference
    from roundhouse.infra.telemetry.metrics import Metrics

    if markdown:
        _write(metrics_reference.markdown())
        return
    found = Metrics.describe()
    if as_json:
        show_json(
            [{"name": one.name, "kind": one.kind, "labels": one.labels, "help": one.help} for one in found]
        )
    else:
        rows = [(one.name, one.kind, one.labels, one.help) for one in found]
        show_table(("metric", "kind", "labels", "meaning"), rows, empty="None.")


def _write(text: str) -> None:
    # Bytes: the pages are UTF-8 whatever the terminal is.
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _flat(value: Any, name: str) -> list[tuple[str, Any]]:
    """Leaves by dotted name; lists are leaves."""
    if not isinstance(value, dict) or not value:
        return [(name, value)]
    return [leaf for key, inner in value.items() for leaf in _flat(inner, f"{name}.{key}" if name else key)]
