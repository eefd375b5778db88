"""Which providers there are and which models each of them says it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import msgspec

from roundhouse.core import registry
from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider
from roundhouse.engine.model import Backends

_LONG_AGO_S = 1e9
# In the order of the arguments of `Backends`.
_SEAMS: tuple[registry.Seam, ...] = ("chat", "embedding", "rerank", "control", "asr", "speech", "diarization")


class Listing(msgspec.Struct):
    """A provider's answer to "what have you got".

    Attributes:
        models: By the provider's own name.
        at_s: Monotonic time of the answer, negative infinity = never asked.
        error: Why the last question failed, None = it did not.
    """

    models: dict[str, ModelInfo] = {}
    at_s: float = float("-inf")
    error: str | None = None


def open_backends(provider: Provider, context: BackendContext) -> Backends:
    """Make the vendor objects of one provider; nothing is dialled yet.

    Raises:
        BadInput: Unknown kind, or a setting its kind refuses.
        MissingExtra: Its library is not installed.
    """
    registry.require_kind(provider.kind)
    made = []
    for seam in _SEAMS:
        found = registry.find(seam, provider.kind)
        made.append(found(provider, context) if found is not None else None)
    return Backends(provider, *made)


class Catalog:
    """All providers in order of preference, with their models.

    Args:
        context: Given to every backend.
        ttl_s: A list older than this is asked for again.
        changed: Called after any change of providers or lists.
    """

    def __init__(self, context: BackendContext, ttl_s: float, changed: Callable[[], None]) -> None:
        self._context = context
        self._ttl_s = ttl_s
        self._changed = changed
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._expired = 0
        self.backends: dict[str, Backends] = {}
        self.listings: dict[str, Listing] = {}

    async def configure(self, providers: Sequence[Provider]) -> None:
        """Put these providers in force; unchanged ones keep their connections and lists.

        A provider whose kind is unknown or whose library is missing is kept out and its error listed.
        """
        before = self.backends
        after: dict[str, Backends] = {}
        for provider in providers:
            old = before.get(provider.name)
            if old is not None and old.provider == provider:
                after[provider.name] = old
                continue
            try:
                after[provider.name] = open_backends(provider, self._context)
            except RoundhouseError as error:
                self.listings[provider.name] = Listing(error=error.detail)
                continue
            self.listings[provider.name] = Listing(models={name: ModelInfo(name) for name in provider.models})
        self.backends = after
        for name in self.listings.keys() - {provider.name for provider in providers}:
            del self.listings[name]
        self._changed()
        for name, old in before.items():
            if after.get(name) is not old:
                await old.close()

    async def refresh(self, *, older_than_s: float | None = None) -> None:
        """Ask every provider whose list is older than this (None = the ttl) and wait for the answers."""
        limit_s = self._ttl_s if older_than_s is None else older_than_s
        now_s = self._context.clock.monotonic_s()
        due = [name for name in self.backends if now_s - self.listings[name].at_s >= limit_s]
        for name in due:
            if name not in self._asking:
                self._asking[name] = asyncio.create_task(self._ask(name))
        waiting = [self._asking[name] for name in due if name in self._asking]
        if waiting:
            # Not gathered: a cancelled request must not cancel the question that others wait for.
            await asyncio.wait(waiting)

    def expire(self) -> None:
        """Let every list be asked for again by the next who wants one: somebody has changed what there is."""
        self._expired += 1
        for listing in self.listings.values():
            listing.at_s = min(listing.at_s, self._context.clock.monotonic_s() - _LONG_AGO_S)

    async def _ask(self, name: str) -> None:
        try:
            backends = self.backends.get(name)
            if backends is None or backends.control is None:
                return
            found: dict[str, ModelInfo] | None = None
            error: str | None = None
            expired = self._expired
            try:
                found = {model.id: model for model in await backends.control.models()}
            except RoundhouseError as caught:
                error = caught.detail
            if self.backends.get(name) is not backends:
                return
            old = self.listings[name]
            models = old.models if found is None else found
            at_s = self._context.clock.monotonic_s()
            if expired != self._expired:
                # What was asked for before is old already.
                at_s -= _LONG_AGO_S
            self.listings[name] = Listing(models, at_s, error)
            if found is not None and found != old.models:
                self._changed()
        finally:
            self._asking.pop(name, None)

    def find(self, model: str) -> list[tuple[str, ModelInfo]]:
        """Providers, in order, that list a model of this name (or with Ollama's `:latest`)."""
        names = (model,) if ":" in model else (model, f"{model}:latest")
        return [
            (provider, listing.models[name])
            for provider, listing in self._ordered()
            for name in names
            if name in listing.models
        ]

    def every(self) -> list[tuple[str, ModelInfo]]:
        """All models, by provider in order."""
        return [
            (provider, model) for provider, listing in self._ordered() for model in listing.models.values()
        ]

    def _ordered(self) -> Iterator[tuple[str, Listing]]:
        for provider in self.backends:
            yield provider, self.listings[provider]

    async def close(self) -> None:
        """Close all backends."""
        for task in list(self._asking.values()):
            task.cancel()
        for backends in self.backends.values():
            await backends.close()
