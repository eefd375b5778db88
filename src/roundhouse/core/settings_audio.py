"""Settings of recordings and speech."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roundhouse.core.settings_section import Section


class AudioSettings(Section):
    """Recordings: what is accepted, and how it is decoded."""

    max_upload_mib: int = Field(2048, ge=1, description="Largest recording that is taken in.")
    max_files: int = Field(20, ge=1, le=1000, description="Most recordings that one request may bring.")
    max_decoded_s: float = Field(
        4 * 3600.0,
        gt=0,
        le=36 * 3600.0,
        description="Longest recording. It is the sound that counts, whatever the size of the file.",
    )
    vector_store_id: str | None = Field(
        None, description="Vector store into which each finished transcript of its tenant goes."
    )
    max_channels: int = Field(
        8, ge=1, le=64, description="Most channels of a recording; up to this, all are mixed into one."
    )
    decode_timeout_s: float = Field(600.0, gt=0, description="Longest time of decoding one recording.")
    decode_memory_mib: int = Field(
        1024, ge=256, description="Most memory of the process that decodes one recording."
    )
    reserve_mib: int = Field(
        256, ge=0, description="Space on the disk that decoded sound leaves to the database."
    )
    target_lufs: float | None = Field(
        -20.0,
        ge=-40,
        le=-10,
        description="Loudness (EBU R128) to which recordings are brought before they are heard; unset = as they are.",
    )
    vad: bool = Field(True, description="Look where somebody speaks, and hear only that.")
    vad_threshold: float = Field(
        0.5, gt=0, lt=1, description="From this probability on it is speech; lower finds more and errs more."
    )
    vad_min_silence_ms: int = Field(
        500, ge=0, description="A shorter pause does not end a stretch of speech."
    )
    vad_min_speech_ms: int = Field(250, ge=0, description="A shorter stretch of speech is none.")
    vad_padding_ms: int = Field(200, ge=0, description="Left around each stretch of speech on both sides.")
    queue: Literal["gpu", "cpu", "io"] = Field(
        "gpu",
        description="Queue of the jobs that work on recordings: `gpu` does one at a time per machine; `cpu` or `io` "
        "where speech and language models run on other machines.",
    )
    job_timeout_s: float = Field(6 * 3600.0, gt=0, description="Longest time of all stages of one recording.")
    download_timeout_s: float = Field(
        3600.0, gt=0, description="Longest time of fetching a recording by its URL."
    )
    model: str = Field(
        "auto", min_length=1, max_length=200, description="Language model of clean texts and summaries."
    )
    clean_max_edit_rate: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Share of a paragraph's words that the language model may change; beyond it, rules clean it.",
    )
    default_template: str = Field(
        "meeting_notes",
        max_length=64,
        description="Template of summaries that name none; empty = they must name one.",
    )
    watch_every_s: float = Field(
        5.0, gt=0, le=3600.0, description="Pause between two looks at the `watched_folders`."
    )
    keep_days: float | None = Field(
        None,
        gt=0,
        description="Recordings, texts included, are deleted so long after their end; unset = never.",
    )
    keep_sound_days: float | None = Field(
        None, gt=0, description="Their sound is deleted after this already; unset = with them."
    )
    site_keep_days: dict[str, float] = Field(
        {}, description='`keep_days` of single tenants, by site id: `{"clinic": 30}`.'
    )
    site_keep_sound_days: dict[str, float] = Field({}, description="`keep_sound_days`, likewise.")
