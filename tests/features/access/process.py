"""What one process has of the access room, for tests."""

from dataclasses import dataclass

from roundhouse.core.settings import AccessSettings, DbSettings
from roundhouse.core.types import Caller, UsageRecord
from roundhouse.features.access.authenticator import KeyAuthenticator
from roundhouse.features.access.credentials import KeyHasher
from roundhouse.features.access.limits import LimitGatekeeper
from roundhouse.features.access.plans.service import PlanService
from roundhouse.features.access.reports import ReportService
from roundhouse.features.access.schemas import KeyCreate, KeyCreated
from roundhouse.features.access.service import KeyService
from roundhouse.features.access.usage import UsageWriter
from roundhouse.infra.db import Database
from roundhouse.infra.rate_limit import MemoryRateLimiter
from roundhouse.infra.revision import RevisionWatcher

ADMIN = Caller("key_root", scopes=frozenset({"admin"}))


@dataclass
class Process:
    """What one process has of the access room."""

    db: Database
    watcher: RevisionWatcher
    keys: KeyService
    authenticator: KeyAuthenticator
    usage: UsageWriter
    gatekeeper: LimitGatekeeper
    plans: PlanService
    reports: ReportService

    async def key(self, maker: Caller = ADMIN, **wanted: object) -> KeyCreated:
        return await self.keys.create(maker, KeyCreate.model_validate({"name": "test", **wanted}))

    async def caller(self, key: str, **headers: str) -> Caller:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.authenticator.authenticate(
            "GET", "/v1/models", {"authorization": f"Bearer {key}", **named}
        )


def make_process(url: str, clock, **settings: object) -> Process:
    db = Database(DbSettings(), url)
    access = AccessSettings.model_validate(settings)
    hasher = KeyHasher(b"the same pepper everywhere")
    watcher = RevisionWatcher(db, access.revocation_poll_s, clock)
    usage = UsageWriter(db, access, clock)
    gatekeeper = LimitGatekeeper(db, MemoryRateLimiter(clock), usage, clock)
    plans = PlanService(db, clock)
    return Process(
        db,
        watcher,
        KeyService(db, hasher, clock, watcher),
        KeyAuthenticator(db, hasher, access, watcher, clock),
        usage,
        gatekeeper,
        plans,
        ReportService(db, gatekeeper, plans, clock),
    )


def usage_record(**changed: object) -> UsageRecord:
    values: dict[str, object] = {
        "request_id": "req_1",
        "at_s": 1_800_000_000.0,
        "key_id": "key_a",
        "site_id": "default",
        "user_id": None,
        "app_id": None,
        "operation": "chat",
        "requested_model": "gpt-4o",
        "target": "desk/llama",
        "reason": "alias",
        "attempts": 1,
        "cache": "off",
        "status": 200,
        "error_code": None,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost_usd": 0.25,
        "first_byte_ms": 3,
        "duration_ms": 7,
        "stream": False,
    }
    return UsageRecord(**{**values, **changed})
