"""From the name a client writes to the ordered candidates that may answer, and the wrappers around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from roundhouse.core.errors import ContextTooLong, ModelNotFound, NotAllowed
from roundhouse.core.ports import Cache, Clock
from roundhouse.core.settings import CacheSettings, EngineSettings
from roundhouse.core.types import Alias, Answer, Caller, Decision, ModelInfo, ModelRequest
from roundhouse.engine.catalog import Catalog
from roundhouse.engine.health import Breaker, Slots
from roundhouse.engine.model import Flow, Model, Target
from roundhouse.engine.patterns import matches
from roundhouse.engine.wrappers import Attempts, Cached, Fallback, Leased, Limited, Retried

Lease = Callable[[Target], AbstractAsyncContextManager[object]]

_DEEPEST_ALIAS = 50
BYTES_PER_TOKEN = 12
"""Bytes of JSON per token, on the high side for every language (escapes included): more than this never fits."""
CUT_BYTES_PER_TOKEN = 4
"""The same for servers that cut a long prompt instead of refusing it: about English prose, rather too early."""
_CUTTING_KINDS = frozenset({"ollama"})


class Route(msgspec.Struct):
    """Where requests of one name go.

    Attributes:
        model: The wrapped candidates.
        targets: Their names, in order.
        reason: Why, for the decision.
    """

    model: Model
    targets: tuple[str, ...]
    reason: str


class Fitting:
    """Refuses at once what surely does not fit a known context window, so that a longer model is tried.

    Some servers (Ollama) cut a long prompt silently instead of refusing it; the others count better than we can.

    Args:
        inner: The target.
        context_tokens: Its context window.
        bytes_per_token: A request of more JSON than this is too long.
    """

    def __init__(self, inner: Model, context_tokens: int, bytes_per_token: int) -> None:
        self._inner = inner
        self._limit_bytes = context_tokens * bytes_per_token
        self._context_tokens = context_tokens

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        """Raises ContextTooLong."""
        self._check(request)
        return await self._inner.answer(request, decision)

    async def stream(self, request: ModelRequest, decision: Decision) -> Flow[Any]:
        """Raises ContextTooLong."""
        self._check(request)
        return await self._inner.stream(request, decision)

    def _check(self, request: ModelRequest) -> None:
        messages = request.fields.get("messages")
        # Pictures inside the messages are large in bytes and small in tokens.
        if messages is None or len(bytes(messages)) <= self._limit_bytes or b"base64," in bytes(messages):
            return
        # In OpenAI's words: clients such as LiteLLM know this error by them.
        raise ContextTooLong(
            f"This model's maximum context length is {self._context_tokens} tokens. The messages do not fit.",
            param="messages",
        )


class Router:
    """Builds routes and keeps them until something changes.

    Args:
        catalog: Providers and their models.
        engine: Settings of circuits.
        cache_settings: Settings of the response cache.
        cache: Where answers are kept.
        clock: Time.
        heard: Hears of every try.
        lease: Leases memory for a managed target.
    """

    def __init__(
        self,
        catalog: Catalog,
        engine: EngineSettings,
        cache_settings: CacheSettings,
        cache: Cache,
        clock: Clock,
        heard: Attempts,
        lease: Lease,
    ) -> None:
        self._catalog = catalog
        self._engine = engine
        self._cache_settings = cache_settings
        self._cache = cache
        self._clock = clock
        self._heard = heard
        self._lease = lease
        self._routes: dict[str, Route] = {}
        self._chosen: dict[tuple[str, ...], Route] = {}
        self._aliases: dict[str, Alias] = {}
        self._breakers: dict[str, Breaker] = {}
        self._slots: dict[tuple[str, int, int], Slots] = {}

    @property
    def aliases(self) -> dict[str, Alias]:
        """Aliases in force, by name."""
        return self._aliases

    def configure(self, aliases: Sequence[Alias]) -> None:
        """Put these aliases in force."""
        self._aliases = {alias.name: alias for alias in aliases}
        self._forget_routes()

    def forget(self) -> None:
        """Providers or lists changed: build routes anew when they are asked for."""
        self._forget_routes()
        names = {f"{provider}/{model.id}" for provider, model in self._catalog.every()}
        for gone in self._breakers.keys() - names:
            del self._breakers[gone]

    def route(self, model: str) -> Route:
        """The route of a name.

        Raises:
            ModelNotFound: No alias, provider or built-in knows it.
        """
        route = self._routes.get(model)
        if route is None:
            route = self._routes[model] = self._build(model)
        return route

    def route_to(self, targets: Sequence[str], reason: str) -> Route:
        """A route over given `provider/model` names, e.g. the recommended ones."""
        # Apart from the names that clients write: no name may lead to a choice made for another caller.
        names = tuple(targets)
        route = self._chosen.get(names)
        if route is None:
            models = [model for target in names for model in self._targets(target)]
            route = self._chosen[names] = self._wrapped(models, [], None, reason)
        return msgspec.structs.replace(route, reason=reason)

    def check_allowed(self, caller: Caller, requested: str, route: Route) -> None:
        """Raise NotAllowed unless the caller's patterns admit the name it wrote, or all that stands behind it."""
        if not caller.models or matches(caller.models, requested):
            return
        if all(matches(caller.models, target) for target in route.targets):
            return
        raise NotAllowed(f"This key may not use the model {requested!r}.", param="model")

    def breaker(self, target: str) -> Breaker:
        """The circuit of a target."""
        breaker = self._breakers.get(target)
        if breaker is None:
            breaker = Breaker(self._engine.breaker_failures, self._engine.breaker_open_s, self._clock)
            self._breakers[target] = breaker
        return breaker

    def open_circuits(self) -> list[str]:
        """Targets whose circuit is open."""
        return [name for name, breaker in self._breakers.items() if breaker.is_open]

    def slots(self, target: Target) -> Slots:
        """The slots of a target's provider."""
        provider = target.backends.provider
        key = (provider.name, provider.max_concurrent, provider.max_waiting)
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = Slots(provider.max_concurrent, provider.max_waiting)
        return slots

    def _build(self, name: str) -> Route:
        alias = self._aliases.get(name)
        targets = self._targets(name)
        if alias is None:
            return self._wrapped(targets, [], None, "direct")
        longer = [model for wish in alias.context_fallbacks for model in self._targets(wish, name)]
        return self._wrapped(targets, longer, alias.cache_ttl_s, "alias")

    def _targets(self, name: str, *above: str) -> list[Target]:
        """Targets behind a name, each once; an alias is followed unless it is above. Raises ModelNotFound."""
        found: dict[str, Target] = {}
        self._collect(name, frozenset(above), set(), found)
        if found:
            return list(found.values())
        alias = self._aliases.get(name)
        if alias is not None and name not in above:
            wishes = ", ".join(alias.targets)
            raise ModelNotFound(f"None of the models behind {name!r} is there now: {wishes}.", param="model")
        raise ModelNotFound(
            f"No model is called {name!r}: it is no alias and no provider lists it. See GET /v1/models.",
            param="model",
        )

    def _collect(self, name: str, above: frozenset[str], seen: set[str], found: dict[str, Target]) -> None:
        """Follow aliases, each once: aliases of aliases of aliases would else grow without bound."""
        alias = self._aliases.get(name)
        if alias is None or name in above:
            for target in self._listed(name):
                found.setdefault(target.name, target)
        elif name not in seen:
            seen.add(name)
            if len(above) < _DEEPEST_ALIAS:
                for wish in alias.targets:
                    self._collect(wish, above | {name}, seen, found)

    def _listed(self, name: str) -> list[Target]:
        """Models that providers list under a name."""
        listed = self._catalog.find(name)
        provider, slash, model = name.partition("/")
        if slash and provider in self._catalog.backends:
            own = self._catalog.listings[provider].models
            match = own.get(model) or own.get(f"{model}:latest")
            if match is not None:
                listed = [(provider, match)]
        return [self._target(provider, info) for provider, info in listed]

    def _forget_routes(self) -> None:
        self._routes.clear()
        self._chosen.clear()

    def _target(self, provider: str, info: ModelInfo) -> Target:
        return Target(info.id, self._catalog.backends[provider], info)

    def _wrapped(
        self, targets: Sequence[Target], longer: Sequence[Target], ttl_s: float | None, reason: str
    ) -> Route:
        names = tuple(dict.fromkeys(target.name for target in (*targets, *longer)))
        models = [self._guarded(target, fitting=bool(longer)) for target in targets]
        rest = [self._guarded(target, fitting=False) for target in longer]
        model: Model = models[0] if len(models) == 1 and not rest else Fallback(models, rest)
        if ttl_s is None and self._cache_settings.responses:
            ttl_s = self._cache_settings.ttl_s
        if ttl_s:
            model = Cached(model, self._cache, ttl_s, self._cache_settings.max_item_bytes)
        return Route(model, names, reason)

    def _guarded(self, target: Target, *, fitting: bool) -> Model:
        model: Model = target
        if target.managed:
            model = Leased(model, lambda: self._lease(target))
        model = Limited(model, target.name, self.breaker(target.name), self.slots(target), self._heard)
        retries = target.backends.provider.retries
        if retries:
            model = Retried(model, retries)
        if fitting and target.info is not None and target.info.context_tokens:
            cuts = target.backends.provider.kind in _CUTTING_KINDS
            model = Fitting(
                model, target.info.context_tokens, CUT_BYTES_PER_TOKEN if cuts else BYTES_PER_TOKEN
            )
        return model
