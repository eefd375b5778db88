"""Opening a recording, in a child process: container and codec from a list, one stream, what it declares.

FFmpeg gets the name of the one demuxer that the first bytes call for, a path that can be nothing but a local file, and
no protocol but files: a recording cannot make it open anything else, nor reach a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from roundhouse.core.errors import TooLarge, Unprocessable, UnsupportedMedia
from roundhouse.infra.audio.formats import UNINDEXED, counts_frames, is_taken, sniff
from roundhouse.infra.audio.shapes import AudioLimits
from roundhouse.infra.audio.wave import WaveHeader, read_header


class Recording(NamedTuple):
    """An opened recording.

    Attributes:
        container: FFmpeg's name of its demuxer.
        source: The file.
        file: To demux from.
        stream: The sound that is taken.
        codec: Its codec.
        rate_hz: Its rate; may change on the way.
        channels: At its beginning.
        declared_s: Length that is told; None = none, or only a guess.
    """

    container: str
    source: Path
    file: InputContainer
    stream: AudioStream
    codec: str
    rate_hz: int
    channels: int
    declared_s: float | None


@contextmanager
def opened(source: Path, name: str, limits: AudioLimits) -> Iterator[Recording]:
    """Open a recording and look at what it declares.

    Args:
        source: The file.
        name: What its user calls it, for messages.
        limits: On length and channels, checked before anything is decoded.

    Raises:
        UnsupportedMedia: It is no recording, or in a codec that is not accepted.
        Unprocessable: It cannot be read, has no sound, or too many channels.
        TooLarge: It declares to be too long.
    """
    wave = None
    with source.open("rb") as file:
        container = sniff(file, name)
        file.seek(0)
        if container == "wav":
            wave = read_header(file)
        guessed = container in UNINDEXED and not (container == "mp3" and counts_frames(file))
        if container == "mov":
            _look_for_index(source, name)
    try:
        media = av.open(
            f"file:{source.resolve()}",
            format=container,
            metadata_errors="ignore",
            container_options={"protocol_whitelist": "file"},
        )
    except av.FFmpegError as error:
        raise Unprocessable(f"{name} is damaged: its beginning cannot be read as {container}.") from error
    with media:
        recording = _described(media, container, source, name, wave, guessed=guessed)
        _check(recording, wave, name, limits)
        yield recording


def _described(
    media: InputContainer, container: str, source: Path, name: str, wave: WaveHeader | None, *, guessed: bool
) -> Recording:
    if not media.streams.audio:
        raise Unprocessable(f"{name} has no sound.")
    stream = media.streams.audio[0]
    try:
        codec, rate_hz, channels = stream.codec_context.name, stream.rate or 0, stream.channels
    except (AttributeError, ValueError) as error:
        raise UnsupportedMedia(f"The sound of {name} is in a codec that is not known.") from error
    declared_s = None
    if wave is not None:
        declared_s = wave.declared_s
    elif not guessed:
        declared_s = _declared_s(media, stream)
    return Recording(container, source, media, stream, codec, rate_hz, channels, declared_s)


def _declared_s(media: InputContainer, stream: AudioStream) -> float | None:
    """Of the sound itself, where it is told; a film may be longer."""
    if stream.duration is not None and stream.time_base is not None and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    return media.duration / av.time_base if media.duration and media.duration > 0 else None


def _check(recording: Recording, wave: WaveHeader | None, name: str, limits: AudioLimits) -> None:
    if not is_taken(recording.codec):
        raise UnsupportedMedia(
            f"The sound of {name} is in the codec {recording.codec}, which is not accepted."
        )
    if recording.channels > limits.max_channels:
        raise Unprocessable(
            f"{name} has {recording.channels} channels; at most {limits.max_channels} are accepted."
        )
    # A WAV that was cut off declares what it does not hold.
    length_s = wave.present_s if wave is not None else recording.declared_s
    if length_s is not None and length_s > limits.max_decoded_s:
        raise too_long(name, limits)


def too_long(name: str, limits: AudioLimits) -> TooLarge:
    """The error of more sound than is accepted."""
    return TooLarge(
        f"{name} is longer than {limits.max_decoded_s / 60:g} minutes, the most that is accepted."
    )


def _look_for_index(source: Path, name: str) -> None:
    """An MP4 without its `moov` box cannot be read at all: say so, it is the usual fate of a cut-off upload."""
    size = source.stat().st_size
    with source.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if head[4:8] in (b"moov", b"moof"):
                return
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                break
            at += length
    raise Unprocessable(
        f"{name} is cut off: its index is missing, without which the sound in it cannot be found."
    )
