"""`roundhouse module scan PATH`: what a folder of Python could do as a module, and the files that make one of it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from roundhouse.cli.connection import AsJson
from roundhouse.cli.exits import FAILED, Stop
from roundhouse.cli.terminal import bad, doubtful, faint, good, say, show_json, strong

if TYPE_CHECKING:
    from roundhouse.features.tasks.importing.diffing import Difference
    from roundhouse.features.tasks.importing.scanning.scan import Scan

commands = typer.Typer(help="Modules: other people's services behind this API.", no_args_is_help=True)

_SHOWN_CHANGES = 20


@commands.callback()
def _root() -> None:
    pass


@commands.command()
def scan(
    path: Annotated[Path, typer.Argument(help="Folder of a FastAPI or Flask application, or its one file.")],
    *,
    name: Annotated[str, typer.Option(help="Of the module; its title otherwise.")] = "",
    base_url: Annotated[str, typer.Option(help="Where the module will answer.")] = "",
    app: Annotated[
        str, typer.Option(help="Which application, MODULE:VARIABLE, where there are several.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the files; PATH otherwise.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the files that are not there yet.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --write, also over files that are there.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the text of the files as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read a folder and propose capabilities; nothing of it is executed. Nothing is written without --write."""
    from roundhouse.features.tasks.importing.scanning.scan import scan as scan_folder

    found = scan_folder(path, name=name, base_url=base_url, target=app, out=out)
    folder = out or (path if path.is_dir() else path.parent)
    difference = _since(folder, found)
    states = _states(folder, found, force=force)
    if write:
        _write(folder, found, states)
    if as_json:
        show_json(_report(found, difference, states, written=write))
        return
    _tell(found, difference, states, written=write)
    if show:
        for filename, text in found.files.items():
            say(f"\n{strong(f'--- {filename}')}\n{text}")
    _tell_calls(folder, found)


def _since(folder: Path, found: Scan) -> Difference | None:
    """What is other than at the scan before, by the document that it wrote; None = there was none."""
    from roundhouse.core.errors import BadInput
    from roundhouse.features.tasks.importing.diffing import compare
    from roundhouse.features.tasks.importing.openapi.proposing import Wanted, propose
    from roundhouse.features.tasks.importing.scanning.wrapping import DOCUMENT

    before = folder / DOCUMENT
    if not before.is_file():
        return None
    try:
        proposal = propose(before.read_bytes(), Wanted(prefix=found.name, base_url=found.base_url))
    except BadInput:
        return None
    return compare({one.name: one for one in proposal.capabilities}, found.proposal.capabilities)


def _states(folder: Path, found: Scan, *, force: bool) -> dict[str, str]:
    """For each file: `new`, `same`, `kept` (another one is there and stays) or `replaced`."""
    states = {}
    for filename, text in found.files.items():
        path = folder / filename
        if not path.exists():
            states[filename] = "new"
        elif path.is_file() and path.read_bytes() == text.encode():
            states[filename] = "same"
        else:
            states[filename] = "replaced" if force else "kept"
    return states


def _write(folder: Path, found: Scan, states: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for filename, text in found.files.items():
            if states[filename] in ("new", "replaced"):
                (folder / filename).write_bytes(text.encode())
    except OSError as error:
        raise Stop(f"The files cannot be written: {error.strerror or error}.", code=FAILED) from None


def _report(
    found: Scan, difference: Difference | None, states: dict[str, str], *, written: bool
) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(
        {
            "name": found.name,
            "base_url": found.base_url,
            "application": found.application.target,
            "framework": found.application.framework,
            "others": found.others,
            "capabilities": found.proposal.capabilities,
            "difference": difference,
            "warnings": found.warnings,
            "written": written,
        }
    )
    told["files"] = [
        {"name": name, "state": states[name], "text": text} for name, text in found.files.items()
    ]
    return told


def _tell(found: Scan, difference: Difference | None, states: dict[str, str], *, written: bool) -> None:
    one = found.application
    say(f"{strong(found.name)}: {one.framework} application {one.target}, {len(one.routes)} routes")
    for target in found.others:
        say(f"  {faint(f'also there: {target} (--app {target})')}")
    for capability in found.proposal.capabilities:
        examples = ", ".join(example.name for example in capability.examples)
        say(f"  {good(capability.name)}  {capability.operation}  {capability.title}")
        properties = capability.input_schema.get("properties", {})
        required = set(capability.input_schema.get("required", []))
        takes = ", ".join(name if name in required else f"{name}?" for name in properties)
        say(f"    {faint('takes')} {takes or 'nothing'}{faint('; examples ') + examples if examples else ''}")
    for warning in found.warnings:
        say(f"  {doubtful('warning:')} {warning}")
    if difference is not None:
        _tell_difference(difference)
    say("Files:" if written else "Files (nothing is written without --write):")
    for filename, state in states.items():
        told = {
            "new": good("new"),
            "same": faint("same"),
            "kept": doubtful("kept as it is; --force replaces it"),
        }
        say(f"  {filename}  {told.get(state, doubtful(state))}")


def _tell_difference(difference: Difference) -> None:
    if not (difference.added or difference.changed or difference.removed):
        say("As at the scan before.")
        return
    say("Since the scan before:")
    for added in difference.added:
        say(f"  {good('+')} {added.name}")
    for changed in difference.changed:
        say(f"  {doubtful('~')} {changed.proposed.name}")
        for change in changed.changes[:_SHOWN_CHANGES]:
            say(f"      {change.field}: {_short(change.before)} -> {_short(change.after)}")
    for name in difference.removed:
        say(f"  {bad('-')} {name}")


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"


def _tell_calls(folder: Path, found: Scan) -> None:
    from roundhouse.features.tasks.importing.scanning.wrapping import IMPORT_BODY, REGISTER_BODY

    say("Once the module runs and the files are written, either of these registers it:")
    for path, body in (
        ("/v1/capabilities/import/openapi", IMPORT_BODY),
        ("/gateway/register", REGISTER_BODY),
    ):
        file = shlex.quote(f"@{folder / body}")
        say(
            f'  curl -X POST "$ROUNDHOUSE_URL{path}" -H "Authorization: Bearer $ROUNDHOUSE_API_KEY" -d {file}'
        )
