"""What runs in the child process: one recording in, tracks and what is known of it out.

The address space is limited once everything is loaded, so that a decoder that a file drives to take gigabytes fails
alone. The time is limited by whoever waits for the process.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import StorageFull, Unprocessable
from roundhouse.infra.audio.blocks import Samples, blocks, samples_of
from roundhouse.infra.audio.channels import Mix, Sides, mix
from roundhouse.infra.audio.decoding import Decoding
from roundhouse.infra.audio.loudness import SILENCE_LUFS, amplify, gain_db, loudness_lufs
from roundhouse.infra.audio.opening import Recording, opened
from roundhouse.infra.audio.second import decode_again, ffmpeg
from roundhouse.infra.audio.shapes import AudioLimits, Sound, Track, VadSettings
from roundhouse.infra.audio.voice import Regions, model_path, probabilities
from roundhouse.infra.audio.wave import SAMPLE_BYTES, check_room
from roundhouse.infra.jobs.child_limits import limit_memory

_SHORT = 0.99
_DAMAGED = 0.01
_FULL = (errno.ENOSPC, errno.EDQUOT)

Tell = Callable[[float, str], None]


class Order(msgspec.Struct):
    """What is to be done.

    Attributes:
        source: The recording.
        folder: Where the tracks are written; its working directory.
        name: What the user calls the recording.
        limits: On it.
        vad: How speech is looked for.
        split: Whether left and right are wanted apart.
    """

    source: str
    folder: str
    name: str
    limits: AudioLimits
    vad: VadSettings
    split: bool


class _Decoded(NamedTuple):
    paths: dict[str, Path]
    decoded_s: float
    lost_s: float
    filled_s: float
    skipped_packets: int
    recovered: bool
    sides: Sides | None


def take_apart(argument: Any, tell: Tell) -> Any:
    """Decode a recording, measure it, find the speech in it.

    Args:
        argument: An `Order`, as JSON.
        tell: Told how far it is.

    Returns:
        A `Sound`, as JSON.

    Raises:
        UnsupportedMedia: It is no recording that is taken in.
        Unprocessable: Nothing can be got out of it.
        TooLarge: It is too long.
        StorageFull: The disk is full.
    """
    order = msgspec.convert(argument, Order)
    if order.vad.enabled:
        # Before hours are decoded in vain.
        model_path()
    # The thread that carries the news must be there before memory is short.
    tell(0.0, "opening")
    limit_memory(order.limits.memory_mib)
    try:
        return msgspec.to_builtins(sound_of(order, tell))
    except MemoryError as error:
        raise Unprocessable(
            f"{order.name} cannot be decoded in {order.limits.memory_mib} MiB of memory: damaged, or made to harm."
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The disk is full; the recording could not be decoded.") from error
        raise


def sound_of(order: Order, tell: Tell) -> Sound:
    """`take_apart` in this very process, without limits on its memory."""
    folder, warnings = Path(order.folder), list[str]()
    measured: dict[str, float | None] = {}
    with opened(Path(order.source), order.name, order.limits) as recording:
        split = order.split and recording.channels == 2
        if order.split and not split:
            warnings.append(
                f"It has {recording.channels} channel(s), not two: nobody was told apart by them."
            )
        decoded = _decode(recording, order, split=split, tell=tell)
        if not split and recording.channels == 2:
            measured["mix"] = loudness_lufs(decoded.paths["mix"])
            if _is_silent(measured["mix"]) and (apart := _decode_sides(recording, order, tell)):
                decoded, measured = apart, {}
    warnings += _losses(recording, decoded)
    paths = decoded.paths if decoded.sides is None else _told_apart(decoded, folder, warnings, asked=split)
    for name in paths.keys() - measured.keys():
        measured[name] = loudness_lufs(paths[name])
    tracks = [_track(name, path, measured[name], order, tell) for name, path in paths.items()]
    heard = [one for one in measured.values() if one is not None]
    return Sound(
        container=recording.container,
        codec=recording.codec,
        channels=recording.channels,
        rate_hz=recording.rate_hz,
        declared_s=recording.declared_s,
        decoded_s=decoded.decoded_s,
        skipped_packets=decoded.skipped_packets,
        recovered=decoded.recovered,
        warnings=warnings,
        loudness_lufs=max(heard, default=None),
        tracks=tracks,
    )


def _decode(recording: Recording, order: Order, *, split: bool, tell: Tell) -> _Decoded:
    """Once, and with the second decoder where the first lost something."""
    paths, sink = _sink(Path(order.folder), order, split=split)
    expected_bytes = int((recording.declared_s or 0) * SAMPLE_RATE_HZ * SAMPLE_BYTES) * len(paths)
    if order.limits.reserve_bytes:
        check_room(Path(order.folder), order.limits.reserve_bytes + expected_bytes)
    with sink:
        first = Decoding(
            recording, sink, order.limits, order.name, lambda share: tell(0.5 * share, "decoding")
        )
        first.run()
    expected_s = recording.declared_s or sink.samples / SAMPLE_RATE_HZ + first.lost_s
    decoded = _Decoded(
        paths, first.decoded_s, first.lost_s, first.filled_s, first.skipped_packets, False,
        sink if isinstance(sink, Sides) else None,
    )  # fmt: skip
    if sink.samples / SAMPLE_RATE_HZ < _SHORT * expected_s or sink.samples == 0:
        decoded = _second_opinion(recording, order, decoded, sink)
    if decoded.decoded_s <= 0:
        raise Unprocessable(f"No sound could be decoded from {order.name}: it is damaged, or no recording.")
    return decoded


def _second_opinion(recording: Recording, order: Order, decoded: _Decoded, first: Mix | Sides) -> _Decoded:
    program = ffmpeg()
    if program is None:
        return decoded
    folder = Path(order.folder) / "second"
    folder.mkdir(exist_ok=True)
    paths, sink = _sink(folder, order, split=isinstance(first, Sides))
    with sink:
        decode_again(program, recording, sink, order.limits.max_decoded_s)
    if sink.samples <= first.samples * (2 - _SHORT):
        for path in paths.values():
            path.unlink()
        return decoded
    for name, path in paths.items():
        path.replace(decoded.paths[name])
    second_s = sink.samples / SAMPLE_RATE_HZ
    return decoded._replace(
        decoded_s=second_s,
        lost_s=max(0.0, decoded.lost_s - (second_s - decoded.decoded_s)),
        filled_s=0.0,
        recovered=True,
        sides=sink if isinstance(sink, Sides) else None,
    )


def _decode_sides(recording: Recording, order: Order, tell: Tell) -> _Decoded | None:
    """Of a stereo recording whose mix is silent, because its sides cancel each other; None = they do not."""
    with opened(recording.source, order.name, order.limits) as again:
        decoded = _decode(again, order, split=True, tell=tell)
    if decoded.sides is not None and decoded.sides.inverted:
        return decoded
    for path in decoded.paths.values():
        path.unlink()
    return None


def _told_apart(decoded: _Decoded, folder: Path, warnings: list[str], *, asked: bool) -> dict[str, Path]:
    """The sides, if each is somebody's own; else one track."""
    assert decoded.sides is not None
    left, right = decoded.paths["left"], decoded.paths["right"]
    if asked and decoded.sides.differ:
        return decoded.paths
    target = folder / "mix.wav"
    if decoded.sides.inverted:
        warnings.append("Its two channels cancel each other; only the left one was heard.")
        left.replace(target)
    else:
        warnings.append("Its two channels carry the same: nobody was told apart by them.")
        mix(left, right, target)
        left.unlink()
    right.unlink()
    return {"mix": target}


def _losses(recording: Recording, decoded: _Decoded) -> list[str]:
    """What is missing, in words."""
    found = []
    whole_s = decoded.decoded_s + decoded.filled_s
    expected_s = recording.declared_s
    if expected_s is not None and whole_s < _SHORT * expected_s:
        found.append(
            f"It declares {expected_s:.1f} s but holds {whole_s:.1f} s: the rest is missing or damaged."
        )
    elif decoded.lost_s > _DAMAGED * whole_s:
        found.append(f"About {decoded.lost_s:.1f} s are damaged and missing.")
    elif decoded.skipped_packets:
        found.append(f"{decoded.skipped_packets} damaged packet(s) were left out.")
    if decoded.filled_s > _DAMAGED * whole_s:
        found.append(f"{decoded.filled_s:.1f} s are missing in between; silence was put in their place.")
    if expected_s is None and recording.container in ("wav", "w64"):
        found.append("It does not declare its length; whether something is missing cannot be told.")
    if decoded.recovered:
        found.append("A second decoder got more out of it than the first.")
    return found


def _track(name: str, path: Path, loudness: float | None, order: Order, tell: Tell) -> Track:
    gain = gain_db(loudness, order.limits.target_lufs)
    if gain:
        tell(0.5, "loudness")
        amplify(path, gain)
    samples = samples_of(path)
    duration_s = samples / SAMPLE_RATE_HZ
    regions, speech_s = None, duration_s
    if order.vad.enabled:
        found = Regions(order.vad)
        for piece in probabilities(_told(blocks(path), samples, tell), model_path()):
            found.feed(piece)
        regions = found.close(samples)
        speech_s = sum(region.end_s - region.start_s for region in regions)
    return Track(str(path), name, duration_s, regions, speech_s)


def _told(content: Iterable[Samples], samples: int, tell: Tell) -> Iterable[Samples]:
    done = 0
    for block in content:
        yield block
        done += len(block)
        tell(0.5 + 0.5 * done / samples, "looking for speech")


def _is_silent(loudness: float | None) -> bool:
    return loudness is None or loudness < SILENCE_LUFS


def _sink(folder: Path, order: Order, *, split: bool) -> tuple[dict[str, Path], Mix | Sides]:
    reserve_bytes = order.limits.reserve_bytes
    if split:
        left, right = folder / "left.wav", folder / "right.wav"
        return {"left": left, "right": right}, Sides(left, right, reserve_bytes)
    path = folder / "mix.wav"
    return {"mix": path}, Mix(path, reserve_bytes)
