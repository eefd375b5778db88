"""The verbs of providers and aliases."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from roundhouse.core import registry
from roundhouse.core.errors import BadInput, Conflict, NotAllowed, NotFound, RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.core.settings import AliasSettings, ProviderSettings
from roundhouse.core.types import Alias, Caller, Provider, Timeouts
from roundhouse.engine.catalog import open_backends
from roundhouse.engine.engine import Engine
from roundhouse.engine.own import OWN_KINDS, OWN_NAMES
from roundhouse.engine.patterns import matches
from roundhouse.features.gateway import store
from roundhouse.features.gateway.schemas import (
    AliasCreate,
    AliasRead,
    AliasWrite,
    ProviderCreate,
    ProviderPatch,
    ProviderRead,
    ProviderTest,
    TimeoutsWire,
)
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.vault import Vault
from roundhouse.infra.web import error_object

Reload = Callable[[], Awaitable[None]]


class ProviderService:
    """Providers and aliases: those of the file, those of the API, those found on this machine.

    Args:
        db: The database.
        engine: Takes the configuration.
        vault: Encrypts keys and headers.
        clock: Time.
        providers: From `roundhouse.toml`; they win over rows of the same name.
        aliases: From `roundhouse.toml`; they win over rows of the same name.
        reload: Brings a change into force here and now.
    """

    def __init__(
        self,
        db: Database,
        engine: Engine,
        vault: Vault,
        clock: Clock,
        providers: list[ProviderSettings],
        aliases: list[AliasSettings],
        reload: Reload,
    ) -> None:
        self._db = db
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._reload = reload
        self._fixed = {provider.name: _from_settings(provider) for provider in providers}
        self._fixed_aliases = {
            alias.name: Alias(
                alias.name, tuple(alias.targets), tuple(alias.context_fallbacks), alias.cache_ttl_s
            )
            for alias in aliases
        }
        self._kept: dict[str, Provider] = {}

    async def configuration(self) -> tuple[list[Provider], list[Alias]]:
        """Everything configured, the file's first."""
        async with self._db.read() as tx:
            rows = await store.list_providers(tx)
            alias_rows = await store.list_aliases(tx)
        self._kept = {row.name: self._from_row(row) for row in rows}
        providers = self._fixed | {name: row for name, row in self._kept.items() if name not in self._fixed}
        kept = {row.name: _alias_from_row(row) for row in alias_rows}
        aliases = self._fixed_aliases | {
            name: row for name, row in kept.items() if name not in self._fixed_aliases
        }
        return list(providers.values()), list(aliases.values())

    async def apply(self) -> None:
        """Read the configuration and put it in force."""
        await self._engine.configure(*await self.configuration())

    async def every(self, caller: Caller) -> list[ProviderRead]:
        """All providers, in order of preference."""
        return [self._read(backends.provider) for backends in self._engine.catalog.backends.values()]

    async def get(self, caller: Caller, name: str) -> ProviderRead:
        """One provider; raises NotFound."""
        return self._read(self._provider(name))

    async def create(self, caller: Caller, body: ProviderCreate) -> ProviderRead:
        """Add a provider.

        Raises:
            BadInput: Unknown kind, bad URL, or an option its kind refuses.
            Conflict: The name is taken.
        """
        if body.name in self._fixed or body.name in OWN_NAMES:
            raise Conflict(f"There is a provider {body.name!r} already.", param="name")
        now_s = self._clock.now_s()
        row = store.ProviderRow(
            name=body.name,
            kind=body.kind,
            url=body.url,
            key_encrypted=self._sealed(body.key.get_secret_value() if body.key else None),
            headers_encrypted=self._sealed(
                msgspec.json.encode(body.headers).decode() if body.headers else None
            ),
            models=list(body.models),
            options=body.options,
            timeouts=body.timeouts.model_dump(),
            max_concurrent=body.max_concurrent,
            max_waiting=body.max_waiting,
            retries=body.retries,
            created_at_s=now_s,
            updated_at_s=now_s,
        )
        await self._check(row)
        async with self._db.begin() as tx:
            await store.insert_provider(tx, row)
            await self._audit(tx, caller, "provider.create", row.name, {"kind": row.kind, "url": row.url})
        await self._reload()
        return await self.get(caller, row.name)

    async def update(self, caller: Caller, name: str, body: ProviderPatch) -> ProviderRead:
        """Change a provider; raises NotFound, Conflict (it is the file's), BadInput."""
        self._refuse_fixed(name)
        given = body.model_dump(exclude_unset=True)
        async with self._db.begin() as tx:
            row = await store.get_provider(tx, name)
            changes: dict[str, Any] = {
                field: value
                for field, value in given.items()
                if field not in ("key", "headers") and value is not None
            }
            if "key" in given:
                changes["key_encrypted"] = self._sealed(body.key.get_secret_value() if body.key else None)
            if "headers" in given:
                headers = msgspec.json.encode(body.headers).decode() if body.headers else None
                changes["headers_encrypted"] = self._sealed(headers)
            before, row = row, msgspec.structs.replace(row, **changes, updated_at_s=self._clock.now_s())
            await self._check(row)
            await store.update_provider(tx, row)
            # A key and headers are secrets: that they were changed is all that is told of them.
            plain = [field for field in changes if not field.endswith("_encrypted")]
            told = {
                when: {field: getattr(one, field) for field in plain}
                for when, one in (("before", before), ("after", row))
            }
            await self._audit(tx, caller, "provider.update", name, {"changed": sorted(given), **told})
        await self._reload()
        return await self.get(caller, name)

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove a provider; raises NotFound, Conflict (it is the file's)."""
        self._refuse_fixed(name)
        async with self._db.begin() as tx:
            await store.delete_provider(tx, name)
            await self._audit(tx, caller, "provider.delete", name, {})
        await self._reload()

    async def test(self, caller: Caller, name: str) -> ProviderTest:
        """Ask a provider for its models now; raises NotFound."""
        control = self._engine.catalog.backends[self._provider(name).name].control
        started_s = time.perf_counter()
        try:
            models = [model.id for model in await control.models()] if control is not None else []
        except RoundhouseError as error:
            latency_ms = int((time.perf_counter() - started_s) * 1000)
            return ProviderTest(ok=False, latency_ms=latency_ms, models=[], error=error_object(error))
        await self._engine.catalog.refresh(older_than_s=0)
        return ProviderTest(ok=True, latency_ms=int((time.perf_counter() - started_s) * 1000), models=models)

    async def discover(self, caller: Caller) -> list[ProviderRead]:
        """Look for local servers again; returns those found."""
        return [
            self._read(provider)
            for provider in await self._engine.rediscover()
            if provider.name in self._engine.catalog.backends
        ]

    async def list_aliases(self, caller: Caller) -> list[AliasRead]:
        """All aliases that the caller may use."""
        return [
            self._alias_read(alias)
            for alias in self._engine.router.aliases.values()
            if not caller.models or matches(caller.models, alias.name)
        ]

    async def get_alias(self, caller: Caller, name: str) -> AliasRead:
        """One alias; raises NotFound."""
        for alias in await self.list_aliases(caller):
            if alias.name == name:
                return alias
        raise NotFound(f"No alias {name!r}.")

    async def create_alias(self, caller: Caller, body: AliasCreate) -> AliasRead:
        """Add an alias; raises Conflict when the name is taken."""
        if body.name in self._fixed_aliases:
            raise Conflict(f"There is an alias {body.name!r} already.", param="name")
        _check_models(caller, body.name, body)
        async with self._db.begin() as tx:
            await store.insert_alias(tx, self._alias_row(body.name, body))
            await self._audit(tx, caller, "alias.create", body.name, {"targets": body.targets})
        await self._reload()
        return await self.get_alias(caller, body.name)

    async def replace_alias(self, caller: Caller, name: str, body: AliasWrite) -> AliasRead:
        """Put other models behind a name, or make it; raises Conflict when it is the file's."""
        self._refuse_fixed_alias(name)
        _check_models(caller, name, body)
        row = self._alias_row(name, body)
        async with self._db.begin() as tx:
            before = None
            try:
                before = await store.get_alias(tx, name)
                await store.update_alias(tx, row)
            except NotFound:
                await store.insert_alias(tx, row)
            detail = {"before": before and _told(before), "after": _told(row)}
            await self._audit(tx, caller, "alias.replace", name, detail)
        await self._reload()
        return await self.get_alias(caller, name)

    async def delete_alias(self, caller: Caller, name: str) -> None:
        """Remove an alias; raises NotFound, Conflict (it is the file's)."""
        self._refuse_fixed_alias(name)
        async with self._db.begin() as tx:
            await store.delete_alias(tx, name)
            await self._audit(tx, caller, "alias.delete", name, {})
        await self._reload()

    def _provider(self, name: str) -> Provider:
        backends = self._engine.catalog.backends.get(name)
        if backends is not None:
            return backends.provider
        provider = self._fixed.get(name) or self._kept.get(name)
        if provider is None:
            raise NotFound(f"No provider {name!r}.")
        return provider

    def _refuse_fixed(self, name: str) -> None:
        if name in self._fixed:
            raise Conflict(f"The provider {name!r} stands in the configuration file; change it there.")
        if name in OWN_NAMES:
            raise Conflict("The built-in models cannot be changed.")

    def _refuse_fixed_alias(self, name: str) -> None:
        if name in self._fixed_aliases:
            raise Conflict(f"The alias {name!r} stands in the configuration file; change it there.")

    async def _check(self, row: store.ProviderRow) -> None:
        """Refuse what its kind would refuse at the first call: make the vendor objects once, dial nothing."""
        if not row.url.startswith(("http://", "https://")):
            raise BadInput("'url' must begin with http:// or https://.", param="url")
        if row.kind not in registry.kinds() or row.kind in OWN_KINDS:
            registry.require_kind(row.kind)
            raise BadInput(f"A provider cannot be of the kind {row.kind!r}.", param="kind")
        await open_backends(self._from_row(row), self._engine.context).close()

    def _sealed(self, secret: str | None) -> bytes | None:
        return self._vault.seal(secret) if secret else None

    def _from_row(self, row: store.ProviderRow) -> Provider:
        headers = (
            msgspec.json.decode(self._vault.open(row.headers_encrypted)) if row.headers_encrypted else {}
        )
        return Provider(
            name=row.name,
            kind=row.kind,
            url=row.url,
            key=self._vault.open(row.key_encrypted) if row.key_encrypted else None,
            headers=headers,
            models=tuple(row.models),
            options=row.options,
            timeouts=Timeouts(**row.timeouts),
            max_concurrent=row.max_concurrent,
            max_waiting=row.max_waiting,
            retries=row.retries,
        )

    def _read(self, provider: Provider) -> ProviderRead:
        listing = self._engine.catalog.listings[provider.name]
        never = listing.error is None and listing.at_s == float("-inf")
        return ProviderRead(
            name=provider.name,
            kind=provider.kind,
            url=provider.url,
            has_key=provider.key is not None,
            header_names=sorted(provider.headers),
            models=list(provider.models),
            options=provider.options,
            timeouts=TimeoutsWire(**msgspec.structs.asdict(provider.timeouts)),
            max_concurrent=provider.max_concurrent,
            max_waiting=provider.max_waiting,
            retries=provider.retries,
            source=self._source(provider.name),
            state="not asked yet" if never else listing.error or "ok",
            model_count=len(listing.models),
        )

    def _source(self, name: str) -> Literal["api", "config", "discovered", "builtin"]:
        if name in self._fixed:
            return "config"
        if name in self._kept:
            return "api"
        return "builtin" if name in OWN_NAMES else "discovered"

    def _alias_row(self, name: str, body: AliasWrite) -> store.AliasRow:
        if name in body.targets and len(body.targets) == 1:
            raise BadInput("An alias cannot stand for itself alone.", param="targets")
        now_s = self._clock.now_s()
        return store.AliasRow(
            name=name,
            targets=list(body.targets),
            context_fallbacks=list(body.context_fallbacks),
            cache_ttl_s=body.cache_ttl_s,
            created_at_s=now_s,
            updated_at_s=now_s,
        )

    def _alias_read(self, alias: Alias) -> AliasRead:
        return AliasRead(
            name=alias.name,
            targets=list(alias.targets),
            context_fallbacks=list(alias.context_fallbacks),
            cache_ttl_s=alias.cache_ttl_s,
            source="config" if alias.name in self._fixed_aliases else "api",
        )

    async def _audit(self, tx: Any, caller: Caller, action: str, name: str, detail: dict[str, Any]) -> None:
        at_s = self._clock.now_s()
        await audit.append(tx, caller, action=action, object_id=name, detail=detail, at_s=at_s)


def _told(row: store.AliasRow) -> dict[str, Any]:
    """What the audit log tells of an alias."""
    return {name: getattr(row, name) for name in ("targets", "context_fallbacks", "cache_ttl_s")}


def _check_models(caller: Caller, name: str, body: AliasWrite) -> None:
    """A key for some models must not put others behind a name that it may use."""
    for wanted in (name, *body.targets, *body.context_fallbacks):
        if caller.models and not matches(caller.models, wanted):
            raise NotAllowed(f"This key may not use the model {wanted!r}.", param="targets")


def _from_settings(provider: ProviderSettings) -> Provider:
    return Provider(
        name=provider.name,
        kind=provider.kind,
        url=provider.url,
        key=provider.key.get_secret_value() if provider.key else None,
        headers=provider.headers,
        models=tuple(provider.models),
        options=provider.options,
        timeouts=Timeouts(**provider.timeouts.model_dump()),
        max_concurrent=provider.max_concurrent,
        max_waiting=provider.max_waiting,
        retries=provider.retries,
    )


def _alias_from_row(row: store.AliasRow) -> Alias:
    return Alias(row.name, tuple(row.targets), tuple(row.context_fallbacks), row.cache_ttl_s)
