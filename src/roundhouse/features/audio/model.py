"""The values of recordings; times are Unix seconds, or seconds from the start of the sound where that is said."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

Kind = Literal["audio", "text"]
CameBy = Literal["request", "watch"]
"""By a request, or as a file in a watched folder."""
Stage = Literal["fetch", "prepare", "transcribe", "speakers", "clean", "summarise", "finish"]
Feature = Literal["raw_transcript", "clean_transcript", "summary", "enhancement_metrics"]
Status = Literal["PENDING", "PREPROCESSING", "PROCESSING_ASR", "PROCESSING_LLM", "COMPLETE", "FAILED"]
SpokenLanguage = Literal["en", "vi", "zh", "he"]

STAGES: tuple[Stage, ...] = get_args(Stage)
FEATURES: tuple[Feature, ...] = get_args(Feature)
LANGUAGES: tuple[SpokenLanguage, ...] = get_args(SpokenLanguage)
"""Languages for which there are rules, and in which the templates of the house are written."""

ENDED = ("done", "failed", "cancelled")
"""Stages in which nothing happens any more, unless it is run again."""

UNACCEPTED_S = 86_400.0
"""A file whose recording has not come in by then gets none any more: whoever brought it has died meanwhile."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a recording.

    Attributes:
        features: Which results.
        template_id: Of the summary: a name or id; None = there is none.
        model: Language model of clean text and summary; None = the setting.
        asr_backend: Recogniser: `auto`, a name of system B (`whisper`, `chunkformer`), or a model's name.
        language: ISO 639-1 code of what is said; None = detected.
        summary_language: Language of the summary; None = as the transcript.
        vad: Whether only speech is heard; None = the setting.
        vad_threshold: From 0 to 1; None = the setting.
        split_channels: Whether the two channels of a stereo file are two speakers.
        diarize: Whether speakers are told apart by their voices.
        num_speakers: So many speak; None = not known.
        min_speakers: At least so many; None = not known.
        max_speakers: At most so many; None = not known.
        prompt: Text that came before, or a hint at style and names.
        vocabulary: Words that are likely to be said.
        word_times: Whether the times of words are kept.
        vector_store_id: Where the transcript goes; None = where the setting says.
    """

    features: tuple[Feature, ...] = ("raw_transcript", "clean_transcript")
    template_id: str | None = None
    model: str | None = None
    asr_backend: str = "auto"
    language: str | None = None
    summary_language: str | None = None
    vad: bool | None = None
    vad_threshold: float | None = None
    split_channels: bool = False
    diarize: bool = False
    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None
    prompt: str = ""
    vocabulary: tuple[str, ...] = ()
    word_times: bool = False
    vector_store_id: str | None = None

    @property
    def wants_clean(self) -> bool:
        """Whether clean text is made: for itself, for the summary, or to be measured."""
        return bool({"clean_transcript", "summary", "enhancement_metrics"} & set(self.features))

    @property
    def wants_summary(self) -> bool:
        """Whether a summary is made."""
        return "summary" in self.features


class Recording(msgspec.Struct, frozen=True):
    """One recording without its texts.

    Attributes:
        id: `job_…`, the id of the job that it came with.
        site_id: Tenant.
        user_id: User it belongs to, if any.
        app_id: App it belongs to, likewise.
        job_id: The job that works on it, or did so last.
        kind: What came in.
        title: Name of the file, or as its owner calls it.
        metadata: Its owner's.
        file_id: Where the sound is; None = not fetched yet, deleted, or a text.
        owns_file: Whether the file is deleted with it.
        source_url: Where the sound is fetched from.
        source: How it came.
        options: What is wanted.
        stage: `queued`, a step's name, `done`, `failed` or `cancelled`.
        error: `code` and `message` of a failure.
        language: ISO 639-1 code of most of it.
        duration_s: Of the sound.
        sound: What `infra.audio` found out.
        summary: Object that fits the template's schema.
        versions: What ran, by stage.
        metrics: What it took, by stage.
        warnings: What its user should know, by stage.
        version: Rises with every change by its owner.
        created_at_s: Accepted.
        updated_at_s: Last change.
        completed_at_s: When all of it was there.
        sound_deleted_at_s: When its sound was deleted before its text.
    """

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    job_id: str
    kind: Kind
    title: str
    metadata: dict[str, Any]
    file_id: str | None
    owns_file: bool
    source_url: str | None
    source: CameBy
    options: Options
    stage: str
    error: dict[str, Any] | None
    language: str | None
    duration_s: float | None
    sound: dict[str, Any] | None
    summary: Any
    versions: dict[str, Any]
    metrics: dict[str, Any]
    warnings: dict[str, list[str]]
    version: int
    created_at_s: float
    updated_at_s: float
    completed_at_s: float | None
    sound_deleted_at_s: float | None


class Texts(msgspec.Struct, frozen=True):
    """The long parts of a recording; None = not made (yet)."""

    raw_text: str | None
    clean_text: str | None
    paragraphs: list[Paragraph] | None


class Paragraph(msgspec.Struct, frozen=True):
    """A part of the clean text.

    Attributes:
        text: It.
        start_s: Seconds from the start; None = a text without times.
        end_s: Likewise.
        speaker: Who speaks, where that is known.
        by: Who cleaned it: `rules`, `model`, or nobody.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    by: Literal["rules", "model", "nobody"] = "rules"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One segment as it is kept.

    Attributes:
        number: From 1, by time.
        track: Where it was heard: `mix`, `left`, `right`; `text` of a text.
        start_s: Seconds from the start; None = a text without times.
        end_s: Likewise.
        text: What was said, as corrected.
        heard: What was heard, where it was corrected.
        confidence: 0 to 1; None = not told.
        no_speech: Probability that nobody speaks; None = not told.
        language: ISO 639-1 code; None = as the whole.
        speaker: Who speaks.
        words: `{start_s, end_s, text, probability}` of each word, where wanted.
        flags: What makes it doubtful.
    """

    number: int
    track: str
    start_s: float | None
    end_s: float | None
    text: str
    heard: str | None = None
    confidence: float | None = None
    no_speech: float | None = None
    language: str | None = None
    speaker: str | None = None
    words: list[dict[str, Any]] = []
    flags: list[str] = []


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A form that summaries are written in.

    Attributes:
        id: `tpl_…`, or the name of one of the house.
        name: What it is called in requests.
        version: From 1.
        title: What people call it, by language; `""` = in any.
        description: What it is for, likewise.
        schema: JSON Schema of what comes out.
        prompt: What the model is told, a Jinja template, by language; `""` = in any.
        example: An object that fits the schema, by language.
        builtin: Whether it is one of the house.
        created_at_s: When this version was written.
    """

    id: str
    name: str
    version: int
    title: dict[str, str]
    description: dict[str, str]
    schema: dict[str, Any]
    prompt: dict[str, str]
    example: dict[str, Any]
    builtin: bool
    created_at_s: float = 0.0

    def in_language(self, texts: dict[str, Any], language: str | None) -> Any:
        """One of its texts: in this language, in any, else in English."""
        for key in (language or "", "", "en"):
            if key in texts:
                return texts[key]
        return next(iter(texts.values()), None)
