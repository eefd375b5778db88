"""All commands, put together."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from roundhouse import __version__
from roundhouse.cli import (
    clean,
    disk,
    doctor,
    executor,
    imports,
    ingest,
    jobs,
    keys,
    knowledge,
    models,
    module,
    providers,
    reference,
    run,
    search,
    sessions,
    transcribe,
    usage,
    watch,
    webhooks,
)
from roundhouse.cli.exits import FAILED, INTERRUPTED, Stop
from roundhouse.cli.terminal import complain, say
from roundhouse.core.errors import RoundhouseError


class Commands(TyperGroup):
    """Turns what ends a command into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Stop as stop:
            complain(stop)
            raise typer.Exit(stop.code) from None
        except RoundhouseError as error:
            complain(Stop(error.detail))
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


commands = typer.Typer(
    name="roundhouse",
    cls=Commands,
    help="One self-hosted AI backend: an OpenAI-compatible gateway over every model a small team runs.",
    no_args_is_help=True,
    # A traceback with the values of variables could show a key.
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@commands.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


commands.command()(run.run)
commands.command()(executor.executor)
commands.add_typer(keys.commands, name="keys")
commands.add_typer(models.commands, name="models")
commands.add_typer(jobs.commands, name="jobs")
commands.add_typer(sessions.commands, name="sessions")
commands.add_typer(imports.commands, name="import")
commands.add_typer(search.commands, name="search")
commands.add_typer(knowledge.commands, name="knowledge")
commands.add_typer(providers.provider_commands, name="providers")
commands.add_typer(providers.alias_commands, name="aliases")
commands.add_typer(webhooks.commands, name="webhooks")
commands.command()(transcribe.transcribe)
commands.command()(ingest.ingest)
commands.add_typer(watch.commands, name="watch")
commands.add_typer(module.commands, name="module")
commands.command()(usage.usage)
commands.add_typer(clean.commands, name="clean")
commands.command()(disk.disk)
commands.command()(doctor.doctor)
commands.command()(reference.settings)
commands.command()(reference.errors)
commands.command()(reference.metrics)
commands.command()(reference.version)
