"""`roundhouse transcribe FILE…`: recordings through a running server, with progress, and what came of them."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import talks
from roundhouse.cli.exits import FAILED, USAGE, Stop
from roundhouse.cli.following import check_ended_well, watch
from roundhouse.cli.terminal import clean, complain, faint, say


class Form(StrEnum):
    """What a recording becomes."""

    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"
    MD = "md"
    DOCX = "docx"


_FORMATS = {Form.TEXT: "txt"}


@talks
def transcribe(
    client: Client,
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="Sound or film.")
    ],
    *,
    form: Annotated[Form, typer.Option("--format", help="What it becomes.")] = Form.TEXT,
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Folder for the results, a file each; stdout by default."),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="What is spoken, e.g. vi; detected by default.")
    ] = None,
    template: Annotated[str | None, typer.Option(help="Also a summary in this template.")] = None,
    model: Annotated[str | None, typer.Option(help="Language model of clean text and summary.")] = None,
    recogniser: Annotated[str | None, typer.Option(help="whisper, or provider/model.")] = None,
    split_channels: Annotated[
        bool, typer.Option("--split-channels", help="Left and right are two speakers.")
    ] = False,
    diarize: Annotated[bool, typer.Option("--diarize", help="Tell speakers apart by their voices.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="As it was heard, not cleaned.")] = False,
) -> None:
    """Turn recordings into text. Ctrl-C leaves the work to the server. Ends with 1 when one of several fails."""
    if form is Form.DOCX and out is None:
        raise Stop("A docx file is not for a terminal.", code=USAGE, fix="Name a folder with --out.")
    fields = {
        "features": "raw_transcript" if raw else "raw_transcript,clean_transcript",
        "language": language,
        "template_id": template,
        "model": model,
        "asr_backend": recogniser,
        "split_channels": "true" if split_channels else None,
        "diarize": "true" if diarize else None,
    }
    if template is not None:
        fields["features"] = f"{fields['features']},summary"
    failed = 0
    for path in files:
        try:
            _one(client, path, fields, form, out)
        except Stop as stop:
            if len(files) == 1:
                raise
            failed += 1
            complain(Stop(f"{path.name}: {stop.message}", fix=stop.fix))
    if failed:
        raise typer.Exit(FAILED)


def _one(client: Client, path: Path, fields: dict[str, str | None], form: Form, out: Path | None) -> None:
    given = {name: value for name, value in fields.items() if value is not None}
    task_id: str = client.upload("/v1/process", given, path)["task_id"]
    check_ended_well(watch(client, task_id, path.name))
    recording = quote(task_id, safe="")
    for warning in client.get(f"/v1/status/{recording}")["warnings"]:
        say(faint(f"{path.name}: {clean(warning)}"), err=True)
    ending = _FORMATS.get(form, form.value)
    body = client.download(f"/v1/recordings/{recording}/export?format={ending}")
    if out is None:
        _print(body, form)
        return
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{path.stem}.{ending}"
    target.write_bytes(body)
    say(str(target))


def _print(body: bytes, form: Form) -> None:
    if form is Form.JSON:
        value: Any = json.loads(body)
        say(json.dumps(value, indent=2, ensure_ascii=False))
        return
    say("\n".join(clean(line) for line in body.decode().rstrip("\n").split("\n")))
