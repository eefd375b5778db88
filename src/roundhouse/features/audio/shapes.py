"""Rows as the API shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.core.jobs import Job
from roundhouse.features.audio.model import STAGES, Options, Recording, Said, Status, Template, Texts
from roundhouse.features.audio.schemas import (
    MetricsRead,
    ParagraphRead,
    RecordingRead,
    RecordingWhole,
    ResultsRead,
    SegmentRead,
    StatusRead,
    TemplateRead,
)
from roundhouse.infra.jobs.queue import Place
from roundhouse.infra.moments import moment, moment_or_none

STATUSES: dict[str, Status] = {
    "queued": "PENDING",
    "fetch": "PREPROCESSING",
    "prepare": "PREPROCESSING",
    "transcribe": "PROCESSING_ASR",
    "speakers": "PROCESSING_ASR",
    "clean": "PROCESSING_LLM",
    "summarise": "PROCESSING_LLM",
    "finish": "PROCESSING_LLM",
    "done": "COMPLETE",
    "failed": "FAILED",
    "cancelled": "FAILED",
}
"""System B's words for the stages of a recording."""

_CANCELLED = {"code": "cancelled", "message": "The job was cancelled."}
_GONE = {"code": "executor_lost", "message": "The job of this recording is gone."}


def settled(recording: Recording, job: Job | None) -> Recording:
    """The recording with what became of its job, which it may not have heard of yet."""
    if recording.stage == "done":
        return recording
    if recording.stage in ("failed", "cancelled"):
        again = job is not None and not job.ended
        return msgspec.structs.replace(recording, stage="queued", error=None) if again else recording
    if job is None:
        return msgspec.structs.replace(recording, stage="failed", error=dict(_GONE))
    if job.state in ("failed", "cancelled"):
        return msgspec.structs.replace(recording, stage=job.state, error=job.error or dict(_CANCELLED))
    if job.state == "queued" and job.run == 0:
        return msgspec.structs.replace(recording, stage="queued")
    return recording


def read_status(recording: Recording, texts: Texts, job: Job | None, place: Place | None) -> StatusRead:
    """A recording in the words of system B; `recording` is settled."""
    status = STATUSES[recording.stage]
    return StatusRead(
        task_id=recording.id,
        status=status,
        stage=recording.stage,
        progress=1.0 if status == "COMPLETE" else round(job.progress, 4) if job is not None else 0.0,
        message="" if job is None or job.ended else job.message,
        position=None if place is None else place.position,
        expected_wait_s=None if place is None else place.expected_wait_s,
        created_at=moment(recording.created_at_s),
        completed_at=moment_or_none(recording.completed_at_s),
        language=recording.language,
        error=recording.error,
        versions=recording.versions,
        metrics=read_metrics(recording),
        results=_results(recording, texts),
        warnings=_warnings(recording),
    )


def read_recording(recording: Recording) -> RecordingRead:
    """A recording without its texts; it is settled."""
    return RecordingRead(**_common(recording))


def read_whole(recording: Recording, texts: Texts) -> RecordingWhole:
    """A recording with all of it; it is settled."""
    results = _results(recording, texts)
    shown = texts.paragraphs if results.clean_transcript is not None else None
    return RecordingWhole(
        **_common(recording),
        raw_transcript=results.raw_transcript,
        clean_transcript=results.clean_transcript,
        paragraphs=None if shown is None else [ParagraphRead(**msgspec.structs.asdict(one)) for one in shown],
        summary=results.summary,
        versions=recording.versions,
        metrics=read_metrics(recording),
    )


def read_metrics(recording: Recording) -> MetricsRead:
    """What it took so far."""
    metrics = recording.metrics
    stages = {name: metrics[name] for name in (*STAGES, "total") if name in metrics}
    seconds = [one.get("seconds", 0.0) for name, one in stages.items() if name != "total"]
    total = round(sum(seconds), 3) if seconds else None
    rtf = round(total / recording.duration_s, 5) if total is not None and recording.duration_s else None
    return MetricsRead(
        input_seconds=recording.duration_s,
        processing_seconds=total,
        rtf=rtf,
        vad_coverage=metrics.get("prepare", {}).get("vad_coverage"),
        confidence=metrics.get("transcribe", {}).get("confidence"),
        edit_rate=metrics.get("clean", {}).get("edit_rate"),
        stages=stages,
    )


def read_segment(said: Said) -> SegmentRead:
    """A segment."""
    return SegmentRead(**msgspec.structs.asdict(said))


def read_template(template: Template, language: str | None = None) -> TemplateRead:
    """A template, its texts in this language where it has them."""
    languages = sorted(key for key in template.prompt if key)
    return TemplateRead(
        id=template.id,
        name=template.name,
        version=template.version,
        builtin=template.builtin,
        title=template.in_language(template.title, language) or "",
        description=template.in_language(template.description, language) or "",
        languages=languages,
        schema=template.schema,
        prompt=template.in_language(template.prompt, language) or "",
        example=template.in_language(template.example, language),
        created_at=None if template.builtin else moment(template.created_at_s),
    )


def _results(recording: Recording, texts: Texts) -> ResultsRead:
    """What was asked for, as far as it is there; the raw text also where the rest could not be made."""
    features = recording.options.features
    raw = texts.raw_text if "raw_transcript" in features or recording.stage == "failed" else None
    if "transcribe" not in recording.metrics:
        raw = None
    return ResultsRead(
        raw_transcript=raw,
        clean_transcript=texts.clean_text if "clean_transcript" in features else None,
        summary=recording.summary if "summary" in features else None,
    )


def _warnings(recording: Recording) -> list[str]:
    return [text for stage in STAGES for text in recording.warnings.get(stage, ())]


def _common(recording: Recording) -> dict[str, Any]:
    return {
        "id": recording.id,
        "job_id": recording.job_id,
        "kind": recording.kind,
        "title": recording.title,
        "metadata": recording.metadata,
        "status": STATUSES[recording.stage],
        "stage": recording.stage,
        "language": recording.language,
        "duration_s": recording.duration_s,
        "file_id": recording.file_id,
        "source_url": recording.source_url,
        "source": recording.source,
        "options": _options(recording.options),
        "sound": recording.sound,
        "error": recording.error,
        "warnings": _warnings(recording),
        "version": recording.version,
        "created_at": moment(recording.created_at_s),
        "updated_at": moment(recording.updated_at_s),
        "completed_at": moment_or_none(recording.completed_at_s),
        "user_id": recording.user_id,
        "app_id": recording.app_id,
    }


def _options(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(options)
    return found
