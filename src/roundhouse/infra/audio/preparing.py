"""A recording becomes tracks that a recogniser can be given: the side of the process that waits."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.infra.audio.shapes import AudioLimits, Sound, VadSettings
from roundhouse.infra.jobs.child import run_in_child

_CHILD = "roundhouse.infra.audio.child:take_apart"
_NAME_CHARS = 100
_TRACKS = ("mix.wav", "left.wav", "right.wav")
_SECOND = "second"


async def prepare(
    source: Path,
    folder: Path,
    limits: AudioLimits,
    *,
    vad: VadSettings,
    split: bool = False,
    name: str = "",
    on_progress: Callable[[float, str], None],
) -> Sound:
    """Take a recording apart in a child process: decode, measure, find the speech.

    Args:
        source: The recording; what it is is told by its bytes.
        folder: Must be there; the tracks are written into it, as `mix.wav`, or `left.wav` and `right.wav`.
        limits: How much it may cost.
        vad: How speech is looked for.
        split: Whether left and right are wanted as tracks of their own; done where they differ.
        name: What its user calls it, for messages; never a path.
        on_progress: Called with a fraction from 0 to 1 and what is being done.

    Raises:
        UnsupportedMedia: It is no recording, or in a format that is not accepted.
        Unprocessable: It is empty, damaged beyond use, without sound, has too many channels, or takes too long.
        TooLarge: It is too long.
        MissingExtra: Speech is to be found, and the model for that is not installed.
        StorageFull: The disk is full, or would be but for the reserve.
        ChildFailed: The process died.

    However it fails, no track is left.
    """
    order = _order(source, folder, name, limits, vad, split=split)
    done = False
    try:
        async with asyncio.timeout(limits.timeout_s):
            found = await run_in_child(_CHILD, order, on_progress=on_progress, folder=folder)
        done = True
    except TimeoutError as error:
        raise Unprocessable(
            f"{spoken_name(name)} could not be decoded within {limits.timeout_s:g} seconds."
        ) from error
    finally:
        if not done:
            # Hours of sound that nobody will hear must not keep a disk full.
            await asyncio.to_thread(_forget, folder)
    return msgspec.convert(found, Sound)


def _forget(folder: Path) -> None:
    for name in _TRACKS:
        with suppress(OSError):
            (folder / name).unlink()
    shutil.rmtree(folder / _SECOND, ignore_errors=True)


def _order(
    source: Path, folder: Path, name: str, limits: AudioLimits, vad: VadSettings, *, split: bool
) -> dict[str, Any]:
    return {
        "source": str(source.absolute()),
        "folder": str(folder.absolute()),
        "name": spoken_name(name),
        "limits": limits,
        "vad": vad,
        "split": split,
    }


def spoken_name(name: str) -> str:
    """What a message calls a file: its last part, printable, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable())[:_NAME_CHARS].strip()
    return shown or "The recording"
