"""Takes secrets out of whatever is about to be logged.

It is the last line: code does not log secrets in the first place. It looks at names of members and at shapes of
values, in events, in nested values and in the text of exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

_SECRET_NAMES = frozenset(
    {
        "api_key",
        "apikey",
        "authorization",
        "cookie",
        "key",
        "passwd",
        "password",
        "pepper",
        "private_key",
        "proxy_authorization",
        "secret",
        "set_cookie",
        "token",
        "x_api_key",
        "x_signature",
    }
)
_SECRET_ENDINGS = ("_api_key", "_password", "_secret", "_token", "_authorization", "_private_key")
_DEEPEST = 6

_SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    # Keys whose makers gave them a prefix: ours, OpenAI and Anthropic, Jina, Google, Groq, xAI, Hugging Face, GitHub.
    re.compile(
        r"(?<![A-Za-z0-9])(?:rh_|sk-|jina_|AIza|gsk_|xai-|hf_|gh[opsu]_|github_pat_)[A-Za-z0-9_-]{8,}"
    ),
    re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
)
_SCHEME = re.compile(r"\b(bearer|basic)(\s+|%20)[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE)
_USERINFO = re.compile(r"(://[^/\s:@'\"]*:)[^/\s'\"]+@")
_ASSIGNED = re.compile(
    r"""(?ix)
    ( (?<![a-z0-9]) (?: [a-z0-9_-]* (?: api[_-]?key | password | passwd | secret | authorization | signature | pepper )
      | (?: access | refresh | auth | id )[_-]token | cookie | set-cookie ) ["']? \s* [:=] \s* ["']? )
    (?! \[redacted\] | bearer\b | basic\b ) [^\s"',;&)}\]]{3,}
    """
)
_QUERY = re.compile(r"(?i)([?&](?:key|token|sig|code|auth)=)[^\s&#'\"]+")


def redact_text(text: str) -> str:
    """The text with everything that has the shape of a secret replaced, and fit to be encoded."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    for shape in _SHAPES:
        text = shape.sub(REDACTED, text)
    text = _SCHEME.sub(rf"\1\2{REDACTED}", text)
    text = _USERINFO.sub(rf"\1{REDACTED}@", text)
    text = _ASSIGNED.sub(rf"\1{REDACTED}", text)
    return _QUERY.sub(rf"\1{REDACTED}", text)


def is_secret_name(name: str) -> bool:
    """Whether a member of this name holds a secret, whatever its value looks like."""
    plain = name.lower().replace("-", "_")
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)


def redact(value: Any, depth: int = 0) -> Any:
    """The same value without secrets; what is no plain value becomes its text."""
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {
            str(name): REDACTED
            if is_secret_name(str(name)) and inner is not None
            else redact(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner, depth + 1) for inner in value]
    if isinstance(value, bytes | bytearray):
        return redact_text(value.decode("utf-8", "replace"))
    return redact_text(str(value) if isinstance(value, BaseException) else repr(value))
