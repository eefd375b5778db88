"""Callers by the word of an outer system: JWTs and signed tenant headers. Pure, but for the time that is handed in.

Signed headers. The outer system shares `access.core_secret` with us and sends

    X-Timestamp: 1764000000          Unix seconds, within `access.signature_window_s` of our clock
    X-Site-Id: north                 required
    X-User-Id, X-App-Id, X-Scopes    optional
    X-Signature: <64 hex digits>

where the signature is HMAC-SHA256(secret, text) and the text is these seven lines joined by a line feed,
without one at the end; a header that is not sent is an empty line:

    POST                             method, upper case
    /v1/chat/completions             path, percent-decoded, without query; as sent or without a leading /api
    1764000000                       the headers' values exactly as sent
    north
    user-7
    app-2
    inference models:read

Body and query are not signed, and the same signature is good until its time is over: whoever can read the
line between the two systems can repeat a call. Use TLS or a private network between them.

Source:
    RFC 2104 (1997) HMAC; RFC 7519 (2015) JWT; RFC 8725 (2020) section 3.1: the algorithm is pinned by the
    verifier.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from roundhouse.core.errors import BadInput, NotAllowed, NotSignedIn
from roundhouse.core.settings import AccessSettings
from roundhouse.core.types import ALL_SCOPES, Caller
from roundhouse.features.access.rights import parse_scopes, tenant_id

_MIN_HS256_BYTES = 32
_MIN_CORE_BYTES = 16
_LEEWAY_S = 10
_SIGNED = ("x-timestamp", "x-site-id", "x-user-id", "x-app-id", "x-scopes")


def signed_text(method: str, path: str, headers: Mapping[str, str]) -> str:
    """The text that is signed (see the top of this file)."""
    return "\n".join([method.upper(), path, *(headers.get(name, "") for name in _SIGNED)])


def sign(secret: str, method: str, path: str, headers: Mapping[str, str]) -> str:
    """The value of `X-Signature`.

    Args:
        secret: Shared with the outer system.
        method: HTTP method.
        path: Without query.
        headers: Names in lower case.
    """
    return hmac.new(secret.encode(), signed_text(method, path, headers).encode(), hashlib.sha256).hexdigest()


class SignedHeaders:
    """Checks signed tenant headers.

    Args:
        settings: `core_secret`, `core_scopes`, `signature_window_s`.

    Raises:
        BadInput: The secret is too short, or a scope is unknown.
    """

    def __init__(self, settings: AccessSettings) -> None:
        self._secret = settings.core_secret.get_secret_value() if settings.core_secret else ""
        if self._secret and len(self._secret.encode()) < _MIN_CORE_BYTES:
            raise BadInput(
                f"access.core_secret needs {_MIN_CORE_BYTES} bytes at least.", param="access.core_secret"
            )
        self._most = outer_scopes(settings)
        self._window_s = settings.signature_window_s

    def caller(self, method: str, path: str, headers: Mapping[str, str], now_s: float) -> Caller:
        """The caller they name.

        Raises:
            NotSignedIn: Not configured, not in time, or not signed with our secret.
            NotAllowed: They ask for more than `access.core_scopes`.
            BadInput: An id is malformed.
        """
        if not self._secret:
            raise NotSignedIn("Signed headers are not accepted here: access.core_secret is not set.")
        stamp = headers.get("x-timestamp", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise NotSignedIn("X-Timestamp must be Unix seconds.")
        if not self._genuine(method, path, headers):
            raise NotSignedIn("X-Signature does not fit the request.")
        # Told only to holders of the secret: that the clocks differ.
        if abs(int(stamp) - now_s) > self._window_s:
            raise NotSignedIn(f"X-Timestamp is more than {self._window_s} s off.")
        site_id = tenant_id(headers.get("x-site-id"), "X-Site-Id")
        if site_id is None:
            raise NotSignedIn("X-Site-Id is missing.")
        wanted = parse_scopes(headers.get("x-scopes", ""))
        if not wanted <= self._most:
            raise NotAllowed(f"X-Scopes may hold only: {' '.join(sorted(self._most))}.")
        return Caller(
            key_id="core",
            site_id=site_id,
            user_id=tenant_id(headers.get("x-user-id"), "X-User-Id"),
            app_id=tenant_id(headers.get("x-app-id"), "X-App-Id"),
            scopes=wanted or self._most,
            expires_at_s=now_s + self._window_s,
        )

    def _genuine(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        given = headers.get("x-signature", "").encode("utf-8", "replace")
        bare = path.removeprefix("/api")
        # Both are computed, whichever fits: the time taken tells nothing.
        fits = [
            hmac.compare_digest(sign(self._secret, method, p, headers).encode(), given)
            for p in (bare, "/api" + bare)
        ]
        return any(fits)


class JwtVerifier:
    """Checks JWTs of the outer system. Each algorithm has its own key: a token cannot choose.

    Claims: `exp` and `site_id` required; `user_id` (else `sub`), `app_id`, `scopes` (list) or `scope` (text)
    optional. Scopes beyond `access.core_scopes` are dropped; without the claim all of those are given.

    Args:
        settings: `jwt_secret` (HS256), `jwt_public_key` (PEM: RS256, ES256 or EdDSA by its kind), issuer,
            audience.

    Raises:
        BadInput: A key is unusable.
    """

    def __init__(self, settings: AccessSettings) -> None:
        self._issuer, self._audience = settings.jwt_issuer, settings.jwt_audience
        self._most = outer_scopes(settings)
        self._keys: dict[str, Any] = {}
        if settings.jwt_secret and settings.jwt_secret.get_secret_value():
            secret = settings.jwt_secret.get_secret_value().encode()
            if len(secret) < _MIN_HS256_BYTES:
                raise BadInput(
                    f"access.jwt_secret needs {_MIN_HS256_BYTES} bytes at least.", param="access.jwt_secret"
                )
            self._keys["HS256"] = secret
        if settings.jwt_public_key:
            algorithm, key = _public_key(settings.jwt_public_key)
            self._keys[algorithm] = key

    @property
    def configured(self) -> bool:
        """Whether any JWT can be accepted."""
        return bool(self._keys)

    def caller(self, token: str) -> Caller:
        """The caller a token names.

        Raises:
            NotSignedIn: It is not a good token.
            BadInput: An id inside is malformed.
        """
        import jwt

        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            key = self._keys.get(algorithm) if isinstance(algorithm, str) else None
            if key is None or not isinstance(algorithm, str):
                raise NotSignedIn("The token's algorithm is not the one configured.")
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_S,
                options={"require": ["exp"], "verify_aud": self._audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("The token has expired.") from None
        except (jwt.PyJWTError, ValueError) as error:
            raise NotSignedIn(f"The token is not valid ({type(error).__name__}).") from None
        return self._read(claims)

    def _read(self, claims: Mapping[str, Any]) -> Caller:
        site_id = _claim(claims, "site_id")
        if site_id is None:
            raise NotSignedIn("The token has no claim site_id.")
        return Caller(
            key_id="jwt",
            site_id=site_id,
            user_id=_claim(claims, "user_id") or _claim(claims, "sub"),
            app_id=_claim(claims, "app_id"),
            scopes=self._scopes(claims),
            expires_at_s=float(claims["exp"]),
        )

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        given = claims.get("scopes", claims.get("scope"))
        if given is None:
            return self._most
        if isinstance(given, str):
            return parse_scopes(given) & self._most
        if isinstance(given, list) and all(isinstance(scope, str) for scope in given):
            return frozenset(given) & self._most
        raise NotSignedIn("The token's scopes are neither a text nor a list of texts.")


def outer_scopes(settings: AccessSettings) -> frozenset[str]:
    """`access.core_scopes`, checked; raises BadInput."""
    unknown = sorted(set(settings.core_scopes) - set(ALL_SCOPES))
    if unknown:
        raise BadInput(f"Unknown scopes: {', '.join(unknown)}.", param="access.core_scopes")
    return frozenset(settings.core_scopes)


def _claim(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise NotSignedIn(f"The token's claim {name} is not a text.")
    return tenant_id(str(value), name)


def _public_key(pem: str) -> tuple[str, Any]:
    """The one algorithm a public key is good for, and the key; raises BadInput."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput(
            "access.jwt_public_key is not a public key in PEM.", param="access.jwt_public_key"
        ) from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return "RS256", key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256", key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "EdDSA", key
    raise BadInput(
        "access.jwt_public_key must be RSA (2048 bits or more), P-256 or Ed25519.",
        param="access.jwt_public_key",
    )
