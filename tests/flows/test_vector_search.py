"""Searching a vector store through the whole product: the official client, the built-in embedding model."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import openai
import pytest
import pytest_asyncio

from executing import executing
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

AWAY = {"name": "away", "kind": "openai", "url": "http://127.0.0.1:9/v1", "models": ["big"]}
BEST = {"name": "best", "targets": ["away/big", "roundhouse/extractive"]}
GUIDE = "# Foxes\n\nThe fox is red. It eats mice.\n\n# Whales\n\nThe whale is blue. It eats krill.\n"


class Zoo:
    """A store with one file, its clients, and the house."""

    def __init__(self, house: House, api: openai.AsyncOpenAI, store_id: str, file_id: str) -> None:
        self.house, self.api, self.store_id, self.file_id = house, api, store_id, file_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zoo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Zoo]:
    folder = tmp_path_factory.mktemp("zoo") / "data"
    async with (
        House(folder, providers=[AWAY], aliases=[BEST], chat={"default_model": "extractive"}) as house,
        executing(house),
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as api,
    ):
        store = await api.vector_stores.create(name="zoo")
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("guide.md", GUIDE.encode()), attributes={"topic": "animals"}
        )
        yield Zoo(house, api, store.id, file.id)


async def test_the_official_client_searches(zoo: Zoo) -> None:
    page = await zoo.api.vector_stores.search(zoo.store_id, query="what does the whale eat?")
    (found, *_others) = page.data
    assert (found.file_id, found.filename) == (zoo.file_id, "guide.md")
    assert found.attributes == {"topic": "animals"}
    assert "krill" in found.content[0].text
    assert 0 < found.score <= 1
    none = await zoo.api.vector_stores.search(
        zoo.store_id, query=["whale"], filters={"type": "eq", "key": "topic", "value": "cars"}
    )
    assert none.data == []
    # The model of this house only quotes: the query stands as it was, and the answer says so.
    same = await zoo.api.vector_stores.search(zoo.store_id, query="the whale, please", rewrite_query=True)
    assert same.model_extra is not None
    assert (same.model_extra["search_query"], same.model_extra["warnings"]) == (
        ["the whale, please"],
        ["query_not_rewritten"],
    )
    with pytest.raises(openai.BadRequestError):
        await zoo.api.vector_stores.search(
            zoo.store_id, query="x", filters={"type": "eq", "key": "", "value": 1}
        )
    shown = await zoo.api.get(f"/vector_stores/{zoo.store_id}/index_versions", cast_to=dict)
    assert [one["state"] for one in shown["data"]] == ["active"]


async def test_answers_cite_what_was_uploaded(zoo: Zoo) -> None:
    asked = {"question": "What does the whale eat?", "model": "extractive"}
    answer = await zoo.api.post(f"/vector_stores/{zoo.store_id}/ask", body=asked, cast_to=dict)
    assert answer["found"]
    (citation,) = answer["citations"]
    assert "krill" in answer["answer"]
    assert citation["file_id"] == zoo.file_id
    assert "It eats krill." in citation["quotes"][0]["text"]
    unknown = {"question": "Who signed the treaty of Westphalia?", "model": "extractive"}
    refused = await zoo.api.post(f"/vector_stores/{zoo.store_id}/ask", body=unknown, cast_to=dict)
    assert (refused["found"], refused["citations"]) == (False, [])

    session = await zoo.api.post(
        "/sessions", body={"model": "extractive", "vector_store_ids": [zoo.store_id]}, cast_to=dict
    )
    said = await zoo.api.post(
        f"/sessions/{session['id']}/messages",
        body={"content": "What does the whale eat?", "stream": False},
        cast_to=dict,
    )
    assert "krill" in said["message"]["content"]
    assert [one["file_id"] for one in said["message"]["citations"]] == [zoo.file_id]


async def test_the_chat_of_old_programs_cites_in_its_finish(zoo: Zoo) -> None:
    body = {
        "user_id": "user_001",
        "session_id": "session_001",
        "prompt": "What does the whale eat?",
        "knowledge_base_id": zoo.store_id,
    }
    async with httpx.AsyncClient(base_url=zoo.house.url, headers={"x-api-key": zoo.house.key}) as client:
        answer = await client.post("/chat/stream", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    finish = answer.text.partition("event: finish")[2]
    assert "guide.md" in finish
    assert "krill" in finish


async def test_where_the_built_in_model_stands_in_its_quotes_are_cited(zoo: Zoo) -> None:
    asked = {"question": "What does the whale eat?", "model": "best"}
    answer = await zoo.api.post(f"/vector_stores/{zoo.store_id}/ask", body=asked, cast_to=dict)
    assert answer["model"] == "roundhouse/extractive"
    assert [one["file_id"] for one in answer["citations"]] == [zoo.file_id]
    unknown = {"question": "Who signed the treaty of Westphalia?", "model": "best"}
    refused = await zoo.api.post(f"/vector_stores/{zoo.store_id}/ask", body=unknown, cast_to=dict)
    assert (refused["found"], refused["citations"]) == (False, [])
