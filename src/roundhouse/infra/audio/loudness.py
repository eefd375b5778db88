"""Loudness after EBU R128, and bringing a track to a target: people are recorded from too far away.

Measured is the 16 kHz mono track that is heard, not the original. A change is one factor for the whole; what would
pass -3 dB below full scale is bent softly, so that one knock on the table does not keep a quiet voice quiet.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.infra.audio.blocks import Samples, blocks, rewrite

SILENCE_LUFS = -60.0
"""What is not louder has no voice in it that could be made audible."""

_INTEGRATED = "lavfi.r128.I"
_GATE_LUFS = -70.0
_MOST_GAIN_DB = 30.0
_NOT_WORTH_DB = 0.5
_KNEE = 10 ** (-3 / 20)


def loudness_lufs(path: Path) -> float | None:
    """Integrated loudness of a track; None = silence, or less than 400 ms."""
    graph = Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE_HZ, format="s16", layout="mono")
    meter = graph.add("ebur128", "metadata=1:framelog=quiet")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    told: float | None = None
    pts = 0
    for block in blocks(path):
        frame = AudioFrame.from_ndarray(block[None], "s16", "mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, pts
        pts += len(block)
        graph.push(frame)
        told = _newest(graph, told)
    graph.push(None)
    told = _newest(graph, told)
    return None if told is None or told <= _GATE_LUFS else told


def gain_db(loudness: float | None, target_lufs: float | None) -> float:
    """How much louder a track is to become; 0 = it stays."""
    if loudness is None or target_lufs is None or loudness < SILENCE_LUFS:
        return 0.0
    gain = min(_MOST_GAIN_DB, target_lufs - loudness)
    return 0.0 if abs(gain) < _NOT_WORTH_DB else gain


def amplify(path: Path, gain: float) -> None:
    """Change a track where it stands.

    Args:
        path: WAV of ours.
        gain: In dB.
    """
    factor = 10 ** (gain / 20) / 32768
    rewrite(path, lambda block: _amplified(block, factor))


def _amplified(block: Samples, factor: float) -> Samples:
    wave = block.astype(np.float32) * np.float32(factor)
    over = np.abs(wave) > _KNEE
    if over.any():
        beyond = (np.abs(wave[over]) - _KNEE) / (1 - _KNEE)
        wave[over] = np.sign(wave[over]) * (_KNEE + (1 - _KNEE) * np.tanh(beyond))
    changed: Samples = np.rint(wave * 32767).astype(np.int16)
    return changed


def _newest(graph: Graph, told: float | None) -> float | None:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return told
        value = frame.metadata.get(_INTEGRATED)
        if value is not None:
            told = float(value)
