"""What one caller may hand on to another. Pure.

Two rules and nothing else: headers narrow a caller, and a key is never wider than the one that makes or
changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

import msgspec

from roundhouse.core.errors import BadInput, NotAllowed
from roundhouse.core.types import ALL_SCOPES, Caller, Limits

_ID = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?", re.ASCII)
T = TypeVar("T")

_PERIODS = ("day", "month", "total")


class Grant(msgspec.Struct, frozen=True):
    """What a key is allowed, apart from its name.

    Attributes:
        site_id: Tenant.
        user_id: User it stands for, None = any.
        app_id: App it stands for, None = any.
        scopes: Subset of `ALL_SCOPES`.
        models: Glob patterns, empty = all.
        routes: Glob patterns, empty = all.
        limits: Rate limits and budgets.
        expires_at_s: Unix time of its end, None = never.
    """

    site_id: str
    user_id: str | None
    app_id: str | None
    scopes: frozenset[str]
    models: tuple[str, ...]
    routes: tuple[str, ...]
    limits: Limits
    expires_at_s: float | None


def tenant_id(value: str | None, name: str) -> str | None:
    """An id of the outer system: 1 to 200 printable ASCII characters; empty counts as none.

    Raises:
        BadInput: It is anything else.
    """
    if not value:
        return None
    if not _ID.fullmatch(value):
        raise BadInput(f"{name} must be 1 to 200 printable ASCII characters.", param=name)
    return value


def parse_scopes(text: str) -> frozenset[str]:
    """Scopes out of a header or claim, separated by blanks or commas."""
    return frozenset(re.split(r"[\s,]+", text.strip())) - {""}


def narrow(caller: Caller, headers: Mapping[str, str]) -> Caller:
    """Apply the tenant headers of a request to a caller that already proved who it is.

    Args:
        caller: By its credential.
        headers: Names in lower case: `x-site-id`, `x-user-id`, `x-app-id`, `x-scopes`.

    Raises:
        NotAllowed: They name another tenant, user or app than the credential does.
        BadInput: An id is malformed.
    """
    site_id = tenant_id(headers.get("x-site-id"), "X-Site-Id") or caller.site_id
    if site_id != caller.site_id and "admin" not in caller.scopes:
        raise NotAllowed("X-Site-Id names another tenant than the credential.")
    user_id = _fixed(caller.user_id, headers.get("x-user-id"), "X-User-Id")
    app_id = _fixed(caller.app_id, headers.get("x-app-id"), "X-App-Id")
    wanted = parse_scopes(headers.get("x-scopes", ""))
    scopes = frozenset(filter(caller.may, wanted & frozenset(ALL_SCOPES))) if wanted else caller.scopes
    return msgspec.structs.replace(caller, site_id=site_id, user_id=user_id, app_id=app_id, scopes=scopes)


def _fixed(own: str | None, given: str | None, name: str) -> str | None:
    value = tenant_id(given, name)
    if own is not None and value is not None and value != own:
        raise NotAllowed(f"{name} names another than the credential does.")
    return own or value


def inherit(maker: Caller, wanted: Grant) -> Grant:
    """Fill in what was left open with the maker's own bounds."""
    own = maker.limits
    limits = Limits(
        requests_per_minute=_or(wanted.limits.requests_per_minute, own.requests_per_minute),
        tokens_per_minute=_or(wanted.limits.tokens_per_minute, own.tokens_per_minute),
        concurrent_requests=_or(wanted.limits.concurrent_requests, own.concurrent_requests),
        budget_usd=_or(wanted.limits.budget_usd, own.budget_usd),
        budget_tokens=_or(wanted.limits.budget_tokens, own.budget_tokens),
        budget_period=wanted.limits.budget_period,
    )
    return msgspec.structs.replace(
        wanted,
        user_id=wanted.user_id or maker.user_id,
        app_id=wanted.app_id or maker.app_id,
        models=wanted.models or maker.models,
        routes=wanted.routes or maker.routes,
        limits=limits,
        expires_at_s=_or(wanted.expires_at_s, maker.expires_at_s),
    )


def _or(value: T | None, other: T | None) -> T | None:
    return value if value is not None else other


def check_covered(maker: Caller, grant: Grant) -> None:
    """Make sure that a grant gives nothing the maker itself lacks.

    Raises:
        NotAllowed: It does; the detail names the field.
    """
    admin = "admin" in maker.scopes
    missing = sorted(scope for scope in grant.scopes if not maker.may(scope))
    if missing:
        raise _wider("scopes", f"you lack {', '.join(missing)}")
    if grant.site_id != maker.site_id and not admin:
        raise _wider("site_id", "it is another tenant")
    for name in ("user_id", "app_id"):
        own = getattr(maker, name)
        if own is not None and getattr(grant, name) != own:
            raise _wider(name, "yours stands for one only")
    if not globs_within(grant.models, maker.models):
        raise _wider("models", "yours may use fewer models")
    if not globs_within(grant.routes, maker.routes):
        raise _wider("routes", "yours may call fewer routes")
    _check_limits(maker.limits, grant.limits)
    if maker.expires_at_s is not None and (
        grant.expires_at_s is None or grant.expires_at_s > maker.expires_at_s
    ):
        raise _wider("expires_at", "yours ends earlier")


def _check_limits(own: Limits, given: Limits) -> None:
    numbers = (
        "requests_per_minute",
        "tokens_per_minute",
        "concurrent_requests",
        "budget_usd",
        "budget_tokens",
    )
    for name in numbers:
        bound, value = getattr(own, name), getattr(given, name)
        if bound is not None and (value is None or value > bound):
            raise _wider(name, f"yours is {bound}")
    bounded = own.budget_usd is not None or own.budget_tokens is not None
    # The same amount in a longer period is less, in a shorter one it is more.
    if bounded and _PERIODS.index(given.budget_period) < _PERIODS.index(own.budget_period):
        raise _wider("budget_period", f"yours is {own.budget_period}")


def _wider(name: str, reason: str) -> NotAllowed:
    return NotAllowed(
        f"A key cannot be wider than the one that makes or changes it: {name}; {reason}.", param=name
    )


def globs_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether all that `inner` matches is surely matched by `outer`; an empty list matches all."""
    if not outer:
        return True
    return bool(inner) and all(_within(pattern, outer) for pattern in inner)


def _within(pattern: str, outer: Iterable[str]) -> bool:
    for bound in outer:
        if pattern == bound:
            return True
        # Reading `pattern` as plain text is sound while `bound` has no wildcard but `*`: then each wildcard
        # character of `pattern` can only have been swallowed by a `*`, which swallows all it stands for as
        # well.
        plain = not any(sign in pattern for sign in "*?[")
        if (plain or not any(sign in bound for sign in "?[")) and fnmatchcase(pattern, bound):
            return True
    return False
