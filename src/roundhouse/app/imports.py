"""What every process has of imports from descriptions of modules."""

from __future__ import annotations

from roundhouse.core.ports import Clock
from roundhouse.core.transports import ModuleHttp
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.importing.drifting import DriftService
from roundhouse.features.tasks.importing.fetching import Fetcher
from roundhouse.features.tasks.importing.gateway.checking import RegistrationChecks
from roundhouse.features.tasks.importing.jobs import DriftJobs
from roundhouse.features.tasks.importing.service import ImportService
from roundhouse.infra.db import Database


class ImportParts:
    """What every process has of imports.

    Args:
        db: The database.
        capabilities: Registers what is imported.
        http: The way out to modules.
        clock: Time.

    Attributes:
        fetcher: Fetches descriptions.
        imports: Takes over.
        modules: Looks at registered modules again.
        drift: Looks again.
        jobs: That it is done each night.
    """

    def __init__(self, db: Database, capabilities: CapabilityService, http: ModuleHttp, clock: Clock) -> None:
        self.fetcher = Fetcher(http)
        self.imports = ImportService(db, capabilities, self.fetcher, clock)
        self.modules = RegistrationChecks(db, capabilities, self.fetcher, clock)
        self.drift = DriftService(db, capabilities, self.modules, self.fetcher, clock)
        self.jobs = DriftJobs(self.drift)
