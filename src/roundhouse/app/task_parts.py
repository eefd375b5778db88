"""What every process has of the task gateway: which capabilities there are, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roundhouse.app.imports import ImportParts
from roundhouse.app.mcp_parts import McpParts, programs
from roundhouse.core.jobs import Job, Pipeline
from roundhouse.core.ports import Clock
from roundhouse.core.quotas import Quotas
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.settings_lists import McpServerSettings
from roundhouse.core.transports import TransportContext, Verb
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.tasks.attempts.keeping import Keeping
from roundhouse.features.tasks.capabilities.builtin import own_capabilities
from roundhouse.features.tasks.capabilities.calling import CapabilityCalling
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.flows.execution import Desk
from roundhouse.features.tasks.flows.jobs import FlowJobs
from roundhouse.features.tasks.human.forms import SchemaForms
from roundhouse.features.tasks.running.counting import TaskCounting
from roundhouse.features.tasks.running.forgetting import forget
from roundhouse.features.tasks.running.jobs import TaskCalls
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.egress.modules import ModuleClient
from roundhouse.infra.egress.resolving import Lookup
from roundhouse.infra.revision import RevisionWatcher
from roundhouse.infra.vault import Vault

_DAY_S = 86_400.0


class TaskParts:
    """What every process has of the room.

    Args:
        db: The database.
        watcher: Tells when something was registered elsewhere.
        vault: Encrypts what targets want to be told.
        files: The house's files.
        verbs: What the product does itself.
        outbound: How the house is left.
        mcp_servers: Programs of this machine that are MCP servers.
        lookup: How names are looked up.
        clock: Time.
        keep_days: How long jobs are kept, and what is large in their traces.
        quotas: Plans that count tasks.

    Attributes:
        modules: Outgoing HTTP to modules.
        registry: Which capabilities there are.
        calling: Calls them.
        capabilities: Registers them.
        calls: Makes the calls of tasks.
        forms: Checks answers of people and inputs of flows.
        flows: Runs flows.
        pipelines: Kinds of jobs of this room.
        mcp: MCP servers whose tools are capabilities.
        imported: Takes them over from what describes them.
    """

    def __init__(
        self,
        db: Database,
        watcher: RevisionWatcher,
        vault: Vault,
        files: FileService,
        verbs: Mapping[str, Verb],
        outbound: OutboundSettings,
        mcp_servers: Sequence[McpServerSettings],
        lookup: Lookup,
        clock: Clock,
        keep_days: float,
        quotas: Quotas[Tx],
    ) -> None:
        self._watcher = watcher
        self.modules = ModuleClient(outbound, lookup)
        self.registry = CapabilityRegistry(db, own_capabilities())
        context = TransportContext(self.modules, files, verbs, clock, programs(mcp_servers))
        self.calling = CapabilityCalling(self.registry, vault, context)
        self.capabilities = CapabilityService(
            db, self.registry, self.calling, vault, clock, watcher.check_now
        )
        keeping = Keeping(files, keep_days * _DAY_S)
        counting = TaskCounting(quotas)
        self.calls = TaskCalls(db, self.registry, self.calling, keeping, clock, counting)
        self.forms = SchemaForms()
        desk = Desk(db, self.registry, self.calling, keeping, clock)
        self.flows = FlowJobs(desk, self.forms, self._flow_ended, counting)
        self.imported = ImportParts(db, self.capabilities, self.modules, clock)
        self.mcp = McpParts(db, self.registry, self.capabilities, context)
        self.pipelines: tuple[Pipeline, ...] = (
            self.calls.pipeline,
            self.flows.pipeline,
            self.imported.jobs.pipeline,
            self.mcp.jobs.pipeline,
        )

    async def _flow_ended(self, tx: Tx, job: Job | None) -> None:
        if job is not None and job.ended:
            await forget(tx, job.id, self.flows)

    async def start(self) -> None:
        """Read what is registered, and follow its changes.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        self._watcher.on_change(self.registry.refresh)
        await self.registry.refresh()

    async def close(self) -> None:
        """Close all connections."""
        await self.calling.close()
        await self.mcp.close()
        await self.modules.close()
