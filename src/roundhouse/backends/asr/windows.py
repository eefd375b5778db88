"""A long recording in pieces that fit in memory, and speech in stretches that fit a recogniser; cut where it is quiet.

Times are samples of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from roundhouse.core.audio import SAMPLE_RATE_HZ, Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

Span = tuple[int, int]
"""First sample, and the one after the last."""

_FRAME = SAMPLE_RATE_HZ // 50


def spans_of(regions: Sequence[Region] | None, samples: int) -> list[Span]:
    """Regions of a file of so many samples; None = the whole."""
    if regions is None:
        return [(0, samples)] if samples else []
    spans = [
        (max(0, int(one.start_s * SAMPLE_RATE_HZ)), min(samples, int(one.end_s * SAMPLE_RATE_HZ)))
        for one in regions
    ]
    return [(start, end) for start, end in spans if end > start]


def joined(spans: Sequence[Span], longest: int) -> list[Span]:
    """Neighbours as one, pause included, as long as that is at most `longest` samples long."""
    found: list[Span] = []
    for start, end in spans:
        if found and end - found[-1][0] <= longest:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def grouped(spans: Sequence[Span], longest: int) -> Iterator[list[Span]]:
    """Neighbours together, up to `longest` samples from the first to the last; one that is longer is alone."""
    group: list[Span] = []
    for span in spans:
        if group and span[1] - group[0][0] > longest:
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def quietest(samples: Samples, start: int, end: int) -> int:
    """The quietest place from `start` up to `end`, to 20 ms."""
    frames = max(1, (end - start) // _FRAME)
    part = samples[start : start + frames * _FRAME]
    if len(part) < _FRAME:
        return end
    loudness = (part[: len(part) // _FRAME * _FRAME].reshape(-1, _FRAME) ** 2).mean(axis=1)
    return start + int(loudness.argmin()) * _FRAME + _FRAME // 2


def split(samples: Samples, span: Span, longest: int) -> Iterator[Span]:
    """A span in pieces of at most `longest` samples, each cut at the quietest place of its last third."""
    start, end = span
    while end - start > longest:
        cut = quietest(samples, start + longest * 2 // 3, start + longest)
        yield start, cut
        start = cut
    yield start, end


def parts(
    read: Callable[[int, int], Samples], spans: Sequence[Span], longest: int
) -> Iterator[tuple[int, Samples]]:
    """Spans as pieces of at most `longest` samples, pauses between neighbours included: first sample, and sound."""
    for group in grouped(spans, longest):
        start, end = group[0][0], group[-1][1]
        while end - start > longest:
            samples = read(start, start + longest)
            cut = quietest(samples, longest * 2 // 3, longest)
            yield start, samples[:cut]
            start += cut
        yield start, read(start, end)
