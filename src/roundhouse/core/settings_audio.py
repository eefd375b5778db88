"""Settings of recordings and speech."""

from __future__ import annotations

from pydantic import Field

from roundhouse.core.settings_section import Section


class AudioSettings(Section):
    """Recordings: what is accepted, and how it is decoded."""

    max_upload_mib: int = Field(2048, ge=1, description="Largest recording that is taken in.")
    max_decoded_s: float = Field(
        4 * 3600.0,
        gt=0,
        le=36 * 3600.0,
        description="Longest recording. It is the sound that counts, whatever the size of the file.",
    )
    max_channels: int = Field(
        8, ge=1, le=64, description="Most channels of a recording; up to this, all are mixed into one."
    )
    decode_timeout_s: float = Field(600.0, gt=0, description="Longest time of decoding one recording.")
    decode_memory_mib: int = Field(
        1024, ge=256, description="Most memory of the process that decodes one recording."
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
