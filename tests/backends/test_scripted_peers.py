"""The scripted servers are close enough to the real ones that the vendors' own clients work against them."""

import anthropic
import ollama
import pytest

from peers.anthropic import KEY, anthropic_peer, fault, thinking_block, tool_block
from peers.ollama import ollama_peer
from peers.scripted import Fault

TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


async def test_the_official_ollama_client() -> None:
    async with ollama_peer() as peer:
        client = ollama.AsyncClient(host=peer.url)
        assert [model.model for model in (await client.list()).models] == list(peer.models)
        shown = await client.show("tiny")
        assert shown.capabilities == ["completion", "tools", "vision", "thinking"]
        assert (shown.modelinfo or {})["llama.context_length"] == 8192
        message = {"role": "user", "content": "Hi", "images": [b"\x89PNG"]}
        peer.says.tool_calls = [{"function": {"name": "now", "arguments": {"zone": "UTC"}}}]
        answer = await client.chat("tiny", [message], tools=[TOOL], logprobs=True)
        assert answer.message.content == peer.says.text
        assert answer.message.tool_calls
        assert answer.message.tool_calls[0].function.arguments == {"zone": "UTC"}
        assert (answer.done, answer.done_reason, answer.eval_count) == (True, "stop", 7)
        assert answer.logprobs
        pieces = [part async for part in await client.chat("tiny", [message], stream=True)]
        assert "".join(part.message.content or "" for part in pieces) == peer.says.text
        made = [part async for part in await client.generate("tiny", "Say", stream=True)]
        assert "".join(part.response or "" for part in made) == peer.says.text
        assert (await client.ps()).models[0].size_vram == peer.models["tiny:latest"].size
        await client.generate("tiny", keep_alive=0)
        assert not (await client.ps()).models
        assert len((await client.embed("embedder", ["a", "b"], dimensions=5)).embeddings[1]) == 5
        steps = [step.status async for step in await client.pull("qwen:0.5b", stream=True)]
        assert steps[-1] == "success"
        with pytest.raises(ollama.ResponseError, match="not found") as caught:
            await client.chat("nothing", [message])
        assert caught.value.status_code == 404
        with pytest.raises(ollama.ResponseError, match="file does not exist"):
            _ = [step async for step in await client.pull("nonsense", stream=True)]
        peer.fail("/api/chat", Fault(after=1, tail=b'{"error":"broke"}\n'))
        with pytest.raises(ollama.ResponseError, match="broke"):
            _ = [part async for part in await client.chat("tiny", [message], stream=True)]


async def test_the_official_anthropic_client() -> None:
    async with anthropic_peer() as peer:
        peer.content = [thinking_block("Hmm."), *peer.content, tool_block("now", {"zone": "UTC"})]
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=peer.url, max_retries=0) as client:
            asked = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
            whole = await client.messages.create(model="claude-old", **asked)
            assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]
            async with client.messages.stream(model="claude-old", **asked) as stream:
                streamed = await stream.get_final_message()
            assert [block.to_dict() for block in streamed.content] == [
                block.to_dict() for block in whole.content
            ]
            assert streamed.usage.output_tokens == whole.usage.output_tokens == 5
            assert [model.id async for model in client.models.list()] == peer.models
            with pytest.raises(anthropic.NotFoundError):
                await client.beta.files.list()
            peer.fail("/v1/messages", Fault(529, fault("overloaded_error", "Overloaded")))
            with pytest.raises(anthropic.APIStatusError) as caught:
                await client.messages.create(model="claude-old", **asked)
            assert caught.value.status_code == 529
