"""Addresses and headers of OpenAI-compatible providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from peers.asking import provider_of
from roundhouse.backends.openai_provider import Address, provider_url, read_options, request_headers
from roundhouse.core.errors import BadInput


class Made:
    """`core.ports.Http` that notes which addresses are prepared."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def endpoint(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Any:
        assert method == "POST"
        self.urls.append(url)
        return url


def address(http: Made, url: str = "http://h/openai", **options: Any) -> Address:
    provider = provider_of("openai", url, options=options)
    return Address(provider, read_options(provider), http, "chat/completions")


def test_one_address_is_prepared_once() -> None:
    http = Made()
    made = address(http, "http://h/v1/")
    assert [made.of(name) for name in ("a", "b", "a")] == ["http://h/v1/chat/completions"] * 3
    assert len(http.urls) == 1


def test_deployments_are_prepared_once_each_and_do_not_fill_memory() -> None:
    http = Made()
    made = address(http, api_version="2026-06-01&x=1")
    query = "?api-version=2026-06-01%26x%3D1"
    assert made.of("a") == f"http://h/openai/deployments/a/chat/completions{query}"
    before = len(http.urls)
    made.of("a")
    assert len(http.urls) == before
    for number in range(2000):
        made.of(f"model-{number}")
    assert len(made._deployments) <= 256


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_leave_their_place(name: str) -> None:
    with pytest.raises(BadInput):
        address(Made(), api_version="v").of(name)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("openai", "", "https://api.openai.com/v1"),
        ("jina", "", "https://api.jina.ai/v1"),
        ("vllm", "http://h:8000/v1//", "http://h:8000/v1"),
    ],
)
def test_url(kind: str, given: str, expected: str) -> None:
    assert provider_url(provider_of(kind, given)) == expected


def test_headers() -> None:
    plain = provider_of("openai", "", key="k", headers={"X-Team": "a"})
    assert request_headers(plain, read_options(plain)) == {
        "Content-Type": "application/json",
        "Authorization": "Bearer k",
        "X-Team": "a",
    }
    azure = provider_of("openai", "", key="k", headers={"API-KEY": "own"}, options={"azure": True})
    assert request_headers(azure, read_options(azure)) == {
        "Content-Type": "application/json",
        "API-KEY": "own",
    }


def test_options_of_other_parts_of_the_house_are_left_alone() -> None:
    assert read_options(provider_of("openai", "", options={"footprint_mib": 5, "sleep": True})).sleep
