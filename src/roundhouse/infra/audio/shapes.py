"""What is known of a recording once it was taken apart, and the limits under which that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import msgspec

from roundhouse.core.audio import Region, Segment

if TYPE_CHECKING:
    from roundhouse.core.settings_audio import AudioSettings

Encoding = Literal["pcm", "pcmu", "pcma"]
"""Of sound that arrives: signed 16-bit samples, little-endian; or G.711, a byte each."""

_MIB = 1024 * 1024


class AudioLimits(msgspec.Struct, frozen=True):
    """How much one recording may cost.

    Attributes:
        max_decoded_s: Longest sound, whatever the size of the file.
        max_channels: Most channels; they are mixed into one.
        timeout_s: Longest time of the child process that decodes.
        memory_mib: Its address space, beyond what its libraries take.
        target_lufs: Loudness that the sound is brought to; None = as it is.
        reserve_bytes: Space on the disk that its tracks leave to others.
    """

    max_decoded_s: float
    max_channels: int
    timeout_s: float
    memory_mib: int
    target_lufs: float | None = None
    reserve_bytes: int = 0

    @classmethod
    def of(cls, settings: AudioSettings) -> Self:
        """As the operator set them."""
        return cls(
            max_decoded_s=settings.max_decoded_s,
            max_channels=settings.max_channels,
            timeout_s=settings.decode_timeout_s,
            memory_mib=settings.decode_memory_mib,
            target_lufs=settings.target_lufs,
            reserve_bytes=settings.reserve_mib * _MIB,
        )


class VadSettings(msgspec.Struct, frozen=True):
    """How speech is told from what is none; every parameter is kept with the result.

    Attributes:
        enabled: False = it is not looked at, the whole is heard.
        threshold: From this probability on it is speech, 0 to 1.
        min_silence_ms: A shorter pause does not end a region.
        min_speech_ms: A shorter region is none.
        padding_ms: Added to both ends of a region.
    """

    enabled: bool = True
    threshold: float = 0.5
    min_silence_ms: int = 500
    min_speech_ms: int = 250
    padding_ms: int = 200

    @classmethod
    def of(cls, settings: AudioSettings) -> Self:
        """As the operator set them."""
        return cls(
            enabled=settings.vad,
            threshold=settings.vad_threshold,
            min_silence_ms=settings.vad_min_silence_ms,
            min_speech_ms=settings.vad_min_speech_ms,
            padding_ms=settings.vad_padding_ms,
        )


class Track(msgspec.Struct):
    """Sound that a recogniser can be given.

    Attributes:
        path: WAV, mono, signed 16 bit, 16 kHz.
        name: `mix`, `left` or `right`.
        duration_s: Of that file.
        regions: Where somebody speaks, in order, apart from each other; None = not looked at.
        speech_s: Length of the regions together; of the whole, where it was not looked at.
    """

    path: str
    name: str
    duration_s: float
    regions: list[Region] | None
    speech_s: float


class Sound(msgspec.Struct):
    """A recording that was taken apart; JSON, kept with the job.

    Attributes:
        container: Format of the file, as FFmpeg names it, e.g. `ogg`.
        codec: Of the sound that was taken.
        channels: Before they were mixed.
        rate_hz: Before it was resampled.
        declared_s: Length that the file tells of itself; None = it tells none.
        decoded_s: Length that was in it.
        skipped_packets: Packets that could not be decoded.
        recovered: Whether a second decoder got more out of it than the first.
        warnings: What the user should know, one sentence each.
        loudness_lufs: Integrated loudness (EBU R128) before it was changed; None = silence, or too short to tell.
        tracks: One, or `left` and `right` where that was asked for and they differ.
    """

    container: str
    codec: str
    channels: int
    rate_hz: int
    declared_s: float | None
    decoded_s: float
    skipped_packets: int
    recovered: bool
    warnings: list[str]
    loudness_lufs: float | None
    tracks: list[Track]


class Dropped(msgspec.Struct, frozen=True):
    """A segment that nobody said.

    Attributes:
        segment: As the recogniser gave it.
        reason: `empty`, `outside`, `no_speech`, `repetition` or `phrase`.
    """

    segment: Segment
    reason: str


class Filtered(msgspec.Struct, frozen=True):
    """What is left of a transcript, in its order, and what was taken out of it and why."""

    kept: list[Segment]
    dropped: list[Dropped]
