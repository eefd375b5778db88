"""Searching a vector store through the whole product: the official client, the built-in embedding model."""

from __future__ import annotations

from pathlib import Path

import httpx
import openai
import pytest

from executing import executing
from serving import House

GUIDE = "# Foxes\n\nThe fox is red. It eats mice.\n\n# Whales\n\nThe whale is blue. It eats krill.\n"


async def test_the_official_client_searches(tmp_path: Path) -> None:
    async with (
        House(tmp_path / "data") as house,
        executing(house),
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as api,
    ):
        store = await api.vector_stores.create(name="zoo")
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("guide.md", GUIDE.encode()), attributes={"topic": "animals"}
        )
        page = await api.vector_stores.search(store.id, query="what does the whale eat?")
        (found, *_others) = page.data
        assert (found.file_id, found.filename, found.attributes) == (
            file.id,
            "guide.md",
            {"topic": "animals"},
        )
        assert "krill" in found.content[0].text
        assert 0 < found.score <= 1
        none = await api.vector_stores.search(
            store.id, query=["whale"], filters={"type": "eq", "key": "topic", "value": "cars"}
        )
        assert none.data == []
        with pytest.raises(openai.BadRequestError):
            await api.vector_stores.search(store.id, query="x", filters={"type": "eq", "key": "", "value": 1})
        shown = await api.get(f"/vector_stores/{store.id}/index_versions", cast_to=dict)
        assert [one["state"] for one in shown["data"]] == ["active"]


async def test_answers_cite_what_was_uploaded(tmp_path: Path) -> None:
    async with (
        House(tmp_path / "data") as house,
        executing(house),
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as api,
    ):
        store = await api.vector_stores.create(name="zoo")
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("guide.md", GUIDE.encode())
        )
        asked = {"question": "What does the whale eat?", "model": "extractive"}
        answer = await api.post(f"/vector_stores/{store.id}/ask", body=asked, cast_to=dict)
        assert answer["found"]
        (citation,) = answer["citations"]
        assert "krill" in answer["answer"]
        assert citation["file_id"] == file.id
        assert "It eats krill." in citation["quotes"][0]["text"]
        unknown = {"question": "Who signed the treaty of Westphalia?", "model": "extractive"}
        refused = await api.post(f"/vector_stores/{store.id}/ask", body=unknown, cast_to=dict)
        assert (refused["found"], refused["citations"]) == (False, [])

        session = await api.post(
            "/sessions", body={"model": "extractive", "vector_store_ids": [store.id]}, cast_to=dict
        )
        said = await api.post(
            f"/sessions/{session['id']}/messages",
            body={"content": "What does the whale eat?", "stream": False},
            cast_to=dict,
        )
        assert "krill" in said["message"]["content"]
        assert [one["file_id"] for one in said["message"]["citations"]] == [file.id]


async def test_the_chat_of_old_programs_cites_in_its_finish(tmp_path: Path) -> None:
    async with (
        House(tmp_path / "data") as house,
        executing(house),
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as api,
    ):
        store = await api.vector_stores.create(name="zoo")
        await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("guide.md", GUIDE.encode())
        )
        body = {
            "user_id": "user_001",
            "session_id": "session_001",
            "prompt": "What does the whale eat?",
            "knowledge_base_id": store.id,
        }
        async with httpx.AsyncClient(base_url=house.url, headers={"x-api-key": house.key}) as client:
            answer = await client.post("/chat/stream", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        finish = answer.text.partition("event: finish")[2]
        assert "guide.md" in finish
        assert "krill" in finish


async def test_where_the_built_in_model_stands_in_its_quotes_are_cited(tmp_path: Path) -> None:
    away = {"name": "away", "kind": "openai", "url": "http://127.0.0.1:9/v1", "models": ["big"]}
    alias = {"name": "best", "targets": ["away/big", "roundhouse/extractive"]}
    async with (
        House(tmp_path / "data", providers=[away], aliases=[alias]) as house,
        executing(house),
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as api,
    ):
        store = await api.vector_stores.create(name="zoo")
        file = await api.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("guide.md", GUIDE.encode())
        )
        asked = {"question": "What does the whale eat?", "model": "best"}
        answer = await api.post(f"/vector_stores/{store.id}/ask", body=asked, cast_to=dict)
        assert answer["model"] == "roundhouse/extractive"
        assert [one["file_id"] for one in answer["citations"]] == [file.id]
        unknown = {"question": "Who signed the treaty of Westphalia?", "model": "best"}
        refused = await api.post(f"/vector_stores/{store.id}/ask", body=unknown, cast_to=dict)
        assert (refused["found"], refused["citations"]) == (False, [])
