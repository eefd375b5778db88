"""Stage `clean`: paragraphs that read well, by a language model under guard, or by rules."""

from __future__ import annotations

import hashlib
from typing import Any

from roundhouse.core.errors import ModelNotFound, RoundhouseError
from roundhouse.core.jobs import StepContext
from roundhouse.features.audio.cleaning.by_model import Ask, Cleaned, clean_segments
from roundhouse.features.audio.cleaning.orders import ORDERS
from roundhouse.features.audio.model import Recording
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.stages.keeping import begin, held, is_wanted, keep, storable
from roundhouse.features.audio.store import recordings, segments


async def clean(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Clean what was said, also where only the raw text is wanted: that it is found by its words."""
    if not is_wanted(context, "clean"):
        return {}
    recording = await begin(desk, context, "clean")
    began_s = desk.clock.monotonic_s()
    async with desk.db.read() as tx:
        said = await segments.every(tx, recording.id)
    model = model_of(desk, recording)
    warnings: list[str] = []
    ask, by = None, "rules"
    if recording.options.wants_clean and said:
        ask, by = await _asker(desk, context, model, warnings)
    cleaned = await clean_segments(
        said,
        recording.language,
        ask=ask,
        most_rate=desk.settings.clean_max_edit_rate,
        names=recording.options.vocabulary,
        on_progress=context.progress,
    )
    if cleaned.refused:
        warnings.append(_refused(cleaned))
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        before = (await recordings.texts(tx, recording.id)).paragraphs or []
        await desk.index.changed(tx, recording, len(cleaned.paragraphs), len(before))
        return await keep(
            desk,
            tx,
            recording,
            "clean",
            began_s=began_s,
            versions=_versions(recording, by, model),
            metrics=_metrics(cleaned),
            warnings=warnings,
            clean_text=storable(cleaned.text),
            paragraphs=cleaned.paragraphs,
        )


def model_of(desk: Desk, recording: Recording) -> str:
    """The language model that a recording is worked on with."""
    return recording.options.model or desk.settings.model


async def _asker(desk: Desk, context: StepContext, model: str, warnings: list[str]) -> tuple[Ask | None, str]:
    caller = context.job.caller
    try:
        if await desk.models.quotes_only(caller, model):
            return None, "rules"
    except ModelNotFound:
        if model != desk.settings.model:
            # It was asked for by name.
            raise
        return None, "rules"
    except RoundhouseError as error:
        if not error.retryable:
            raise
        warnings.append(f"The language model is away ({error.code}): cleaned by rules.")
        return None, "rules"

    async def ask(order: str, text: str) -> str:
        messages = [{"role": "system", "content": order}, {"role": "user", "content": text}]
        return (await desk.models.ask(caller, model, messages, request_id=context.job.id)).text

    return ask, "model"


def _versions(recording: Recording, by: str, model: str) -> dict[str, Any]:
    if by == "rules":
        return {"by": by}
    prompt = ORDERS.get(recording.language or "", ORDERS["en"])
    return {"by": by, "model": model, "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest()}


def _metrics(cleaned: Cleaned) -> dict[str, Any]:
    by_model = sum(one.by == "model" for one in cleaned.paragraphs)
    return {
        "edit_rate": round(cleaned.edit_rate, 4),
        "paragraphs": len(cleaned.paragraphs),
        "by_model": by_model,
        "by_rules": len(cleaned.paragraphs) - by_model,
        "refused": cleaned.refused,
    }


def _refused(cleaned: Cleaned) -> str:
    reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(cleaned.refused.items()))
    return f"{sum(cleaned.refused.values())} paragraphs were cleaned by rules, not by the model ({reasons})."
