"""The one door to every model: choose, fit in memory, call, cache, fall back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import cast

from roundhouse.core.audio import DiarizationRequest, SpeechRequest, TranscriptionRequest
from roundhouse.core.errors import ModelNotFound, NotLocal, NotSupported
from roundhouse.core.ports import BackendContext, Cache, ModelControl
from roundhouse.core.settings import CacheSettings, EngineSettings
from roundhouse.core.types import (
    Alias,
    Answer,
    Caller,
    Decision,
    ModelInfo,
    ModelRequest,
    Provider,
    PullProgress,
)
from roundhouse.engine.catalog import Catalog
from roundhouse.engine.choice import Chooser
from roundhouse.engine.discovery import discover
from roundhouse.engine.hearing import HABITS, Library, SpeechChooser, request_of
from roundhouse.engine.model import Backends, Hearing, Running, SoundRequest, Speaking, Spoken, Target
from roundhouse.engine.own import BUILTIN_PROVIDER
from roundhouse.engine.patterns import matches
from roundhouse.engine.residency import Residency
from roundhouse.engine.routing import Route, Router
from roundhouse.engine.whereabouts import Whereabouts
from roundhouse.engine.wrappers import Attempts
from roundhouse.infra.egress.resolving import Lookup, system_lookup

START_WAIT_S = 1.0
"""Longest wait for lists of models at start."""

AUTO = "auto"
"""Model name that lets Roundhouse choose."""


class Engine:
    """Every call to a model goes through here.

    Args:
        settings: Circuits, memory, discovery.
        cache_settings: Response cache.
        context: Given to every backend.
        cache: Where answers are kept.
        residency: Memory of this machine.
        heard: Hears of every try at a target.
        own: Providers that are always there, last in order of preference.
        recogniser: The one that `auto` takes for speech if it is there.
        lookup: How names are looked up, to tell which providers are inside the house.
    """

    def __init__(
        self,
        settings: EngineSettings,
        cache_settings: CacheSettings,
        context: BackendContext,
        cache: Cache,
        residency: Residency,
        heard: Attempts,
        own: Sequence[Provider] = (BUILTIN_PROVIDER,),
        recogniser: str = "",
        lookup: Lookup = system_lookup,
    ) -> None:
        self._settings = settings
        self._own = own
        self.context = context
        self._discovered: list[Provider] = []
        self._configured: list[Provider] = []
        self._refreshing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self.residency = residency
        residency.unknown = self._look_for
        self.catalog = Catalog(context, settings.catalog_ttl_s, self._changed)
        self.router = Router(self.catalog, settings, cache_settings, cache, context.clock, heard, self._lease)
        self.chooser = Chooser(self.catalog, residency)
        self._speech = SpeechChooser(self.catalog, residency, recogniser)
        self._whereabouts = Whereabouts(settings.outside_models, lookup)

    async def start(self, providers: Sequence[Provider], aliases: Sequence[Alias]) -> None:
        """Put the configuration in force, look for local servers, and keep the lists fresh until `close`.

        Lists that take longer than `START_WAIT_S` come in later: a provider that hangs delays no start.
        """
        if self._settings.discover:
            self._discovered = await discover(self.context.http, self._settings.discover_urls)
        await self.configure(providers, aliases)
        await self.residency.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WAIT_S):
                await self.catalog.refresh()
        self._refreshing = asyncio.create_task(self._keep_fresh())

    async def configure(self, providers: Sequence[Provider], aliases: Sequence[Alias]) -> None:
        """Put other providers and aliases in force; running requests end on the old ones."""
        self._configured = list(providers)
        await self._merge()
        self.router.configure(aliases)

    async def rediscover(self) -> list[Provider]:
        """Look for local servers again, put them in force and return them."""
        await self._look()
        await self.catalog.refresh(older_than_s=0)
        return list(self._discovered)

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """A whole answer. `decision` is filled in as things happen, also when it fails.

        Raises:
            RoundhouseError: Any of the tree's.
        """
        route = await self._route(request, decision)
        return await route.model.answer(request, decision)

    async def stream(self, request: ModelRequest, decision: Decision) -> Running:
        """A running answer; returns once the first events are there. Close it, or read it to its end.

        Raises:
            RoundhouseError: Any of the tree's.
        """
        route = await self._route(request, decision)
        return cast(Running, await route.model.stream(request, decision))

    async def check(self, request: TranscriptionRequest) -> None:
        """Whether the request has a model that recognises speech, before its sound is prepared.

        Raises:
            NotSupported: It has one that does something else.
            RoundhouseError: As `transcribe`.
        """
        route = await self._route(request_of(request), Decision(request.model))
        providers = (self.catalog.backends[target.partition("/")[0]] for target in route.targets)
        if all(provider.asr is None for provider in providers):
            raise NotSupported(f"The model {request.model!r} does not recognise speech.", param="model")

    async def transcribe(self, request: TranscriptionRequest, decision: Decision) -> Hearing:
        """What is said in a file; returns once the first segment is there, or that there is none.

        Raises:
            WeightsMissing: The model can be had, but is not on this machine.
            RoundhouseError: Any of the tree's.
        """
        asked = request_of(request)
        route = await self._route(asked, decision)
        return cast(Hearing, await route.model.stream(asked, decision))

    async def speak(self, request: SpeechRequest, decision: Decision) -> Spoken:
        """A text as sound; returns once its first bytes are there.

        Raises:
            MissingExtra: Nothing on this machine can speak, and no other model was named.
            RoundhouseError: Any of the tree's.
        """
        asked = request_of(request)
        route = await self._route(asked, decision)
        return cast(Spoken, await route.model.stream(asked, decision))

    async def diarize(self, request: DiarizationRequest, decision: Decision) -> Speaking:
        """Who speaks when in a file; returns once the first turn is there, or that there is none.

        Raises:
            DiarizationUnavailable: Nothing here can tell.
            RoundhouseError: Any of the tree's.
        """
        asked = request_of(request)
        route = await self._route(asked, decision)
        return cast(Speaking, await route.model.stream(asked, decision))

    def can_diarize(self, caller: Caller) -> bool:
        """Whether something on this machine tells speakers apart, for this caller."""
        return self._speech.diarizes(caller)

    async def _route(self, request: ModelRequest, decision: Decision) -> Route:
        route = await self.resolve(request)
        decision.reason = route.reason
        if request.caller.models:
            self.router.check_allowed(request.caller, request.model, route)
        return route

    async def resolve(self, request: ModelRequest) -> Route:
        """The route of a request; an unknown name is looked for at the providers once more.

        Raises:
            ModelNotFound: Nobody knows it.
            NotLocal: All that is behind it is outside, and nothing of this request may leave the house.
        """
        if request.caller.local_only:
            return await self._resolve_inside(request)
        return await self._resolve(request)

    async def _resolve(self, request: ModelRequest) -> Route:
        if request.model == AUTO and AUTO not in self.router.aliases:
            return self._automatic(request)
        if isinstance(request, SoundRequest):
            return await self._find_sounding(request)
        return await self.find(request.model)

    async def _resolve_inside(self, request: ModelRequest) -> Route:
        """The route of a request over those of its models that are inside."""
        providers = {name: one.provider for name, one in self.catalog.backends.items()}
        every = (f"{provider}/{info.id}" for provider, info in self.catalog.every())
        if (
            request.model == AUTO
            and AUTO not in self.router.aliases
            and not isinstance(request, SoundRequest)
        ):
            among = await self._whereabouts.inside(every, providers)
            targets, reason = self.chooser.choose(request, frozenset(among))
            return self.router.route_to(targets, f"auto, inside: {reason}")
        route = await self._resolve(request)
        kept = await self._whereabouts.inside(route.targets, providers)
        if not kept:
            raise NotLocal(
                f"The model {request.model!r} is outside, and nothing of this may leave the house.",
                param="model",
            )
        return (
            route
            if len(kept) == len(route.targets)
            else self.router.route_to(kept, f"{route.reason}, inside")
        )

    async def _find_sounding(self, request: SoundRequest) -> Route:
        """As `find`; a model that could be downloaded is told apart from one that nobody has."""
        try:
            return await self.find(request.model)
        except ModelNotFound:
            if request.model in HABITS:
                return self._automatic(request)
            model = self._speech.meant(request.model)
            if model != request.model:
                with suppress(ModelNotFound):
                    return self.router.route(model)
            if self._speech.offered(model):
                raise self._speech.missing(request.caller, model) from None
            raise

    async def find(self, model: str) -> Route:
        """The route of a name; an unknown one is looked for at the providers once more.

        Raises:
            ModelNotFound: Nobody knows it.
        """
        try:
            return self.router.route(model)
        except ModelNotFound:
            await self.catalog.refresh(older_than_s=5.0)
            return self.router.route(model)

    def _automatic(self, request: ModelRequest) -> Route:
        chooser = self._speech if isinstance(request, SoundRequest) else self.chooser
        targets, reason = chooser.choose(request)
        return self.router.route_to(targets, f"auto: {reason}")

    def target(self, model: str) -> Target:
        """The first target behind a name; raises ModelNotFound."""
        provider, _, name = self.router.route(model).targets[0].partition("/")
        return Target(name, self.catalog.backends[provider], self.catalog.listings[provider].models.get(name))

    async def listed(self, caller: Caller) -> list[tuple[str, ModelInfo]]:
        """Models that the caller may use, as (provider, info), lists refreshed when they are old."""
        await self.catalog.refresh()
        if not caller.models:
            return self.catalog.every()
        return [
            (provider, model)
            for provider, model in self.catalog.every()
            if self._allowed(caller, f"{provider}/{model.id}") or self._allowed(caller, model.id)
        ]

    @staticmethod
    def _allowed(caller: Caller, name: str) -> bool:
        return matches(caller.models, name)

    async def load(self, model: str, *, pin: bool | None = None) -> Target:
        """Bring a model into memory. Raises ModelNotFound, DoesNotFit, Busy, NotSupported."""
        await self._known(model)
        target = self.target(model)
        if target.managed:
            await self.residency.load(target, pin=pin)
        else:
            await self._control(target).load(target.model)
        return target

    async def unload(self, model: str) -> Target:
        """Take a model out of memory; waits for nobody: a leased one is Busy."""
        await self._known(model)
        target = self.target(model)
        if target.managed:
            await self.residency.unload(target)
        else:
            await self._control(target).unload(target.model)
        return target

    def puller(self, model: str) -> str:
        """Where a model would be downloaded to, as `provider/model`; a bare name goes to the first that can.

        Raises:
            NotSupported: The provider cannot download models, or none can.
        """
        model = self._speech.meant(model)
        provider, slash, _ = model.partition("/")
        if slash and provider in self.catalog.backends:
            if not _can_pull(self.catalog.backends[provider]):
                raise NotSupported(f"The provider {provider!r} cannot download models.", param="model")
            return model
        first = next((name for name, one in self.catalog.backends.items() if _may_have(one, model)), None)
        if first is None:
            raise NotSupported(
                "No provider can download this model; an Ollama server can, and whisper/small comes without one.",
                param="model",
            )
        return f"{first}/{model}"

    async def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Download a model: `provider/model`, or a bare name for the first provider that can download.

        Raises:
            NotSupported: No provider can.
            BackendFailed: And its kin.
        """
        provider, _, name = self.puller(model).partition("/")
        control = self.catalog.backends[provider].control
        if control is not None:
            async for progress in control.pull(name):
                yield progress
        await self.catalog.refresh(older_than_s=0)

    async def _known(self, model: str) -> None:
        try:
            self.router.route(model)
        except ModelNotFound:
            await self.catalog.refresh(older_than_s=5.0)

    @staticmethod
    def _control(target: Target) -> ModelControl:
        if target.backends.control is None:
            raise NotSupported(f"{target.name!r} cannot be loaded or unloaded.", param="model")
        return target.backends.control

    def _lease(self, target: Target) -> AbstractAsyncContextManager[object]:
        return self.residency.lease(target)

    def _changed(self) -> None:
        self.router.forget()
        self.residency.configure(self.catalog.backends.values())

    async def _merge(self) -> None:
        configured = {provider.name for provider in self._configured}
        addresses = {provider.url.rstrip("/") for provider in self._configured}
        found = [
            provider
            for provider in self._discovered
            if provider.name not in configured and provider.url not in addresses
        ]
        own = [provider for provider in self._own if provider.name not in configured]
        await self.catalog.configure([*self._configured, *found, *own])

    def _look_for(self, _provider: str) -> None:
        """Another process found a server that this one has not seen: it is looked for here as well."""
        if self._settings.discover and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        self._discovered = await discover(self.context.http, self._settings.discover_urls)
        await self._merge()

    async def _keep_fresh(self) -> None:
        while True:
            await self.catalog.refresh()
            await self.context.clock.sleep(self._settings.catalog_ttl_s)
            if self._settings.discover:
                await self._look()

    async def close(self) -> None:
        """Stop the background work and close all backends."""
        for task in (self._refreshing, self._looking):
            if task is not None:
                task.cancel()
        await self.residency.close()
        await self.catalog.close()


def _may_have(backends: Backends, model: str) -> bool:
    """Whether a bare name may be meant for this provider; one that knows what it offers takes that alone."""
    control: object = backends.control
    known = not isinstance(control, Library) or ("/" not in model and control.offers(model))
    return _can_pull(backends) and known


def _can_pull(backends: Backends) -> bool:
    return backends.control is not None and backends.control.can_pull
