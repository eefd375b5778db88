"""Windows for long recordings: cut in pauses, never in what somebody says. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.audio import Region

_LATE = 0.5


def cut(regions: Sequence[Region], duration_s: float, longest_s: float) -> list[Region]:
    """Group stretches of speech into windows.

    Every window begins where a region begins and ends where one ends; all of a region is in one window. Among the
    pauses of a window's second half, the longest is cut in: there a sentence is likely to end.

    Args:
        regions: Where somebody speaks, in order, apart from each other. Without any there is nothing to hear; for
            sound that was not looked at, give one of the whole.
        duration_s: Of the whole; what lies behind it is left out.
        longest_s: Of a window. Only a single region without a pause may be longer.
    """
    waiting = [
        Region(max(0.0, one.start_s), min(one.end_s, duration_s))
        for one in regions
        if one.start_s < duration_s and one.end_s > max(0.0, one.start_s)
    ]
    windows: list[Region] = []
    first = 0
    while first < len(waiting):
        behind = _fitting(waiting, first, longest_s)
        if behind < len(waiting):
            behind = _at_longest_pause(waiting, first, behind, longest_s)
        windows.append(Region(waiting[first].start_s, waiting[behind - 1].end_s))
        first = behind
    return windows


def _fitting(regions: Sequence[Region], first: int, longest_s: float) -> int:
    """The first region that does not fit into the window any more; at least one does."""
    start_s = regions[first].start_s
    behind = first + 1
    while behind < len(regions) and regions[behind].end_s - start_s <= longest_s:
        behind += 1
    return behind


def _at_longest_pause(regions: Sequence[Region], first: int, behind: int, longest_s: float) -> int:
    """Where to end the window: before `behind`, or earlier if the pause there is longer."""
    late_s = regions[first].start_s + _LATE * longest_s
    late = [at for at in range(first + 1, behind + 1) if regions[at - 1].end_s >= late_s] or [behind]
    return max(late, key=lambda at: (regions[at].start_s - regions[at - 1].end_s, at))
