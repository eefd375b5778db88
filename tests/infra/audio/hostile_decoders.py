"""What the tests run in the child process in a decoder's place."""

import ctypes
import time
from collections import Counter

from roundhouse.core.errors import RoundhouseError
from roundhouse.infra.audio import AudioLimits, VadSettings
from roundhouse.infra.audio.child import Order, sound_of
from roundhouse.infra.jobs.child_limits import limit_memory


def eat_memory(argument, tell):
    limit_memory(argument["memory_mib"])
    held = []
    while True:
        held.append(bytearray(16 * 1024 * 1024))


def hang(argument, tell):
    time.sleep(3600)


def crash(argument, tell):
    ctypes.string_at(0)


def take_all(argument, tell):
    """How often each came out; an error that is none of ours ends it."""
    limits = AudioLimits(
        max_decoded_s=600.0, max_channels=8, timeout_s=60.0, memory_mib=1024, target_lufs=-20.0
    )
    limit_memory(limits.memory_mib)
    found = Counter()
    for number, path in enumerate(argument["paths"]):
        vad = VadSettings(enabled=number % 4 == 0)
        try:
            sound = sound_of(
                Order(path, argument["folder"], path, limits, vad, number % 3 == 0), lambda share, text: None
            )
        except RoundhouseError as error:
            found[type(error).__name__] += 1
        else:
            assert sound.decoded_s > 0
            found["Sound"] += 1
    return dict(found)
