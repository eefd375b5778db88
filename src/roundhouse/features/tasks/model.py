"""What the parts of this room have in common: a capability as it is registered, and how one is called."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from roundhouse.core.transports import CapabilityReply, Exchange
from roundhouse.core.types import Caller

Visibility = Literal["site", "public"]
Kept = Literal["full", "result", "none"]
Origin = Literal["manual", "builtin", "openapi", "register", "postman", "mcp"]
CapabilityState = Literal["active", "drifted"]


TASK_HEADER = "x-roundhouse-task"
"""Of answers: the id of the task that a run is."""


class Example(msgspec.Struct, frozen=True):
    """An input that can be tried, by name."""

    name: str
    input: Any
    summary: str = ""


class Capability(msgspec.Struct, frozen=True):
    """One version of something that can be done.

    Attributes:
        id: `cap_…`.
        site_id: Tenant that registered it; None = built in.
        name: `<module>.<verb>`, unique among the newest versions that a tenant sees.
        version: From 1; a change of its schemas or its endpoint makes the next one.
        title: One line.
        description: Markdown.
        tags: For filters.
        labels: What whoever does it must have, e.g. `{"gpu": true}`.
        input_schema: JSON Schema 2020-12.
        output_schema: JSON Schema 2020-12; None = anything.
        examples: Inputs to try.
        timeout_s: Time limit of one call, where none is asked for.
        idempotent: Whether a call that was cut off may be repeated.
        visibility: `site` = its tenant only, `public` = every tenant.
        expose_mcp: Whether it is an MCP tool as well.
        enabled: Whether it can be called.
        kept: What is kept of its tasks: everything, the result alone, or nothing but usage.
        cost_units: What one call counts for in quota plans, from 0.
        transport: Name of the transport, e.g. `http`.
        endpoint: The transport's own.
        trusted: See `core.transports.CapabilityCall`.
        origin: Where it comes from.
        origin_ref: Which of them: URL of the OpenAPI document, name of the registration, of the MCP server.
        digest: Of what it was imported from, as approved.
        state: `drifted` = what it was imported from says something else now; the approved schemas stay in force.
        created_at_s: Unix time.
        updated_at_s: Unix time.
    """

    id: str
    site_id: str | None
    name: str
    version: int
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    labels: dict[str, Any] = {}
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
    examples: tuple[Example, ...] = ()
    timeout_s: float = 60.0
    idempotent: bool = False
    visibility: Visibility = "site"
    expose_mcp: bool = True
    enabled: bool = True
    kept: Kept = "full"
    cost_units: float = 1.0
    transport: str = "http"
    endpoint: dict[str, Any] = {}
    trusted: bool = False
    origin: Origin = "manual"
    origin_ref: str = ""
    digest: str = ""
    state: CapabilityState = "active"
    created_at_s: float = 0.0
    updated_at_s: float = 0.0


class NewCapability(msgspec.Struct, frozen=True, kw_only=True):
    """What is registered: the fields of `Capability` that its registrar decides.

    Attributes:
        headers: Headers that the target wants; kept encrypted, never shown. None = as they are.
    """

    name: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    labels: dict[str, Any] = {}
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
    examples: tuple[Example, ...] = ()
    timeout_s: float = 60.0
    idempotent: bool = False
    visibility: Visibility = "site"
    expose_mcp: bool = True
    enabled: bool = True
    kept: Kept = "full"
    cost_units: float = 1.0
    transport: str = "http"
    endpoint: dict[str, Any] = {}
    headers: dict[str, str] | None = None
    origin: Origin = "manual"
    origin_ref: str = ""
    digest: str = ""

    def __repr__(self) -> str:
        """Without its headers."""
        return f"NewCapability({self.name!r})"


class Registry(Protocol):
    """Which capabilities there are. Given by `capabilities.service`."""

    @property
    def revision(self) -> int:
        """Rises in every process with every change of any capability."""
        ...

    async def find(self, caller: Caller, name: str, version: int | None = None) -> Capability:
        """An enabled capability that the caller's tenant sees, the newest version by default; raises NotFound."""
        ...

    async def visible(self, caller: Caller) -> list[Capability]:
        """The newest versions of all enabled capabilities that the caller's tenant sees, by name."""
        ...

    async def by_tool(self, caller: Caller, tool: str) -> Capability:
        """The enabled capability whose tool name (`capabilities.names.tool_name`) this is; raises NotFound."""
        ...


class Calling(Protocol):
    """Calls capabilities. Given by `capabilities.calling`."""

    def check_input(self, capability: Capability, given: Any) -> None:
        """Raise Unprocessable, with a JSON pointer as `param`, unless the input is valid."""
        ...

    async def check_inside(self, capability: Capability) -> None:
        """Refuse a capability that a caller that is `local_only` may not call, as far as that is known before.

        Raises:
            NotLocal: Whoever does it is outside.
            AddressRefused, BackendDown: Where that is cannot be told.
        """
        ...

    async def call(
        self,
        capability: Capability,
        given: Any,
        caller: Caller,
        *,
        idempotency_key: str,
        timeout_s: float | None = None,
        exchange: Exchange | None = None,
    ) -> CapabilityReply:
        """One try: checks the input, calls by its transport, checks the output.

        Args:
            capability: What, as the version says that is to be called.
            given: Its input, a JSON value.
            caller: For whom.
            idempotency_key: The same each time this try is repeated: `<task>:<step>:<n>`.
            timeout_s: Longest time; None = the capability's own.
            exchange: Is told what goes out and comes back, also where the call fails.

        Raises:
            Unprocessable, TooLarge: The input is not valid.
            NotLocal: The caller is `local_only`, and whoever does it is outside.
            OutputInvalid: A BackendBadAnswer: the output is not valid; it stands in the error's `raw`.
            RoundhouseError: See `core.transports.Transport.call`.
        """
        ...


class RunReply(msgspec.Struct, frozen=True):
    """What somebody gets who runs a capability and waits.

    Attributes:
        body: JSON value: the output, or what tells how it goes on.
        status: HTTP status.
        headers: Of the answer.
    """

    body: Any
    status: int = 200
    headers: dict[str, str] = {}


class Runner(Protocol):
    """Runs a capability for somebody who waits for its answer."""

    async def run(
        self,
        caller: Caller,
        capability: Capability,
        given: Any,
        *,
        idempotency_key: str | None,
        wait_s: float | None,
    ) -> RunReply:
        """Do it.

        Args:
            caller: For whom.
            capability: What.
            given: Its input.
            idempotency_key: As the client sent it; None = it sent none.
            wait_s: How long the client waits at most; None = until it is done.

        Raises:
            RoundhouseError: What `Calling.call` raises, RateLimited and BudgetExceeded.
        """
        ...
