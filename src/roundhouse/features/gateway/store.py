"""Tables and SQL of the gateway: providers, aliases, measured footprints.

These rows belong to the deployment, not to a tenant: the scopes `admin` and `providers` manage them. Every
change raises the configuration's revision, so that all processes reload.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, NotFound
from roundhouse.infra.db import Tx, is_unique_violation, metadata
from roundhouse.infra.revision import bump

providers = sa.Table(
    "providers",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("key_encrypted", sa.LargeBinary),
    sa.Column("headers_encrypted", sa.LargeBinary),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("timeouts", sa.JSON, nullable=False),
    sa.Column("max_concurrent", sa.Integer, nullable=False),
    sa.Column("max_waiting", sa.Integer, nullable=False),
    sa.Column("retries", sa.Integer, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
)

model_aliases = sa.Table(
    "model_aliases",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("targets", sa.JSON, nullable=False),
    sa.Column("context_fallbacks", sa.JSON, nullable=False),
    sa.Column("cache_ttl_s", sa.Double),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
)

model_footprints = sa.Table(
    "model_footprints",
    metadata,
    sa.Column("target", sa.String(300), primary_key=True),
    sa.Column("footprint_mib", sa.Integer, nullable=False),
    sa.Column("measured_at_s", sa.Double, nullable=False),
)


class ProviderRow(msgspec.Struct):
    """One provider as it is kept; secrets are ciphertext here.

    Attributes:
        name: Unique.
        kind: Key of the registry.
        url: Address of its API.
        key_encrypted: Its key, encrypted; None = it has none.
        headers_encrypted: JSON object of extra headers, encrypted; None = none.
        models: Models it serves, when it cannot list them.
        options: Settings of its kind.
        timeouts: Fields of `core.types.Timeouts`, seconds.
        max_concurrent: Requests in flight at a time.
        max_waiting: Requests that may wait.
        retries: Further tries after a retryable error.
        created_at_s: Unix time.
        updated_at_s: Unix time.
    """

    name: str
    kind: str
    url: str
    key_encrypted: bytes | None
    headers_encrypted: bytes | None
    models: list[str]
    options: dict[str, Any]
    timeouts: dict[str, float]
    max_concurrent: int
    max_waiting: int
    retries: int
    created_at_s: float
    updated_at_s: float


class AliasRow(msgspec.Struct):
    """One alias.

    Attributes:
        name: What clients write.
        targets: `provider/model` in order of preference.
        context_fallbacks: Targets for requests that do not fit the others.
        cache_ttl_s: Response cache of this alias; None = the deployment's, 0 = never.
        created_at_s: Unix time.
        updated_at_s: Unix time.
    """

    name: str
    targets: list[str]
    context_fallbacks: list[str]
    cache_ttl_s: float | None
    created_at_s: float
    updated_at_s: float


async def list_providers(tx: Tx) -> list[ProviderRow]:
    """All providers by name."""
    rows = (await tx.execute(sa.select(providers).order_by(providers.c.name))).mappings()
    return [ProviderRow(**row) for row in rows]


async def get_provider(tx: Tx, name: str) -> ProviderRow:
    """One provider; raises NotFound."""
    row = (await tx.execute(sa.select(providers).where(providers.c.name == name))).mappings().one_or_none()
    if row is None:
        raise NotFound(f"No provider {name!r}.")
    return ProviderRow(**row)


async def insert_provider(tx: Tx, row: ProviderRow) -> None:
    """Add a provider; raises Conflict when the name is taken."""
    await _insert(tx, providers, msgspec.structs.asdict(row), f"There is a provider {row.name!r} already.")


async def update_provider(tx: Tx, row: ProviderRow) -> None:
    """Replace everything of a provider but its name and time of making; raises NotFound."""
    await _update(tx, providers, msgspec.structs.asdict(row), f"No provider {row.name!r}.")


async def delete_provider(tx: Tx, name: str) -> None:
    """Remove a provider; raises NotFound."""
    await _delete(tx, providers, name, f"No provider {name!r}.")


async def list_aliases(tx: Tx) -> list[AliasRow]:
    """All aliases by name."""
    rows = (await tx.execute(sa.select(model_aliases).order_by(model_aliases.c.name))).mappings()
    return [AliasRow(**row) for row in rows]


async def get_alias(tx: Tx, name: str) -> AliasRow:
    """One alias; raises NotFound."""
    row = (
        (await tx.execute(sa.select(model_aliases).where(model_aliases.c.name == name)))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(f"No alias {name!r}.")
    return AliasRow(**row)


async def insert_alias(tx: Tx, row: AliasRow) -> None:
    """Add an alias; raises Conflict when the name is taken."""
    await _insert(tx, model_aliases, msgspec.structs.asdict(row), f"There is an alias {row.name!r} already.")


async def update_alias(tx: Tx, row: AliasRow) -> None:
    """Replace everything of an alias but its name and time of making; raises NotFound."""
    await _update(tx, model_aliases, msgspec.structs.asdict(row), f"No alias {row.name!r}.")


async def delete_alias(tx: Tx, name: str) -> None:
    """Remove an alias; raises NotFound."""
    await _delete(tx, model_aliases, name, f"No alias {name!r}.")


async def list_footprints(tx: Tx) -> dict[str, int]:
    """Measured MiB by `provider/model`."""
    rows = await tx.execute(sa.select(model_footprints.c.target, model_footprints.c.footprint_mib))
    return {target: footprint_mib for target, footprint_mib in rows}


async def save_footprint(tx: Tx, target: str, footprint_mib: int, measured_at_s: float) -> None:
    """Remember one measurement, in place of an older one; no other process needs to reload for it."""
    values = {"footprint_mib": footprint_mib, "measured_at_s": measured_at_s}
    update = sa.update(model_footprints).where(model_footprints.c.target == target).values(**values)
    if (await tx.execute(update)).rowcount == 0:
        await tx.execute(sa.insert(model_footprints).values(target=target, **values))


async def delete_footprint(tx: Tx, target: str) -> None:
    """Forget the measurement of a model, if there is one."""
    await tx.execute(sa.delete(model_footprints).where(model_footprints.c.target == target))


async def _insert(tx: Tx, table: sa.Table, values: dict[str, Any], taken: str) -> None:
    try:
        await tx.execute(sa.insert(table).values(**values))
    except sa.exc.IntegrityError as error:
        if is_unique_violation(error):
            raise Conflict(taken, param="name") from None
        raise
    await bump(tx)


async def _update(tx: Tx, table: sa.Table, values: dict[str, Any], missing: str) -> None:
    changed = {name: value for name, value in values.items() if name not in ("name", "created_at_s")}
    result = await tx.execute(sa.update(table).where(table.c.name == values["name"]).values(**changed))
    if result.rowcount == 0:
        raise NotFound(missing)
    await bump(tx)


async def _delete(tx: Tx, table: sa.Table, name: str, missing: str) -> None:
    if (await tx.execute(sa.delete(table).where(table.c.name == name))).rowcount == 0:
        raise NotFound(missing)
    await bump(tx)
