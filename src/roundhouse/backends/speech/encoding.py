"""Turns WAV into other formats, as a program: `python -P -m roundhouse.backends.speech.encoding mp3`.

In a process of its own, so that the one that serves loads no codecs.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, cast

from roundhouse.core.audio import SpeechFormat

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

PCM_RATE_HZ = 24_000

_ENCODERS: dict[str, tuple[str, str, int]] = {
    # Container, codec, rate.
    "mp3": ("mp3", "libmp3lame", 24_000),
    "opus": ("ogg", "libopus", 24_000),
    "flac": ("flac", "flac", 24_000),
    "aac": ("adts", "aac", 24_000),
    "pcm": ("s16le", "pcm_s16le", PCM_RATE_HZ),
}


def encode(wav: bytes, form: SpeechFormat) -> bytes:
    """Sound of a WAV file in another format, mono."""
    import av

    if form == "wav":
        return wav
    container, codec, rate_hz = _ENCODERS[form]
    target = io.BytesIO()
    with (
        av.open(io.BytesIO(wav), "r", format="wav") as source,
        av.open(target, "w", format=container) as sink,
    ):
        stream = cast("AudioStream", sink.add_stream(codec, rate=rate_hz, layout="mono"))
        for frame in source.decode(audio=0):
            frame.pts = None
            for packet in stream.encode(frame):
                sink.mux(packet)
        for packet in stream.encode(None):
            sink.mux(packet)
    return target.getvalue()


def main() -> None:
    """Read standard input, write standard output."""
    form: SpeechFormat = sys.argv[1]  # type: ignore[assignment]  # written by our own code
    sound = memoryview(encode(sys.stdin.buffer.read(), form))
    while sound:
        sound = sound[os.write(1, sound) :]


if __name__ == "__main__":
    main()
