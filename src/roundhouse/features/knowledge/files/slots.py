"""How many uploads are under way in this process: each holds memory, and a slow one holds it long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from roundhouse.core.errors import Busy

_RETRY_S = 5.0


class UploadSlots:
    """A number of uploads at a time, of which one tenant gets half.

    Args:
        most: All of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_of_one = max(1, most // 2)
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, site_id: str) -> Generator[None]:
        """Hold one; raises Busy."""
        if self._taken.total() >= self._most:
            raise Busy("As many uploads as may be are under way.", retry_after_s=_RETRY_S)
        if self._taken[site_id] >= self._most_of_one:
            raise Busy("As many of your uploads as may be are under way.", retry_after_s=_RETRY_S)
        self._taken[site_id] += 1
        try:
            yield
        finally:
            self._taken[site_id] -= 1
            if not self._taken[site_id]:
                del self._taken[site_id]
