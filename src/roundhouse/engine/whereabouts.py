"""Which models are inside the house: on this machine, or behind an address of a private network.

A provider without an address of its own is inside only if its kind runs here: others have their vendor's address. What
a server inside passes on to others cannot be seen; the settings name the models of which that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import Provider
from roundhouse.engine.own import OWN_KINDS
from roundhouse.engine.patterns import matches
from roundhouse.infra.egress.addresses import INSIDE_RULES, parse_url
from roundhouse.infra.egress.resolving import Lookup, Resolver, system_lookup


class Whereabouts:
    """Tells inside from outside.

    Args:
        outside: Glob patterns of models that are outside although their server is inside, `provider/model`.
        lookup: How names are looked up.
    """

    def __init__(self, outside: Sequence[str], lookup: Lookup = system_lookup) -> None:
        self._outside = outside
        self._resolver = Resolver(INSIDE_RULES, lookup)

    async def inside(self, targets: Iterable[str], providers: Mapping[str, Provider]) -> list[str]:
        """Of some models those that are inside, in their order.

        Args:
            targets: `provider/model`.
            providers: By name.
        """
        known: dict[str, bool] = {}
        found = []
        for target in targets:
            name = target.partition("/")[0]
            if name not in known:
                known[name] = await self._is_inside(providers[name])
            if known[name] and not matches(self._outside, target):
                found.append(target)
        return found

    async def _is_inside(self, provider: Provider) -> bool:
        if not provider.url:
            return provider.kind in OWN_KINDS
        try:
            # Every address that the name has must be.
            await self._resolver.resolve(parse_url(provider.url))
        except RoundhouseError:
            # Of a name that is not known nobody can say where it is.
            return False
        return True
