"""No secret in a log, wherever it stands."""

from __future__ import annotations

import pytest

from roundhouse.infra.telemetry.redaction import REDACTED, redact, redact_text

SECRET = "CANARY9f3b7aE1"

TEXTS = [
    f"Authorization: Bearer {SECRET}",
    f"authorization: bearer {SECRET}",
    f"{{'Authorization': 'Bearer {SECRET}'}}",
    f'{{"authorization":"Basic {SECRET}=="}}',
    f"Proxy-Authorization: {SECRET}",
    f"x-api-key: {SECRET}",
    f"(b'x-api-key', b'api-key: {SECRET}')",
    f'{{"api_key": "{SECRET}"}}',
    f"openai_api_key={SECRET}",
    f"SECRET_API_KEY={SECRET}",
    f"password='{SECRET}'",
    f"postgresql+psycopg://user:{SECRET}@db/roundhouse",
    f"redis://:{SECRET}@cache:6379/0",
    f"https://user:p@ss{SECRET}@host/",
    f"https://host/v1?key={SECRET}&b=1",
    f"https://host/v1?a=1&api_key={SECRET}",
    f"https://host/v1?access_token={SECRET}",
    f"Cookie: session={SECRET}",
    f"client_secret: {SECRET}",
    f"key rh_01j9abc_{SECRET} is bad",
    f"key sk-{SECRET}",
    f"key sk-proj-{SECRET}_x",
    f"key sk-ant-api03-{SECRET}",
    f"key jina_{SECRET}",
    f"key AIza{SECRET}",
    f"key hf_{SECRET}",
    f"token eyJhbGciOiJIUzI1NiJ9.eyJ{SECRET}.{SECRET}",
    f"-----BEGIN RSA PRIVATE KEY-----\nMII{SECRET}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\nMII{SECRET}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts(text: str) -> None:
    assert "CANARY" not in redact_text(text)
    assert REDACTED in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "prompt_tokens=12 completion_tokens=3",
        "The model ollama/llama2:7b is loaded on cuda:0",
        "https://host:8443/v1/chat?model=a&stream=true",
        "key_id=key_01j9 status=200",
        "risk-adjusted task-force",
        "No key was given (Authorization is missing).",
    ],
)
def test_what_stays(text: str) -> None:
    assert redact_text(text) == text


def test_nested_values() -> None:
    class Odd:
        def __repr__(self) -> str:
            return f"Odd(api_key={SECRET})"

    value = {
        "headers": {"Authorization": SECRET, "X-Api-Key": SECRET, "accept": "a/b"},
        "list": [("password", f"password: {SECRET}"), {"token": SECRET}],
        "bytes": b"Bearer " + SECRET.encode(),
        "error": ValueError(f"bad sk-{SECRET}"),
        "object": Odd(),
        "JINA_API_KEY": SECRET,
        "deep": {"a": {"b": {"c": {"d": {"e": {"f": SECRET}}}}}},
        "plain": [1, 2.5, None, True],
        "total_tokens": 7,
        "secret": None,
    }
    redacted = redact(value)
    assert "CANARY" not in repr(redacted)
    assert redacted["headers"]["accept"] == "a/b"
    assert redacted["plain"] == [1, 2.5, None, True]
    assert redacted["total_tokens"] == 7
    assert redacted["secret"] is None
