"""What is remembered of imports."""

from __future__ import annotations

from typing import Literal

import msgspec

from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.model import Origin

DriftReason = Literal["changed", "gone", "blocked_address"]
"""Why a capability is drifted: its source says something else, nothing of it, or may not be called any more."""


class Source(msgspec.Struct, frozen=True):
    """Where capabilities of a tenant came from.

    Attributes:
        id: `src_…`.
        site_id: Tenant.
        origin: Kind of source.
        ref: The `origin_ref` of its capabilities.
        url: Of the document; empty = it came by itself and cannot be looked at again.
        base_url: As it was asked for.
        prefix: As it was asked for.
        include: As it was asked for.
        trusted: Whether an admin gave the URL, so that it may be a private one.
        title: As it calls itself.
        source_version: Its version, as it tells it.
        checked_at_s: When it was last looked at.
        error_code: Why it could not be looked at; None = it could.
        created_at_s: Unix time.
        updated_at_s: Unix time.
    """

    id: str
    site_id: str
    origin: Origin
    ref: str
    url: str = ""
    base_url: str = ""
    prefix: str = ""
    include: tuple[str, ...] = ()
    trusted: bool = False
    title: str = ""
    source_version: str = ""
    checked_at_s: float = 0.0
    error_code: str | None = None
    created_at_s: float = 0.0
    updated_at_s: float = 0.0


class Drift(msgspec.Struct, frozen=True):
    """What a source says now of a capability, while the approved schemas stay in force.

    Attributes:
        name: Of the capability.
        proposed: What it would be; None = there is nothing to take over.
        reason: Why.
        found_at_s: Unix time.
    """

    name: str
    proposed: Proposed | None
    reason: DriftReason
    found_at_s: float
