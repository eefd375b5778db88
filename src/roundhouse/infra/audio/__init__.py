"""Everything between the bytes of a recording and its text that needs no model of a language.

Formats are told by content, decoding happens in a child process under limits, what is missing is told and never
silently lost. What a recogniser wrote is cleaned of what nobody said, and turned into subtitles.
"""

from __future__ import annotations

from roundhouse.infra.audio.cutting import cut
from roundhouse.infra.audio.filtering import filter_segments
from roundhouse.infra.audio.preparing import prepare
from roundhouse.infra.audio.shapes import AudioLimits, Dropped, Filtered, Sound, Track, VadSettings
from roundhouse.infra.audio.subtitles import to_srt, to_vtt

__all__ = [
    "AudioLimits",
    "Dropped",
    "Filtered",
    "Sound",
    "Track",
    "VadSettings",
    "cut",
    "filter_segments",
    "prepare",
    "to_srt",
    "to_vtt",
]
