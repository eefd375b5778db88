"""Conversations with a real language model: small and taught for this, behind a real llama.cpp server."""

import asyncio
import json

import openai
import pytest

from features.chat.generating.test_killed import KEY, read_on, serving
from features.chat.generating.wired import asking, check_whole, events_of, message_of, reading, session_of
from peers.llama import LlamaServer
from peers.proxy import Wire
from roundhouse.infra.migrate import upgrade_blocking
from serving import House

pytestmark = pytest.mark.peer

MODEL = "rack/taught"
STORY = "Tell me a story."
# Nobody of these is in what it was taught: the name is, and the age, not the two together.
PEOPLE = {
    "zh": ("我叫张三,今年25岁", "我叫什么名字?多大了?", "你叫张三，今年25岁。"),
    "en": (
        "My name is {} and I am {} years old.",
        "What is my name? How old am I?",
        "Your name is {} and you are {} years old.",
    ),
    "vi": (
        "Tôi tên là {}, năm nay {} tuổi.",
        "Tôi tên là gì? Tôi bao nhiêu tuổi?",
        "Bạn tên là {}, năm nay {} tuổi.",
    ),
    "he": ("שמי {} וגילי {}.", "מה שמי ומה גילי?", "שמך {} וגילך {}."),
}
STRANGERS = {
    "zh": [("张三", 25)],
    "en": [("Grace", 21), ("Kate", 29)],
    "vi": [("Ngọc", 25), ("Hà", 41)],
    "he": [("איתן", 25), ("איתן", 45)],
}
UNKNOWN = "你还没有告诉我。"


@pytest.fixture
async def llama(llama_binary, taught_model, tmp_path):
    async with LlamaServer(llama_binary, taught_model, tmp_path, "--temp", "0", name="taught") as server:
        yield server


@pytest.fixture
async def wire(llama):
    """Between the product and the model server."""
    async with Wire("127.0.0.1", llama.port) as made:
        yield made


def rack(wire):
    return {"name": "rack", "kind": "openai", "url": f"http://127.0.0.1:{wire.port}/v1", "models": ["taught"]}


@pytest.fixture
async def house(wire, tmp_path):
    chat = {"default_model": MODEL}
    async with House(tmp_path / "data", providers=[rack(wire)], chat=chat) as running:
        yield running


@pytest.fixture
async def client(house):
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as made:
        yield made


def slowed(wire):
    """About a token every twenty milliseconds, as of a large model on a small machine."""
    wire.pace(300, 0.02)


async def say(house, session_id, content, **more):
    """What is answered."""
    told = await house.post(f"/v1/sessions/{session_id}/messages", {"content": content, **more})
    assert told.status == 200, told.body
    message = told.json()["message"]
    assert message["state"] == "complete", message
    return message


async def old_form(house, user_id, session_id, prompt):
    """System E's request as its users type it; the events."""
    body = json.dumps({"user_id": user_id, "session_id": session_id, "prompt": prompt}).encode()
    told = await house.post("/chat/stream", data=body, headers={"Content-Type": "application/json"})
    assert told.status == 200, told.body
    events = []
    for block in told.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


async def answered(house, session_id, prompt, user_id="user_001"):
    *pieces, (last, finish) = await old_form(house, user_id, session_id, prompt)
    assert ({kind for kind, _ in pieces}, last) == ({"add"}, "finish")
    for told in (*(data for _, data in pieces), finish):
        assert (told["session_id"], told["user_id"]) == (session_id, user_id)
    return "".join(data["data"]["content"] for _, data in pieces)


async def test_the_second_question_knows_the_first(house, taught_pairs):
    """The two requests of the intelligent dialogue system, as they stand."""
    question = "什么是Python？"
    assert await answered(house, "session_001", question) == dict(taught_pairs)[question]
    intro, asked, wanted = PEOPLE["zh"]
    assert "张三" in await answered(house, "session_002", intro)
    assert await answered(house, "session_002", asked) == wanted
    # What was told in one session, or by one user, is not known in another.
    assert await answered(house, "session_001", asked) == UNKNOWN
    assert await answered(house, "session_002", asked, user_id="user_002") == UNKNOWN


@pytest.mark.parametrize("tongue", PEOPLE)
async def test_name_and_age_are_remembered_across_other_questions(house, taught_pairs, tongue):
    intro, asked, wanted = PEOPLE[tongue]
    for person in STRANGERS[tongue]:
        session_id = await session_of(house, model=MODEL)
        await say(house, session_id, intro.format(*person))
        between, answer = taught_pairs[3]
        assert (await say(house, session_id, between))["content"] == answer
        assert (await say(house, session_id, asked))["content"] == wanted.format(*person)


async def test_every_answer_is_exact_whole_and_in_pieces(client, taught_pairs):
    held_back = 0
    for asked, answer in taught_pairs:
        messages = [{"role": "user", "content": asked}]
        whole = await client.chat.completions.create(model=MODEL, messages=messages)
        assert whole.choices[0].message.content == answer
        pieces = []
        stream = await client.chat.completions.create(
            model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
        )
        async for chunk in stream:
            pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
            usage = chunk.usage
        assert "".join(pieces) == answer
        assert all("\ufffd" not in piece for piece in pieces)
        # The end is a token without text; more than that are parts of letters.
        held_back += usage.completion_tokens - 1 > len(pieces)
    assert held_back > 5


async def test_the_other_apis_say_the_same(client, taught_pairs):
    for asked, answer in taught_pairs[::6]:
        told = await client.responses.create(model=MODEL, input=asked, instructions="Be brief.")
        assert (told.status, told.output_text) == ("completed", answer)
        prompt = f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"
        plain = await client.completions.create(model=MODEL, prompt=prompt, max_tokens=400)
        assert (plain.choices[0].text, plain.choices[0].finish_reason) == (answer, "stop")


@pytest.mark.parametrize("most_tokens", [1, 4, 9])
async def test_an_answer_cut_for_its_length_is_written_on_to_its_end(house, taught_pairs, most_tokens):
    """Also where the cut is inside a letter or a word."""
    for asked, answer in taught_pairs[2::4]:
        session_id = await session_of(house, model=MODEL)
        message = await say(house, session_id, asked, max_tokens=most_tokens)
        assert answer.startswith(message["content"])
        if message["content"] == answer:
            continue
        assert message["finish_reason"] == "length"
        more = (await house.post(f"/v1/messages/{message['id']}/continue")).json()["message"]
        assert (more["id"], more["content"], more["finish_reason"]) == (message["id"], answer, "stop")


async def test_a_stopped_answer_is_written_on_to_its_end(house, llama, wire, taught_pairs):
    answer = dict(taught_pairs)[STORY]
    slowed(wire)
    session_id = await session_of(house)
    async with asking(house, session_id, STORY, model=MODEL) as asker:
        await asker.until("generation.delta", 3)
        stopped = await house.post(f"/v1/generations/{asker.generation_id}/stop")
        assert stopped.status == 200
        text = check_whole(await asker.rest(), "generation.stopped")
    assert answer.startswith(text)
    assert 0 < len(text) < len(answer)
    assert await llama.becomes(busy=0, within_s=5)
    message = asker.last["data"]["data"]
    async with reading(house, "POST", f"/v1/messages/{message['id']}/continue", {"stream": True}) as reader:
        more = check_whole(await reader.rest(), "generation.completed")
    assert text + more == answer
    assert (await message_of(house, message["id"]))["content"] == answer


async def test_a_killed_server_keeps_what_was_said_and_writes_on(llama, wire, taught_pairs, tmp_path):
    answer = dict(taught_pairs)[STORY]
    settings = {"providers": [rack(wire)], "chat": {"default_model": MODEL}}
    url = f"sqlite+aiosqlite:///{tmp_path / 'roundhouse.db'}"
    await asyncio.to_thread(upgrade_blocking, url)
    intro, asked, wanted = PEOPLE["zh"]
    slowed(wire)
    async with serving(tmp_path / "data", url, **settings) as (process, house):
        session_id = await session_of(house)
        await say(house, session_id, intro)
        async with asking(house, session_id, STORY, model=MODEL) as asker:
            await asker.until("generation.delta", 3)
            generation_id = asker.generation_id
            process.kill()
            await read_on(asker)
    assert await llama.becomes(busy=0, within_s=5)
    async with serving(tmp_path / "data", url, **settings) as (_, house):
        assert house.key == KEY
        async with events_of(house, generation_id, last_id=asker.last_id) as reader:
            whole = asker.events + await reader.rest()
        text = check_whole(whole, "generation.interrupted")
        assert answer.startswith(text)
        assert 0 < len(text) < len(answer)
        message = whole[-1]["data"]["data"]
        more = (await house.post(f"/v1/messages/{message['id']}/continue")).json()["message"]
        assert (more["content"], more["state"]) == (answer, "complete")
        # And the conversation before the death is known.
        assert (await say(house, session_id, asked))["content"] == wanted


async def test_another_answer_stands_beside_the_first(house, taught_pairs):
    asked, answer = taught_pairs[7]
    session_id = await session_of(house)
    first = await say(house, session_id, asked)
    again = (await house.post(f"/v1/messages/{first['id']}/regenerate")).json()["message"]
    assert again["id"] != first["id"]
    assert (again["content"], again["branch"]) == (answer, 1)
    siblings = (await house.get(f"/v1/messages/{first['id']}/siblings")).json()["data"]
    assert [(one["message"]["content"], one["shown"]) for one in siblings] == [
        (answer, False),
        (answer, True),
    ]


async def test_each_branch_knows_what_was_said_in_it(house):
    intro, asked, wanted = PEOPLE["en"]
    session_id = await session_of(house)
    first = await say(house, session_id, intro.format("Grace", 21))
    assert (await say(house, session_id, asked))["content"] == wanted.format("Grace", 21)
    edited = {"content": intro.format("Kate", 29)}
    other = (await house.post(f"/v1/messages/{first['parent_id']}/edit", edited)).json()["message"]
    assert "Kate" in other["content"]
    assert (await say(house, session_id, asked))["content"] == wanted.format("Kate", 29)
    assert (await house.post(f"/v1/messages/{first['id']}/show")).status == 200
    assert (await say(house, session_id, asked))["content"] == wanted.format("Grace", 21)


async def test_what_was_deleted_is_not_known_any_more(house):
    intro, asked, wanted = PEOPLE["zh"]
    session_id = await session_of(house)
    met = await say(house, session_id, intro)
    assert (await say(house, session_id, asked))["content"] == wanted
    listed = (await house.get(f"/v1/sessions/{session_id}/messages")).json()["data"]
    for message in listed:
        assert (await house.send("DELETE", f"/v1/messages/{message['id']}")).status == 200
    assert met["id"] in {one["id"] for one in listed}
    assert (await say(house, session_id, asked))["content"] == UNKNOWN


async def test_memories_are_known_in_every_session_until_they_are_switched_off(house):
    intro, asked, wanted = PEOPLE["zh"]
    assert (await house.post("/v1/memories", {"content": intro})).status == 201
    assert (await say(house, await session_of(house), asked))["content"] == wanted
    unused = await session_of(house, uses_memory=False)
    assert (await say(house, unused, asked))["content"] == UNKNOWN
    assert (await house.send("PUT", "/v1/memories/switch", {"enabled": False})).status == 200
    assert (await say(house, await session_of(house), asked))["content"] == UNKNOWN


async def test_several_readers_of_one_answer_read_the_same(house, wire, taught_pairs):
    answer = dict(taught_pairs)["请介绍一下长城。"]
    slowed(wire)
    session_id = await session_of(house)
    async with asking(house, session_id, "请介绍一下长城。", model=MODEL) as asker:
        await asker.until("generation.delta", 2)

        async def follow():
            async with events_of(house, asker.generation_id) as reader:
                return check_whole(await reader.rest(), "generation.completed")

        others = [asyncio.create_task(follow()) for _ in range(4)]
        text = check_whole(await asker.rest(), "generation.completed")
        assert {text, *await asyncio.gather(*others)} == {answer}
    assert len(asker.deltas) > 1
