"""From the headers of a request to its caller, with a memory of credentials already seen.

Remembered under a keyed fingerprint of the credential, never under the credential itself. Everything is
forgotten when the configuration's revision moves; while the revision cannot be read (the database is away)
known keys go on for `access.offline_grace_s`, then nothing is taken from memory any more.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from roundhouse.core.errors import NotSignedIn
from roundhouse.core.ports import Clock
from roundhouse.core.settings import AccessSettings
from roundhouse.core.types import Caller, Limits
from roundhouse.features.access import store
from roundhouse.features.access.credentials import KeyHasher, fixed_key, key_id_of
from roundhouse.features.access.rights import narrow
from roundhouse.features.access.signatures import JwtVerifier, SignedHeaders
from roundhouse.infra.auth import read_cookie, read_credential
from roundhouse.infra.db import Database
from roundhouse.infra.revision import RevisionWatcher

_FOREVER_S = float("inf")
_REFUSED_S = 10.0
# With a grace of zero the time between two looks must still be bridged.
_POLL_SLACK_S = 1.0
_MAX_KNOWN = 10_000
_MAX_REFUSED = 4_096
_MAX_CREDENTIAL_CHARS = 8_192
_NOBODY = NotSignedIn(
    "Send a key as 'Authorization: Bearer <key>', 'X-API-Key: <key>' or 'api-key: <key>'; "
    "keys in the URL are not read."
)


class _Known(NamedTuple):
    caller: Caller
    until_s: float


class KeyAuthenticator:
    """Callers by key, JWT, signed headers or cookie (core.ports.Authenticator).

    Args:
        db: The database.
        hasher: Digests of keys.
        settings: Fixed key, JWT and signature secrets.
        watcher: Tells when a key changed anywhere.
        clock: Time.

    Raises:
        BadInput: A secret of the settings is unusable.
    """

    def __init__(
        self,
        db: Database,
        hasher: KeyHasher,
        settings: AccessSettings,
        watcher: RevisionWatcher,
        clock: Clock,
    ) -> None:
        self._db = db
        self._hasher = hasher
        self._watcher = watcher
        self._clock = clock
        self._grace_s = settings.offline_grace_s
        fixed = fixed_key(settings.secret_api_key.get_secret_value() if settings.secret_api_key else None)
        self._fixed_digest = hasher.digest(fixed) if fixed else None
        self._jwt = JwtVerifier(settings)
        self._signed = SignedHeaders(settings)
        self._salt = secrets.token_bytes(16)
        self._known: dict[bytes, _Known] = {}
        self._refused: dict[bytes, float] = {}
        self._generation = 0
        watcher.on_change(self._forget)

    def recall(self, authorization: bytes) -> Caller | None:
        """The caller of an `Authorization` value already seen and still good, without waiting.

        Do not use it when the request has any of `infra.auth.TENANT_HEADERS`: they narrow the caller.
        """
        if authorization[:7].lower() != b"bearer ":
            return None
        return self._remembered(self._fingerprint(authorization[7:].strip()))

    async def authenticate(self, method: str, path: str, headers: Mapping[str, str]) -> Caller:
        """The caller, from a key, a JWT, signed headers or the console's cookie.

        Args:
            method: HTTP method.
            path: Without query.
            headers: Names in lower case.

        Raises:
            NotSignedIn: No credential, or not a good one.
            NotAllowed: The tenant headers would widen, or the cookie comes from a page of another origin.
            BadInput: An id in a header is malformed.
            StorageUnavailable: The key is not known yet and the database is away.
        """
        credential = read_credential(headers)
        if credential is None and "x-signature" in headers:
            return self._signed.caller(method, path, headers, self._clock.now_s())
        if credential is None:
            credential = read_cookie(method, headers)
        if credential is not None:
            return narrow(await self._identify(credential), headers)
        raise NotSignedIn(_NOBODY.detail)

    async def _identify(self, credential: str) -> Caller:
        if len(credential) > _MAX_CREDENTIAL_CHARS:
            raise NotSignedIn("The credential is too long.")
        mark = self._fingerprint(credential.encode("utf-8", "replace"))
        caller = self._remembered(mark)
        if caller is not None:
            return caller
        now_s = self._clock.now_s()
        if self._refused.get(mark, 0.0) > now_s:
            raise NotSignedIn("The key is not known, has ended, or was revoked.")
        generation = self._generation
        try:
            caller = await self._look_up(credential)
        except NotSignedIn:
            self._put_refused(mark, now_s + _REFUSED_S)
            raise
        # A key revoked while it was looked up must not be remembered.
        if generation == self._generation:
            self._put_known(mark, caller)
        return caller

    async def _look_up(self, credential: str) -> Caller:
        if self._fixed_digest is not None and self._hasher.same(credential, self._fixed_digest):
            return Caller(key_id="environment", scopes=frozenset({"admin"}), counts_as="environment")
        key_id = key_id_of(credential)
        if key_id is not None:
            return await self._by_key(key_id, credential)
        if self._jwt.configured and credential.count(".") == 2:
            return self._jwt.caller(credential)
        raise NotSignedIn("The key is not known, has ended, or was revoked.")

    async def _by_key(self, key_id: str, text: str) -> Caller:
        async with self._db.read() as tx:
            row = await store.find_key(tx, key_id)
        # One message for all: which of them it was is nobody's business without the key.
        good = self._hasher.same(text, row.digest if row is not None else "")
        ends_s = row.expires_at_s if row is not None else None
        ended = ends_s is not None and ends_s <= self._clock.now_s()
        if row is None or not good or ended or row.revoked_at_s is not None:
            raise NotSignedIn("The key is not known, has ended, or was revoked.")
        return caller_of(row)

    def _remembered(self, mark: bytes) -> Caller | None:
        known = self._known.get(mark)
        if known is None or known.until_s <= self._clock.now_s():
            return None
        if self._clock.monotonic_s() - self._watcher.last_ok_monotonic_s > self._grace_s + _POLL_SLACK_S:
            return None
        return known.caller

    def _fingerprint(self, credential: bytes) -> bytes:
        return hashlib.sha256(self._salt + credential).digest()

    def _put_known(self, mark: bytes, caller: Caller) -> None:
        if len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[mark] = _Known(caller, _FOREVER_S if caller.expires_at_s is None else caller.expires_at_s)

    def _put_refused(self, mark: bytes, until_s: float) -> None:
        if len(self._refused) >= _MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[mark] = until_s

    async def _forget(self) -> None:
        self._generation += 1
        self._known.clear()
        self._refused.clear()


class OpenAuthenticator:
    """Everybody is let in as admin: `--open`, on loopback only (core.ports.Authenticator)."""

    def __init__(self) -> None:
        self._caller = Caller(key_id="open", scopes=frozenset({"admin"}), counts_as="open")

    def recall(self, authorization: bytes) -> Caller | None:
        """The same caller for any credential: clients that insist on a key may send one."""
        return self._caller

    async def authenticate(self, method: str, path: str, headers: Mapping[str, str]) -> Caller:
        """The open caller, in the tenant that the headers name.

        Raises:
            BadInput: An id in a header is malformed.
        """
        return narrow(self._caller, headers)


def caller_of(row: store.KeyRow) -> Caller:
    """What a key's row lets its holder do."""
    return Caller(
        key_id=row.id,
        site_id=row.site_id,
        user_id=row.user_id,
        app_id=row.app_id,
        scopes=frozenset(row.scopes),
        models=tuple(row.models),
        routes=tuple(row.routes),
        limits=msgspec.convert(row.limits, Limits),
        expires_at_s=row.expires_at_s,
        counts_as=row.root_id,
    )
