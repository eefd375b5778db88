"""The price table: what tokens cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from roundhouse.core.settings import PriceSettings
from roundhouse.core.types import Usage

_MAX_REMEMBERED = 10_000
_PER_TOKEN = 1e-6


class PriceTable:
    """Prices by `provider/model` (core.ports.Prices). The first entry whose pattern matches counts.

    Args:
        prices: Entries in order.
    """

    def __init__(self, prices: Sequence[PriceSettings]) -> None:
        self._prices = tuple(prices)
        self._found: dict[str, tuple[float, float, float] | None] = {}

    def cost_usd(self, target: str, usage: Usage) -> float:
        """Cost of one call in US dollars; 0.0 when it has no price."""
        found = self._found[target] if target in self._found else self._find(target)
        if found is None:
            return 0.0
        input_usd, cached_usd, output_usd = found
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        fresh = usage.prompt_tokens - cached
        return (fresh * input_usd + cached * cached_usd + usage.completion_tokens * output_usd) * _PER_TOKEN

    def _find(self, target: str) -> tuple[float, float, float] | None:
        found = None
        for price in self._prices:
            if fnmatchcase(target, price.model):
                cached = price.cached_usd_per_mtok
                full = price.input_usd_per_mtok
                found = (full, full if cached is None else cached, price.output_usd_per_mtok)
                break
        if len(self._found) >= _MAX_REMEMBERED:
            self._found.clear()
        self._found[target] = found
        return found
