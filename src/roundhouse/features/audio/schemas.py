"""Wire shapes of recordings and templates; system B's where it has one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.audio.model import CameBy, Feature, Kind, Status
from roundhouse.infra.jobs.shapes import JobRead
from roundhouse.infra.search import IndexState

MOST_TEXT_CHARS = 2_000_000
"""Characters of a text that is processed, or of a segment."""

_MOST_FREE_BYTES = 65_536
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00]*$"
_LANGUAGE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"


def _storable(value: Any) -> Any:
    """Free JSON that can be kept: no lone surrogates, no endless numbers, not too deep, not too large."""
    try:
        kept = msgspec.json.encode(value)
        same = msgspec.json.decode(kept) == value
    except (msgspec.DecodeError, OverflowError, RecursionError, UnicodeEncodeError):
        same, kept = False, b""
    if not same or b"\\u0000" in kept:
        raise ValueError("holds a number or a text that cannot be kept")
    if len(kept) > _MOST_FREE_BYTES:
        raise ValueError(f"is larger than {_MOST_FREE_BYTES} bytes")
    return value


Free = Annotated[dict[str, Any], AfterValidator(_storable)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
TemplateName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Language = Annotated[str, StringConstraints(pattern=_LANGUAGE)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT_CHARS, pattern=_TEXT)]
Short = Annotated[str, StringConstraints(max_length=200, pattern=_PRINTABLE)]
Long = Annotated[str, StringConstraints(max_length=2000, pattern=_TEXT)]
Prompt = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=_TEXT)]
Edited = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=_TEXT)]
Speaker = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_PRINTABLE)]
Voices = Annotated[int, Field(ge=1, le=64)]
RerunStage = Literal["prepare", "transcribe", "speakers", "clean", "summarise"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TextAsk(_Input):
    """A text to be cleaned and summarised as if it had been said."""

    text: Text
    features: list[Feature] | None = Field(
        None, description="Which results; unset = clean text, and a summary where a template is named."
    )
    template_id: TemplateName | None = Field(None, description="Name or id; needed for `summary`.")
    model: ModelName | None = Field(None, description="Language model; null = the setting.")
    language: Language | None = Field(None, description="Of the text; null = by its letters.")
    summary_language: Language | None = Field(None, description="Null = as the text.")
    title: Title | None = None
    metadata: Free = Field({}, description="Yours; at most 64 KiB.")
    vector_store_id: ModelName | None = Field(
        None, description="Vector store that the text goes into; needs the scope `knowledge:write`."
    )


class ProcessRead(BaseModel):
    """A recording that was accepted."""

    task_id: str = Field(description="Id of the recording and of the job that works on it.")
    status: Status
    position: int | None = Field(description="Jobs that start before it.")
    expected_wait_s: float | None = Field(description="As measured; null = not known.")
    job: JobRead


class ProcessSeveral(ProcessRead):
    """Several recordings that were accepted with one request; the fields beside the list are of the first."""

    recordings: list[ProcessRead] = Field(description="All of them, in the order in which they were sent.")


class MetricsRead(BaseModel):
    """What it took and how sure it is; null = not known (yet)."""

    input_seconds: float | None = Field(description="Length of the sound.")
    processing_seconds: float | None = Field(description="Of all stages together.")
    rtf: float | None = Field(description="Real-time factor: processing over length.")
    vad_coverage: float | None = Field(description="Share of the sound in which somebody speaks.")
    confidence: float | None = Field(description="Of the recogniser, 0 to 1, by length of text.")
    edit_rate: float | None = Field(
        description="Share of the words that cleaning changed; fillers do not count."
    )
    stages: dict[str, dict[str, Any]] = Field(
        description="By stage: `seconds`, `rtf`, and numbers of its own."
    )


class ResultsRead(BaseModel):
    """What came of it so far; null = not asked for, or not there yet."""

    raw_transcript: str | None
    clean_transcript: str | None
    summary: Any


class StatusRead(BaseModel):
    """A recording in the words of system B."""

    task_id: str
    status: Status
    stage: str = Field(description="`queued`, the stage that runs, `done`, `failed` or `cancelled`.")
    progress: float = Field(ge=0, le=1)
    message: str = Field(description="What is done just now.")
    position: int | None
    expected_wait_s: float | None
    created_at: datetime
    completed_at: datetime | None
    language: str | None
    error: dict[str, Any] | None = Field(
        description="`code` and `message` of a failure; results may be there."
    )
    versions: dict[str, Any] = Field(description="What ran, by stage: all that is needed to do it again.")
    metrics: MetricsRead
    results: ResultsRead
    warnings: list[str]


class RecordingRead(BaseModel):
    """One recording without its texts."""

    object: Literal["recording"] = "recording"
    id: str
    job_id: str = Field(description="The job that works on it, or did so last.")
    kind: Kind
    title: str
    metadata: dict[str, Any]
    status: Status
    stage: str
    language: str | None
    duration_s: float | None
    file_id: str | None = Field(description="Its sound; null = a text, not fetched yet, or deleted.")
    source_url: str | None
    source: CameBy = Field(description="By a request, or as a file in a watched folder.")
    options: dict[str, Any]
    sound: dict[str, Any] | None = Field(description="Format, length, loudness and tracks of what came in.")
    error: dict[str, Any] | None
    warnings: list[str]
    version: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    user_id: str | None
    app_id: str | None


class ParagraphRead(BaseModel):
    """A part of the clean text."""

    text: str
    start_s: float | None
    end_s: float | None
    speaker: str | None
    by: Literal["rules", "model", "nobody"]


class RecordingWhole(RecordingRead):
    """One recording with its texts and its summary."""

    raw_transcript: str | None
    clean_transcript: str | None
    paragraphs: list[ParagraphRead] | None
    summary: Any
    versions: dict[str, Any]
    metrics: MetricsRead


class RecordingList(BaseModel):
    """A page of recordings, newest first."""

    object: Literal["list"] = "list"
    data: list[RecordingRead]
    has_more: bool
    next_cursor: str | None


class RecordingPatch(_Input):
    """What is to be changed; what is left out stays."""

    title: Title | None = None
    metadata: Free | None = None
    speakers: dict[Speaker, Speaker] | None = Field(
        None, max_length=64, description='New names of speakers, by the old ones: `{"Speaker 1": "Anna"}`.'
    )
    summary: Free | None = Field(
        None,
        description="Corrected by hand; it fits the template that it was written in. From then on "
        "`versions.summarise.corrected` is true.",
    )
    version: Version | None = Field(None, description="The one you know: 409 where it was changed meanwhile.")


class RecordingDeleted(BaseModel):
    """A recording that is no more."""

    object: Literal["recording"] = "recording"
    id: str
    deleted: Literal[True] = True


class SegmentRead(BaseModel):
    """One stretch of speech."""

    number: int
    start_s: float | None
    end_s: float | None
    text: str
    heard: str | None = Field(description="What was heard, where somebody has corrected it.")
    speaker: str | None
    confidence: float | None
    no_speech: float | None
    language: str | None
    track: str
    words: list[dict[str, Any]]
    flags: list[str]


class SegmentList(BaseModel):
    """A page of segments by time."""

    object: Literal["list"] = "list"
    data: list[SegmentRead]
    has_more: bool
    next_cursor: str | None


class SegmentPatch(_Input):
    """A correction; the first one keeps what was heard."""

    text: Edited | None = None
    speaker: Speaker | None = None


class RerunAsk(_Input):
    """Which stage is done again, and with which options; what is left out stays."""

    stage: RerunStage
    only: bool = Field(False, description="Not the stages behind it.")
    discard_corrections: bool = Field(
        False,
        description="Do it again although segments, or the summary, were corrected by hand and would be lost.",
    )
    template_id: TemplateName | None = None
    model: ModelName | None = None
    asr_backend: ModelName | None = None
    language: Language | None = None
    summary_language: Language | None = None
    num_speakers: Voices | None = Field(
        None, description="So many speak; of the stage `speakers`, as are the others."
    )
    min_speakers: Voices | None = None
    max_speakers: Voices | None = None


class FoundPiece(BaseModel):
    """A part of a snippet."""

    text: str
    hit: bool


class RecordingFound(BaseModel):
    """A paragraph that was found."""

    recording_id: str
    title: str
    start_s: float | None
    end_s: float | None
    speaker: str | None
    score: float
    snippet: list[FoundPiece]


class RecordingsFound(BaseModel):
    """A page of what was found, the best first."""

    object: Literal["list"] = "list"
    data: list[RecordingFound]
    has_more: bool
    next_cursor: str | None
    index_state: IndexState = Field(description="`ready`: all that was written is found.")


class TemplateCreate(_Input):
    """A template of your own."""

    name: Name = Field(description="By which requests name it; not one of the house.")
    title: Short = ""
    description: Long = ""
    schema_: dict[str, Any] = Field(alias="schema", description="JSON Schema of an object.")
    prompt: Prompt = Field(description="What the model is told; Jinja, in a sandbox.")
    example: Free | None = Field(None, description="An object that fits the schema.")


class TemplatePatch(_Input):
    """What the next version has otherwise; what is left out stays."""

    title: Short | None = None
    description: Long | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    prompt: Prompt | None = None
    example: Free | None = None
    version: Version | None = Field(None, description="The one you know: 409 where there is a newer one.")


class TemplateRead(BaseModel):
    """A template in one version."""

    model_config = ConfigDict(serialize_by_alias=True)

    object: Literal["template"] = "template"
    id: str
    name: str
    version: int
    builtin: bool = Field(description="One of the house: it cannot be changed, only copied.")
    title: str
    description: str
    languages: list[str] = Field(description="In which it is written; empty = in one, whichever that is.")
    schema_: dict[str, Any] = Field(alias="schema")
    prompt: str
    example: Any
    created_at: datetime | None


class TemplateList(BaseModel):
    """A page of templates: those of the house, then yours."""

    object: Literal["list"] = "list"
    data: list[TemplateRead]
    has_more: bool
    next_cursor: str | None


class TemplateDeleted(BaseModel):
    """A template that is no more."""

    object: Literal["template"] = "template"
    id: str
    deleted: Literal[True] = True


def process_body() -> dict[str, Any]:
    """The form of a recording, as OpenAPI describes it; `options.py` reads it."""
    text = {"type": "string"}
    flag = {"type": "string", "enum": ["true", "false"]}
    properties = {
        "file": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "Sound or film, with its name; each becomes a recording of its own.",
        },
        "file_id": {
            "type": "array",
            "items": text,
            "description": "Instead of file: one that was uploaded before, or several.",
        },
        "url": {
            "type": "array",
            "items": text,
            "description": "Instead of file: fetched by the job; or several.",
        },
        "features": {
            "type": "array",
            "items": {
                "type": "string",
                "enum": ["raw_transcript", "clean_transcript", "summary", "enhancement_metrics"],
            },
            "description": "Repeated, or separated by commas.",
        },
        "template_id": {**text, "description": "Of the summary."},
        "model": {**text, "description": "Language model of clean text and summary."},
        "asr_backend": {
            **text,
            "description": "`auto`, `whisper`, `chunkformer`, or a model's name.",
        },
        "language": {**text, "description": "What is spoken; unset = detected."},
        "summary_language": {**text, "description": "Unset = as the transcript."},
        "enable_vad": {**flag, "description": "Hear only where somebody speaks."},
        "vad_threshold": {**text, "description": "Between 0 and 1."},
        "diarize": {**flag, "description": "Tell speakers apart by their voices; also `enable_diarization`."},
        "enable_diarization": {**flag, "description": "The same as `diarize`."},
        "num_speakers": {**text, "description": "So many speak."},
        "min_speakers": {**text, "description": "At least so many."},
        "max_speakers": {**text, "description": "At most so many."},
        "split_channels": {**flag, "description": "Left and right of a stereo file are two speakers."},
        "prompt": {**text, "description": "A hint at style and names."},
        "vocabulary": {"type": "array", "items": text, "description": "Words that are likely to be said."},
        "word_timestamps": {**flag, "description": "Keep the times of words."},
        "vector_store_id": {
            **text,
            "description": "Vector store that the transcript goes into; needs the scope `knowledge:write`.",
        },
        "title": {
            "type": "array",
            "items": text,
            "description": "Unset = the file's name; of several recordings one for each, in their order.",
        },
        "metadata": {**text, "description": "A JSON object of yours."},
    }
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
