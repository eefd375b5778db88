"""Everything between the bytes of a recording and its text that needs no model of a language.

Formats are told by content, decoding happens in a child process under limits, what is missing is told and never
silently lost. What a recogniser wrote is cleaned of what nobody said, and turned into subtitles.

A name is loaded when it is asked for: the child process starts once for each recording, and needs few of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "cut": "cutting",
    "filter_segments": "filtering",
    "prepare": "preparing",
    "to_srt": "subtitles",
    "to_vtt": "subtitles",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'shapes')}"), name)
