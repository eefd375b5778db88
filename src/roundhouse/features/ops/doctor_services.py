"""What `doctor` looks at beyond this process: the database, Redis, model servers."""

from __future__ import annotations

import asyncio
import time

import sqlalchemy as sa

from roundhouse.core.errors import MissingExtra, RoundhouseError
from roundhouse.core.ports import BackendContext
from roundhouse.core.settings import ProviderSettings, Settings
from roundhouse.core.types import Provider, Timeouts
from roundhouse.engine.catalog import open_backends
from roundhouse.engine.discovery import discover
from roundhouse.features.ops.schemas import CheckRead
from roundhouse.infra.audit import audit_log
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database, Tx, parse_url, sqlite_path
from roundhouse.infra.egress.guard import GuardedFetcher
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.hosting.hosts import Hosts
from roundhouse.infra.migrate import head

CLOCK_TOLERANCE_S = 30.0
PATIENCE_S = 5.0


async def database(settings: Settings) -> list[CheckRead]:
    """Whether it answers, has our schema, and agrees about the time."""
    try:
        path = sqlite_path(parse_url(settings.db_url))
        if path is not None and not path.exists():
            return [_ok("database", f"{path} is made at the first start.")]
        opened = Database(settings.db, settings.db_url)
        try:
            await opened.ping()
            async with opened.read() as tx:
                return [_schema(await _revision(tx)), _clock(await _database_time_s(tx), path is not None)]
        finally:
            await opened.close()
    except MissingExtra as error:
        fix = "pip install 'roundhouse[postgres]'"
        return [CheckRead(name="database", state="fail", detail=error.detail, fix=fix)]
    except RoundhouseError as error:
        fix = "Start the database, and compare db.url (ROUNDHOUSE_DB__URL) with its address, name and user."
        return [CheckRead(name="database", state="fail", detail=error.detail, fix=fix)]


async def _revision(tx: Tx) -> str | None:
    tables = await tx.run_sync(lambda connection: sa.inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        return None
    row = (await tx.execute(sa.text("SELECT version_num FROM alembic_version"))).first()
    return None if row is None else str(row[0])


def _schema(revision: str | None) -> CheckRead:
    if revision is None:
        return _ok("database", "Answers; empty, its tables are made at the first start.")
    if revision < head():
        return _ok("database", f"Answers; schema {revision} is brought to {head()} at the next start.")
    if revision > head():
        detail = f"Its schema is {revision}; this version of Roundhouse knows {head()}."
        fix = "Install the newer version of Roundhouse again, or restore a backup."
        return CheckRead(name="database", state="fail", detail=detail, fix=fix)
    return _ok("database", f"Answers; schema {revision}.")


async def _database_time_s(tx: Tx) -> float | None:
    """PostgreSQL's clock; for SQLite the latest change it knows of, None when there is none."""
    if tx.dialect.name == "postgresql":
        return float((await tx.execute(sa.select(sa.func.extract("epoch", sa.func.now())))).scalar_one())
    tables = await tx.run_sync(lambda connection: sa.inspect(connection).get_table_names())
    if audit_log.name not in tables:
        return None
    newest = (await tx.execute(sa.select(sa.func.max(audit_log.c.at_s)))).scalar_one()
    return None if newest is None else float(newest)


def _clock(database_s: float | None, is_sqlite: bool) -> CheckRead:
    """Keys expire and signatures are judged by the clock: it must be right."""
    if database_s is None:
        return _ok("clock", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    ahead_s = database_s - time.time()
    if ahead_s > CLOCK_TOLERANCE_S or (not is_sqlite and ahead_s < -CLOCK_TOLERANCE_S):
        other = "the latest change in the database" if is_sqlite else "the database's clock"
        way = "behind" if ahead_s > 0 else "ahead of"
        detail = f"This machine's clock is {abs(ahead_s):.0f} s {way} {other}."
        fix = "Turn on time synchronisation: timedatectl set-ntp true"
        return CheckRead(name="clock", state="fail", detail=detail, fix=fix)
    return _ok("clock", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


async def redis(settings: Settings) -> list[CheckRead]:
    """Whether Redis answers, if it is configured."""
    if not settings.cache.url:
        return [_ok("cache", "In this process; cache.url (REDIS_URL) would share it between processes.")]
    try:
        from redis.asyncio import Redis
        from redis.exceptions import RedisError
    except ModuleNotFoundError:
        fix = "pip install 'roundhouse[redis]'"
        return [CheckRead(name="cache", state="fail", detail="Redis needs its library.", fix=fix)]
    fix = "Start Redis, or correct cache.url (ROUNDHOUSE_CACHE__URL, REDIS_URL)."
    try:
        client = Redis.from_url(
            settings.cache.url, socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S
        )
    except ValueError:
        detail = "cache.url must begin with redis://, rediss:// or unix://."
        return [CheckRead(name="cache", state="fail", detail=detail, fix=fix)]
    try:
        info = await client.info("server")
    except (RedisError, OSError) as error:
        return [CheckRead(name="cache", state="fail", detail=f"Redis does not answer: {error}", fix=fix)]
    finally:
        await client.aclose()
    return [_ok("cache", f"Redis {info['redis_version']} answers.")]


async def model_servers(settings: Settings) -> list[CheckRead]:
    """Whether the providers of the settings file answer, and which servers run on this machine."""
    http = LeanClient(settings.outbound)
    context = BackendContext(
        http,
        GuardedFetcher(settings.outbound),
        settings.data_dir,
        SystemClock(),
        Hosts(settings.data_dir / "hosts"),
    )
    try:
        checks = await asyncio.gather(*(_provider(one, context) for one in settings.providers))
        found = await discover(http, settings.engine.discover_urls) if settings.engine.discover else []
    finally:
        await http.close()
    if found:
        names = ", ".join(f"{provider.name} at {provider.url}" for provider in found)
        return [*checks, _ok("local model servers", names)]
    detail = "None found; the built-in models answer, and they are small."
    fix = "Start Ollama, vLLM or llama.cpp here, or add a provider: roundhouse providers add --help"
    state = "warn" if settings.engine.discover and not settings.providers else "ok"
    return [
        *checks,
        CheckRead(
            name="local model servers", state=state, detail=detail, fix=fix if state == "warn" else None
        ),
    ]


async def _provider(settings: ProviderSettings, context: BackendContext) -> CheckRead:
    name = f"provider {settings.name}"
    provider = Provider(
        name=settings.name,
        kind=settings.kind,
        url=settings.url,
        key=settings.key.get_secret_value() if settings.key else None,
        headers=settings.headers,
        models=tuple(settings.models),
        options=settings.options,
        timeouts=Timeouts(PATIENCE_S, PATIENCE_S, PATIENCE_S, PATIENCE_S),
    )
    try:
        backends = open_backends(provider, context)
        try:
            models = await backends.control.models() if backends.control is not None else []
        finally:
            await backends.close()
    except RoundhouseError as error:
        fix = f"Compare url and key of {settings.name} in the settings file with the server's own."
        return CheckRead(name=name, state="fail", detail=error.detail, fix=fix)
    return _ok(name, f"Answers with {len(models)} models.")


def _ok(name: str, detail: str) -> CheckRead:
    return CheckRead(name=name, state="ok", detail=detail, fix=None)
