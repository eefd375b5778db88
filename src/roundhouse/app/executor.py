"""The process that runs jobs: the same parts as the API process, without its web server, keys and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from roundhouse import __version__
from roundhouse.app.delivering import deliverer
from roundhouse.app.parts import Parts, Unheard
from roundhouse.app.watching import folder_watches
from roundhouse.core.jobs import QueueName
from roundhouse.core.ports import DeviceProbe
from roundhouse.core.settings import Settings
from roundhouse.features.access.usage import UsageWriter
from roundhouse.infra.egress.resolving import Lookup, system_lookup
from roundhouse.infra.jobs.durable import DbosDurable
from roundhouse.infra.jobs.executor import Executor
from roundhouse.infra.jobs.membership import Membership
from roundhouse.infra.jobs.model import Durable
from roundhouse.infra.jobs.schedules import Schedules
from roundhouse.infra.probe import MachineProbe

_PATIENCE_S = 1.0
"""The API process has the hot path, so it is the one to keep the books of the machine's memory."""


class ExecutorProcess:
    """One executor: its parts and its life.

    Args:
        settings: All of them.
        queues: Queues it takes jobs from.
        probe: The machine's memories; a fake in tests.
        lookup: How names in users' URLs are looked up; a fake in tests.
        durable: Where finished steps are kept; None = DBOS, of which a Python process can have one.
    """

    def __init__(
        self,
        settings: Settings,
        queues: Sequence[QueueName],
        probe: DeviceProbe,
        lookup: Lookup,
        durable: Durable | None = None,
    ) -> None:
        parts = self.parts = Parts(settings, probe, lookup, Unheard(), patience_s=_PATIENCE_S)
        self.membership = Membership(
            parts.db,
            settings.jobs,
            settings.data_dir,
            parts.clock,
            queues=queues,
            pipelines=parts.pipelines.labels,
            version=__version__,
        )
        if durable is None:
            url, busy_s = settings.db_url, settings.db.busy_timeout_s
            durable = DbosDurable(url, self.membership.id, busy_timeout_s=busy_s)
        parts.clean_up.durable = durable
        self.watches = folder_watches(parts, self.membership.id)
        self.deliverer = deliverer(parts, lookup, self.membership.id)
        self.usage = parts.accounts.usage = UsageWriter(parts.db, settings.access, parts.clock)
        self.executor = Executor(
            parts.db,
            parts.tail,
            durable,
            self.membership,
            parts.pipelines,
            Schedules(parts.db, parts.jobs, parts.schedules, parts.clock),
            settings.jobs,
            settings.data_dir,
            parts.clock,
        )

    def hurry(self) -> None:
        """Cut the drain short: running jobs go back to their queues at once."""
        self.executor.hurry()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain: running jobs get their time, then go back to their queues.

        Raises:
            StorageUnavailable: The database does not answer at the start.
        """
        try:
            await self.parts.start()
            self.usage.start()
            for watch in self.watches:
                await watch.start()
            self.deliverer.start(stop)
            await self.executor.run(stop)
        finally:
            await self.deliverer.close()
            for watch in self.watches:
                await watch.close()
            await self.parts.stop()
            await self.usage.close()
            await self.parts.close()


def create_executor(
    settings: Settings,
    queues: Sequence[QueueName] | None = None,
    probe: DeviceProbe | None = None,
    lookup: Lookup = system_lookup,
    durable: Durable | None = None,
) -> ExecutorProcess:
    """Build an executor; its database must be at the newest revision (`infra.migrate.upgrade_blocking`).

    Args:
        settings: All of them.
        queues: Queues it takes jobs from; None = those of the settings.
        probe: The machine's memories; a fake in tests.
        lookup: How names in users' URLs are looked up; a fake in tests.
        durable: Where finished steps are kept; a fake in tests.

    Raises:
        BadInput: A setting is unusable.
        MissingExtra: A setting needs a part that is not installed.
    """
    wanted = settings.jobs.queues if queues is None else queues
    return ExecutorProcess(settings, wanted, probe if probe is not None else MachineProbe(), lookup, durable)
