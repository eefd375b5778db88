"""Stage `summarise`: an object that fits the template, its quotes with their times."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from roundhouse.core.errors import NotFound, Unprocessable
from roundhouse.core.jobs import StepContext
from roundhouse.core.types import Caller
from roundhouse.features.audio.asking import Message, Reply
from roundhouse.features.audio.model import Recording, Said, Template, Texts
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.stages.cleaning import model_of
from roundhouse.features.audio.stages.keeping import begin, held, is_wanted, keep
from roundhouse.features.audio.store import recordings, segments, templates
from roundhouse.features.audio.templating.extracting import extract
from roundhouse.features.audio.templating.filling import Filled, Material, fill
from roundhouse.features.audio.templating.house import house_templates

EXTRACTIVE = "roundhouse/extractive"


async def summarise(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Fill in the recording's template.

    Raises:
        Unprocessable: The template is gone, or its prompt fails.
        SummaryInvalid: Nothing that fits it came out; the texts are kept.
        RoundhouseError: And the rest of the engine's errors.
    """
    if not is_wanted(context, "summarise"):
        return {}
    recording = await begin(desk, context, "summarise")
    if not recording.options.wants_summary:
        return {}
    began_s = desk.clock.monotonic_s()
    template = await find_template(desk, context.job.caller, recording)
    async with desk.db.read() as tx:
        said = await segments.every(tx, recording.id)
        texts = await recordings.texts(tx, recording.id)
    material = _material(recording, said, texts)
    model, filled = await _filled(desk, context, recording, template, material, texts)
    prompt = template.in_language(template.prompt, material.language)
    versions = {
        "summary_by": "extractive" if model == EXTRACTIVE else "model",
        "model": filled.by,
        "template": {"id": template.id, "name": template.name, "version": template.version},
        "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
    }
    async with desk.db.begin() as tx:
        return await keep(
            desk,
            tx,
            await held(tx, context),
            "summarise",
            began_s=began_s,
            versions=versions,
            metrics={"tries": filled.tries, "parts": filled.parts},
            warnings=filled.warnings,
            summary=_storable(filled.value),
        )


async def find_template(desk: Desk, caller: Caller, recording: Recording) -> Template:
    """The template of a recording; raises Unprocessable when it is gone."""
    name = recording.options.template_id or desk.settings.default_template
    house = house_templates().get(name)
    if house is not None:
        return house
    try:
        async with desk.db.read() as tx:
            return await templates.get(tx, caller, name)
    except NotFound:
        raise Unprocessable(f"There is no template {name[:100]!r} any more.", param="template_id") from None


async def _filled(
    desk: Desk,
    context: StepContext,
    recording: Recording,
    template: Template,
    material: Material,
    texts: Texts,
) -> tuple[str, Filled]:
    caller, model = context.job.caller, model_of(desk, recording)
    quotes_only = await desk.models.quotes_only(caller, model)
    if quotes_only:
        model = EXTRACTIVE
    ask = partial(_ask, desk, context, model)
    if quotes_only:
        text = texts.clean_text if texts.clean_text is not None else texts.raw_text or ""
        return model, await extract(ask, template, material, text)
    window_tokens = await desk.models.window_tokens(caller, model)
    return model, await fill(ask, template, material, window_tokens, context.progress)


async def _ask(
    desk: Desk,
    context: StepContext,
    model: str,
    messages: Sequence[Message],
    response_format: dict[str, Any] | None = None,
) -> Reply:
    return await desk.models.ask(
        context.job.caller, model, messages, response_format=response_format, request_id=context.job.id
    )


def _material(recording: Recording, said: Sequence[Said], texts: Texts) -> Material:
    lines = [_line(one.text, one.start_s, one.speaker) for one in texts.paragraphs or () if one.text] or [
        _line(one.text, one.start_s, one.speaker) for one in said
    ]
    language = recording.options.summary_language or recording.language
    at = datetime.fromtimestamp(recording.created_at_s, UTC)
    values = {
        "title": recording.title,
        "language": language or "",
        "duration_s": recording.duration_s,
        "date": at.date().isoformat(),
        "speakers": sorted({one.speaker for one in said if one.speaker is not None}),
        "segments": [
            {"text": one.text, "start_s": one.start_s, "end_s": one.end_s, "speaker": one.speaker}
            for one in said
        ],
    }
    return Material(said, lines, language, recording.language, values)


def _line(text: str, start_s: float | None, speaker: str | None) -> str:
    mark = "" if start_s is None else f"[{int(start_s) // 60}:{int(start_s) % 60:02d}] "
    return f"{mark}{speaker}: {text}" if speaker is not None else f"{mark}{text}"


def _storable(value: Any) -> Any:
    """Without what PostgreSQL's texts cannot hold."""
    return msgspec.json.decode(msgspec.json.encode(value).replace(b"\\u0000", b""))
