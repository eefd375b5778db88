"""Clips of `audio_clips`, and recordings that tests make from them."""

from pathlib import Path

import av
import numpy as np

CLIPS = Path(__file__).parent / "audio_clips"


def spoken(name: str = "monday.wav") -> np.ndarray:
    """A clip as samples of 16 kHz, signed 16 bit."""
    found = []
    with av.open(str(CLIPS / name)) as media:
        resampler = av.AudioResampler("s16", "mono", 16_000)
        for frame in media.decode(audio=0):
            frame.pts = None
            found += resampler.resample(frame)
        found += resampler.resample(None)
    return np.concatenate([one.to_ndarray()[0] for one in found])


def encode(
    path: Path, samples: np.ndarray, codec: str, *, rate_hz: int = 16_000, layout: str = "mono", **options
) -> Path:
    """Write samples (one row per channel) as a recording; its ending says the container."""
    rows = np.atleast_2d(samples).astype(np.int16)
    with av.open(str(path), "w") as media:
        stream = media.add_stream(codec, rate=rate_hz, layout=layout, **options)
        stream.bit_rate = 64_000
        wave = np.ascontiguousarray(rows.T).reshape(1, -1)
        for at in range(0, wave.shape[1], 160_000 * len(rows)):
            frame = av.AudioFrame.from_ndarray(wave[:, at : at + 160_000 * len(rows)], "s16", layout)
            frame.sample_rate = rate_hz
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    return path
