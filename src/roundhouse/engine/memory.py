"""What the memory ledger and its shell tell each other: events in, actions out, and what an operator sees.

All are plain structs with tags, so that they can travel over a socket as they are. Times are seconds of one
monotonic clock, sizes are MiB, `target` is `provider/model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from roundhouse.core.errors import BackendFailed, RoundhouseError, tree

UNLIMITED_MIB = 1 << 40
"""Budget of a device whose size nobody knows, e.g. the card of a server on another machine."""

State = Literal["absent", "loading", "loaded", "unloading"]


class Refusal(msgspec.Struct, frozen=True):
    """An error of the tree in a form that travels.

    Attributes:
        code: Code of its class.
        detail: Text for the caller.
        retry_after_s: When to come back, where known.
        status: Status of the model server, where it was kept.
    """

    code: str
    detail: str
    retry_after_s: float | None = None
    status: int | None = None

    @classmethod
    def of(cls, error: RoundhouseError) -> Refusal:
        """The travelling form of `error`."""
        status = error.status if isinstance(error, BackendFailed) else None
        return cls(error.code, error.detail, error.retry_after_s, status)

    def error(self) -> RoundhouseError:
        """A fresh error of the same class; of an unknown code the root."""
        kind = next((one for one in tree() if one.code == self.code), RoundhouseError)
        if issubclass(kind, BackendFailed):
            return kind(self.detail, retry_after_s=self.retry_after_s, status=self.status)
        return kind(self.detail, retry_after_s=self.retry_after_s)


class Event(msgspec.Struct, frozen=True, tag=True):
    """Something that happened outside the ledger."""


class AddDevice(Event, frozen=True):
    """A memory to keep books of.

    Attributes:
        device: `cuda:0`, `cpu`, `server:<provider>` …
        budget_mib: Most that models may fill.
        ceiling_mib: Most that models and everything else together may fill.
        alone_mib: Most that a single model may hold if that was measured and it has the device for itself: a
            server that takes its share of a card whatever the model is (vLLM) takes more than the budget; 0 = not
            more than the budget.
    """

    device: str
    budget_mib: int
    ceiling_mib: int
    alone_mib: int = 0


class Request(Event, frozen=True):
    """Somebody wants to use a model.

    Attributes:
        ticket: Unique; names the place in the queue, later the lease.
        target: The model.
        device: Where it will be loaded.
        estimate_mib: Its footprint, as long as it was never measured.
        exclusive: The model must be alone on its device while the lease lasts (pinned ones may stay, unused).
        keep_alive_s: How long it stays afterwards; None = the ledger's default.
        waited_s: How long it waited under a former ledger.
        held: A former ledger granted it: the model is in use, whatever this ledger knows. No answer.
    """

    ticket: str
    target: str
    device: str
    estimate_mib: int
    exclusive: bool = False
    keep_alive_s: float | None = None
    waited_s: float = 0.0
    held: bool = False


class Release(Event, frozen=True):
    """The holder or the waiter of a ticket is gone; unknown tickets are ignored."""

    ticket: str


class Loaded(Event, frozen=True):
    """A load succeeded. `footprint_mib` None = not measured; `device` None = where it was meant to be."""

    target: str
    footprint_mib: int | None = None
    device: str | None = None


class LoadFailed(Event, frozen=True):
    """A load failed; the model holds nothing."""

    target: str
    refusal: Refusal


class Unloaded(Event, frozen=True):
    """A model is out; `residual_mib` of its memory did not come back."""

    target: str
    residual_mib: int = 0


class UnloadFailed(Event, frozen=True):
    """A model is still in memory although it was told to leave."""

    target: str
    refusal: Refusal


class Held(msgspec.Struct, frozen=True):
    """A model that a server holds, as it tells. `footprint_mib` 0 = not told; `expires_at_s` monotonic."""

    target: str
    device: str
    footprint_mib: int = 0
    expires_at_s: float | None = None


class Observed(Event, frozen=True):
    """Everything a provider held at `since_s`; not `alive` = its process is gone and so is its memory."""

    provider: str
    models: tuple[Held, ...]
    since_s: float
    alive: bool = True


class Used(Event, frozen=True):
    """Memory of a device in use at `since_s`, by anybody."""

    device: str
    used_mib: int
    since_s: float


class Drop(Event, frozen=True):
    """An operator wants a model out; answered by Done or Fail of the ticket. Lifts a pin."""

    ticket: str
    target: str


class Pin(Event, frozen=True):
    """Keep a model in memory whatever comes, or no longer."""

    target: str
    pinned: bool


class Remember(Event, frozen=True):
    """Footprints measured in earlier lives, MiB by target."""

    footprints: Mapping[str, int]


class Forget(Event, frozen=True):
    """A provider is gone from the configuration: its waiters fail, its models are no residents any more."""

    provider: str


class Settling(Event, frozen=True):
    """This ledger comes after another one: until Settled nothing is granted, loaded or sent away."""


class Inherit(Event, frozen=True):
    """What a former ledger was last known to have: its models count until a look at their servers corrects it.

    A load that was under way is begun again, so that its memory stays reserved until it has ended.
    """

    residents: tuple[Resident, ...]


class Settled(Event, frozen=True):
    """Everybody has told what he holds."""


class Tick(Event, frozen=True):
    """Time has passed."""


class Action(msgspec.Struct, frozen=True, tag=True):
    """Something the shell must do."""


class Load(Action, frozen=True):
    """Bring a model into memory; answer with Loaded or LoadFailed."""

    target: str
    device: str


class Unload(Action, frozen=True):
    """Take a model out; answer with Unloaded or UnloadFailed. `footprint_mib` 0 = never measured."""

    target: str
    device: str
    footprint_mib: int = 0


class Grant(Action, frozen=True):
    """The ticket is a lease now."""

    ticket: str


class Fail(Action, frozen=True):
    """The ticket ends with an error."""

    ticket: str
    refusal: Refusal


class Done(Action, frozen=True):
    """The Drop of this ticket is carried out."""

    ticket: str


class Learned(Action, frozen=True):
    """A footprint was measured that differs from what was known; to be remembered."""

    target: str
    footprint_mib: int


class Warn(Action, frozen=True):
    """An operator should read this."""

    target: str
    text: str


class Waiting(msgspec.Struct, frozen=True):
    """A place in a queue.

    Attributes:
        position: 1 = next.
        expected_wait_s: From measured load times and lease durations; a guess while none are measured.
    """

    position: int
    expected_wait_s: float


class Resident(msgspec.Struct, frozen=True):
    """One model as `GET /v1/models/status` shows it.

    Attributes:
        target: The model.
        state: Where it is in its life.
        device: Where it is or would be.
        footprint_mib: Memory it holds or would hold.
        measured: Whether that was measured; else it is an estimate.
        leases: Requests that use it now.
        pinned: Whether it stays in any case.
        last_used_at: When it was last leased or given back, None = never.
        expires_at: When it leaves if nobody uses it, None = not by itself.
        queue_length: Requests that wait for it.
    """

    target: str
    state: State
    device: str
    footprint_mib: int
    measured: bool
    leases: int
    pinned: bool
    last_used_at: float | None
    expires_at: float | None
    queue_length: int


class DeviceUse(msgspec.Struct, frozen=True):
    """One memory as `GET /v1/models/status` shows it.

    Attributes:
        device: `cuda:0`, `cpu`, `server:<provider>` …
        budget_mib: Most that models may fill; None = nobody knows its size.
        used_mib: What residents hold or have reserved.
        unmanaged_mib: What others hold (other programs, memory that did not come back).
        queue_length: Requests that wait for room.
        queue: Which model each of the first of them wants, in order.
    """

    device: str
    budget_mib: int | None
    used_mib: int
    unmanaged_mib: int
    queue_length: int
    queue: tuple[str, ...] = ()
