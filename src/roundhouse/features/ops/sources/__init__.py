"""Where things lie that can be cleaned away: each source finds what is old, and removes one thing at a time.

What a dry run tells and what a clean-up does come from the same `find`.
"""

from __future__ import annotations

from typing import Protocol

from roundhouse.features.ops.schemas import Kind, Removal


class Source(Protocol):
    """One kind of things."""

    kind: Kind

    async def find(self, before_s: float) -> list[Removal]:
        """What is older than a time (Unix seconds) and may go, in the order in which it goes.

        Raises:
            RoundhouseError: It cannot be looked at; the text says what and why.
        """
        ...

    async def remove(self, one: Removal, before_s: float) -> bool:
        """Remove something found; False when it is gone, or is needed after all.

        Raises:
            RoundhouseError: It cannot be removed; the text says why.
        """
        ...
