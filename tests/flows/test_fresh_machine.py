"""What a new user does first, with the official client and with curl's habits."""

import base64
import json
import struct

import openai
import pytest


@pytest.fixture
async def client(house):
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key) as made:
        yield made


async def test_chat_answers_out_of_the_conversation_and_says_how(client):
    turns = [
        {"role": "user", "content": "我叫张三,今年25岁"},
        {"role": "assistant", "content": "你好"},
        {"role": "user", "content": "我叫什么名字?多大了?"},
    ]
    answer = await client.chat.completions.create(model="auto", messages=turns)
    assert "张三" in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


async def test_a_stream_is_the_same_text_in_pieces(client):
    turns = [{"role": "user", "content": "The train leaves at nine. When does the train leave?"}]
    whole = await client.chat.completions.create(model="roundhouse/extractive", messages=turns)
    stream = await client.chat.completions.create(
        model="roundhouse/extractive", messages=turns, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 3
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"


async def test_embeddings_in_both_forms(client, house):
    made = await client.embeddings.create(model="roundhouse/minilm", input=["a cat", "a kitten", "tax law"])
    vectors = [item.embedding for item in made.data]

    def likeness(one, other):
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert len(vectors[0]) == 384
    assert likeness(vectors[0], vectors[1]) > likeness(vectors[0], vectors[2])
    short = await house.post(
        "/v1/embeddings",
        {"model": "roundhouse/minilm", "input": "a cat", "encoding_format": "base64", "dimensions": 64},
    )
    packed = base64.b64decode(short.json()["data"][0]["embedding"])
    assert len(struct.unpack("<64f", packed)) == 64


async def test_rerank_completions_and_responses(client, house):
    ranked = await house.post(
        "/v1/rerank",
        {
            "model": "roundhouse/minilm",
            "query": "animals",
            "documents": ["tax law", "a small cat"],
            "top_n": 1,
        },
    )
    assert [item["index"] for item in ranked.json()["results"]] == [1]
    completed = await client.completions.create(
        model="roundhouse/extractive", prompt="The sky is blue. What colour is the sky?"
    )
    assert "The sky is blue." in completed.choices[0].text
    told = await client.responses.create(model="auto", input="The sky is blue. What colour is the sky?")
    assert "The sky is blue." in told.output_text


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_the_body_may_be_labelled_as_curl_does(house, prefix):
    body = json.dumps(
        {"messages": [{"role": "user", "content": "Xin chào!"}], "model": "roundhouse/extractive"}
    )
    labelled = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await house.post(f"{prefix}/chat/completions", data=body.encode(), headers=labelled)
    assert (answer.status, answer.json()["object"]) == (200, "chat.completion")
    unknown = await house.post(f"{prefix}/models/load", data=b'{"model_id":"llama2:7b"}', headers=labelled)
    assert (unknown.status, unknown.code) == (404, "model_not_found")
    status = await house.get(f"{prefix}/models/status")
    assert [device["device"] for device in status.json()["devices"]] == ["cuda:0", "cpu"]


async def test_models_are_listed_got_and_recommended(house):
    listed = (await house.get("/v1/models")).json()["data"]
    # Where espeak-ng is installed, it speaks.
    names = [model["id"] for model in listed if model["id"] != "espeak/espeak-ng"]
    assert names == ["auto", "roundhouse/extractive", "roundhouse/minilm"]
    for name in ("roundhouse/minilm", "minilm"):
        assert (await house.get(f"/v1/models/{name}")).json()["operations"] == ["embeddings", "rerank"]
    advice = (await house.get("/v1/models/recommend?task=chat&language=vi&complexity=low")).json()
    assert advice["recommended_model"] == "roundhouse/extractive"
    assert advice["reason"]


async def test_the_probes_and_the_description(house):
    for path in ("/livez", "/readyz", "/health"):
        assert (await house.get(path, key="")).status == 200
    await house.chat()
    metrics = (await house.get("/metrics", key="")).body.decode()
    assert (
        'roundhouse_requests_total{model="roundhouse/extractive",operation="chat",status="200"} 1.0'
        in metrics
    )
    system = (await house.get("/v1/system")).json()
    assert system["devices"][0]["name"] == "Fake 16 GB"
    document = (await house.get("/openapi.json", key="")).json()
    assert {"/v1/chat/completions", "/v1/models", "/v1/keys"} <= document["paths"].keys()
    page = await house.get("/docs", key="")
    assert page.status == 200
    assert b"http://" not in page.body.replace(house.url.encode(), b"")
    assert b"https://" not in page.body
    assert (await house.get("/docs/static/swagger-ui-bundle.js", key="")).status == 200
