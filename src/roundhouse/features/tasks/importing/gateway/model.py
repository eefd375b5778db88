"""Registrations and the paths that they serve."""

from __future__ import annotations

from typing import Literal

import msgspec

Described = Literal["given", "openapi", "none"]
"""Where the schema of a route is from: the registration, the module's own document, or nowhere."""


class Registration(msgspec.Struct, frozen=True):
    """A module of the gateway.

    Attributes:
        id: `reg_…`.
        site_id: Tenant.
        name: Unique in it; first part of the names of its capabilities.
        base_url: Where it is.
        raw: Whether its answers come as they are, instead of in the envelope.
        created_at_s: Unix time.
        updated_at_s: Unix time.
    """

    id: str
    site_id: str
    name: str
    base_url: str
    raw: bool
    created_at_s: float
    updated_at_s: float


class GatewayRoute(msgspec.Struct, frozen=True):
    """A path of ours that leads to one of a module.

    Attributes:
        site_id: Tenant whose callers it is served to.
        method: HTTP method of both.
        gateway_path: Here; `{name}` is a parameter.
        registration_id: Whose it is.
        name: In its registration.
        upstream_path: There.
        summary: One line.
        capability: What is run.
        described: See `Described`.
        raw: As its registration says.
    """

    site_id: str
    method: str
    gateway_path: str
    registration_id: str
    name: str
    upstream_path: str
    summary: str
    capability: str
    described: Described
    raw: bool = False
