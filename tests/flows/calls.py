"""What the tests of access ask of the product."""

from __future__ import annotations

from typing import Any

from serving import Client, House

EXTRACTIVE = "roundhouse/extractive"
CHAT = {"model": EXTRACTIVE, "messages": [{"role": "user", "content": "The sky is blue. What is blue?"}]}
INFERENCE: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": EXTRACTIVE, "prompt": "The sky is blue. What is blue?"},
    "/v1/responses": {"model": EXTRACTIVE, "input": "The sky is blue. What is blue?"},
    "/v1/embeddings": {"model": "roundhouse/minilm", "input": "a text"},
    "/v1/rerank": {"model": "roundhouse/minilm", "query": "a pet", "documents": ["a cat", "a car"]},
}


async def make(house: Client, maker: str | None = None, **wanted: Any) -> dict[str, Any]:
    """A key; its text is in `key`."""
    made = await house.post("/v1/keys", {"name": "test", **wanted}, key=maker)
    assert made.status == 201, made.body
    body = made.json()
    assert isinstance(body, dict)
    return body


async def records(house: House, key: str | None = None, query: str = "") -> list[dict[str, Any]]:
    await house.app.usage.flush()
    listed = await house.get(f"/v1/usage/records?limit=200{query}", key=key)
    data = listed.json()["data"]
    assert isinstance(data, list)
    return data
