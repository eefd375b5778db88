"""Transports as a seam: how a call of a capability reaches whoever does it (this process, an HTTP module, MCP).

A transport tries once: retries, time limits of a whole flow and what comes next are the affair of who calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from roundhouse.core.ports import Clock, Endpoint, Files, Vendor
from roundhouse.core.types import Caller


class Exchange(msgspec.Struct):
    """What goes out and comes back, filled in as it happens: for the trace of a call that fails.

    Attributes:
        request: What was sent; without secrets.
        response: What came back besides the output, e.g. a status.
        begun: Whether the call was made: what is refused before costs nothing.
    """

    request: dict[str, Any] = {}
    response: dict[str, Any] = {}
    begun: bool = False


class CapabilityCall(msgspec.Struct, frozen=True):
    """One try of one capability.

    Attributes:
        capability: Its name, for traces and errors.
        endpoint: Where it is and how it is spoken to; the form is the transport's own, e.g. method, URL and places of
            parameters.
        secrets: Headers that the target wants and nobody may see: never in an answer, an error or a trace.
        input: JSON value, valid by the capability's input schema.
        caller: For whom it is done.
        idempotency_key: The same each time this try is repeated: `<task>:<step>:<n>`.
        timeout_s: Longest time of this try.
        trusted: Whether an operator gave the address, so that it may be a private one.
        exchange: Is told what goes out and comes back.
    """

    capability: str
    endpoint: Mapping[str, Any]
    input: Any
    caller: Caller
    idempotency_key: str
    timeout_s: float
    trusted: bool = False
    secrets: Mapping[str, str] = {}
    exchange: Exchange = msgspec.field(default_factory=Exchange)

    def __repr__(self) -> str:
        """Without its secrets and what it is about."""
        return f"CapabilityCall({self.capability!r}, {self.idempotency_key!r})"


class CapabilityReply(msgspec.Struct, frozen=True):
    """What came of a try that succeeded.

    Attributes:
        output: JSON value, not checked by the output schema yet.
        request: What was sent, for the trace; without secrets.
        response: What came back besides the output, e.g. a status, for the trace; without secrets.
    """

    output: Any
    request: dict[str, Any] = {}
    response: dict[str, Any] = {}


class ModuleHttp(Protocol):
    """Outgoing HTTP to modules: whoever registered the address, link-local and metadata addresses are never dialled."""

    def endpoint(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool = False,
        local_only: bool = False,
    ) -> Endpoint:
        """Prepare an address; its name is resolved, judged and pinned at each connection, redirects are not followed.

        Args:
            method: HTTP method.
            url: Where.
            headers: What is sent at every call.
            trusted: Whether an operator gave it, so that it may be private; others must be public or in
                `outbound.allow_networks`.
            local_only: Whether it must be inside: an address of this machine or of a private network.

        Raises:
            BadInput: The URL is not http(s), or a header holds a line break.
            AddressRefused: The host is an address that may not be dialled.
            NotLocal: It is outside.
        """
        ...

    async def check_inside(self, url: str, *, trusted: bool) -> None:
        """Look an address up without dialling it.

        Raises:
            NotLocal: It is outside.
            AddressRefused: It may not be dialled.
            BackendDown: Its name is not known.
        """
        ...


Verb = Callable[[Caller, Any], Awaitable[Any]]
"""Something that this process does itself: for whom, and its input; gives its output. Both are JSON values."""


class Program(msgspec.Struct, frozen=True):
    """A program of this machine that speaks by its standard input and output; written down by the operator alone.

    Attributes:
        command: Program and arguments.
        env: Variables besides the few that every program needs.
        cwd: Folder it runs in; empty = this process's own.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str = ""

    def __repr__(self) -> str:
        """Without its variables."""
        return f"Program({self.command[0]!r})"


class OfferedTool(msgspec.Struct, frozen=True):
    """A tool as its server tells it.

    Attributes:
        name: Its name there.
        title: One line.
        description: What it says it does.
        input_schema: Of its arguments.
        output_schema: Of its structured answer; None = it promises nothing.
        is_idempotent: What it says of itself, as a hint.
        digest: SHA-256 in hex of what a model, and who approves it, goes by: name, description and schemas.
    """

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    is_idempotent: bool
    digest: str


class ToolSource(Protocol):
    """A transport whose servers tell what they can do."""

    async def tools(
        self, endpoint: Mapping[str, Any], *, secrets: Mapping[str, str], trusted: bool, timeout_s: float
    ) -> list[OfferedTool]:
        """All tools of a server, by name.

        Args:
            endpoint: Of the server, as of a capability of it.
            secrets: Headers that it wants.
            trusted: See `CapabilityCall`.
            timeout_s: Longest time of all of it.

        Raises:
            BadInput, AddressRefused, TargetRefused, BackendFailed: See `Transport`; BackendBadAnswer for a list that is
                too long.
        """
        ...


class TransportContext(msgspec.Struct, frozen=True):
    """What a transport gets: the only ways out of its file.

    Attributes:
        http: To modules.
        files: Files that inputs name and outputs leave.
        verbs: What this process does itself, by name.
        clock: Time.
        programs: Programs that may be started, by the names that the operator gave them.
    """

    http: ModuleHttp
    files: Files
    verbs: Mapping[str, Verb]
    clock: Clock
    programs: Mapping[str, Program] = {}


class Transport(Vendor, Protocol):
    """A way to whoever does it. `__init__(context: TransportContext)`."""

    def check(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Refuse at its registration what no call could use; dials nothing.

        Raises:
            BadInput: A field of it is missing, unknown or out of range; `param` is `endpoint.<field>`.
            AddressRefused: Its address is one that may not be dialled.
        """
        ...

    async def check_inside(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Refuse what is outside, as far as that is known without asking it; dials nothing.

        Raises:
            NotLocal: It is outside.
            AddressRefused, BackendDown: Where it is cannot be told.
        """
        ...

    async def call(self, call: CapabilityCall) -> CapabilityReply:
        """Do it once; for a caller that is `local_only` nothing leaves the house.

        Raises:
            NotLocal: It would.
            BadInput, BackendRefused: The input is refused (4xx): another try, or another target, cannot help.
            TargetRefused: A NotAllowed: this target cannot be used as it is registered.
            NotAllowed, NotFound: What this process does itself is not for this caller, or misses a thing it names.
            BackendBusy: It has no room; `retry_after_s` is its own.
            BackendDown, BackendFailed: It cannot be reached, or failed.
            BackendTimeout: It took longer than `timeout_s`.
            BackendBadAnswer: Its answer is not what its protocol says.
            AddressRefused: Its address is not one that may be dialled.
        """
        ...
