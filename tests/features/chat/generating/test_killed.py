"""A server that is killed in the middle of streams keeps every answer as far as anybody has read it."""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from features.chat.generating.wired import (
    Reader,
    asking,
    check_whole,
    events_of,
    fake,
    message_of,
    reading,
    session_of,
)
from running_server import environment
from serving import Client

HERE = Path(__file__)
KEY = "a key that the whole house knows, 40 characters"
LONG = " ".join(f"word{number}" for number in range(5000))
READERS = 8
ENDS = ("generation.completed", "generation.interrupted")


@asynccontextmanager
async def serving(folder: Path, db_url: str, **settings):
    """A server in a process of its own, and a client of it; killed at the end of the block at the latest."""
    given = {
        "data_dir": str(folder),
        "db": {"url": db_url},
        "server": {"port": 0, "drain_s": 1.0},
        "engine": {"discover": False},
        "access": {"secret_api_key": KEY},
        "providers": [fake(reply=LONG, delay_s=0.002), fake("quick")],
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE.with_name("dying.py")),
        json.dumps(given),
        env={**environment(), "PYTHONPATH": str(HERE.parents[3])},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        url = (await asyncio.wait_for(process.stderr.readline(), 60)).decode().strip()
        assert url.startswith("http://"), await process.stderr.read()
        async with Client(url, KEY) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def read_on(reader: Reader) -> None:
    """Read until the connection is lost."""
    try:
        await reader.rest()
    except (aiohttp.ClientError, ConnectionError):
        return


async def follow(house: Client, generation_id: str, seen: list) -> None:
    """A reader that comes late and stays until the server dies."""
    try:
        async with events_of(house, generation_id) as reader:
            seen.append(reader)
            await read_on(reader)
    except (aiohttp.ClientError, ConnectionError):
        return


async def killed_in_a_stream(process, house: Client, after_s: float) -> tuple[str, str, list[list[dict]]]:
    """Session, generation, and what each of the readers had when the server died."""
    session_id = await session_of(house)
    seen: list[Reader] = []
    async with asking(house, session_id) as asker:
        await asker.until("generation.started")
        generation_id = asker.generation_id
        tasks = [asyncio.create_task(read_on(asker))]
        for _ in range(READERS - 1):
            tasks.append(asyncio.create_task(follow(house, generation_id, seen)))
        await asyncio.sleep(after_s)
        process.kill()
        await asyncio.gather(*tasks)
    return session_id, generation_id, [asker.events, *(reader.events for reader in seen)]


async def check_after(
    house: Client, session_id: str, generation_id: str, read: list[list[dict]], tally: Counter
) -> None:
    texts = set()
    tally["acknowledged messages"] += 2
    tally["readers"] += len(read)
    tally["events read before the kill"] += sum(len(events) for events in read)
    for events in read:
        if events and events[-1]["type"] in ENDS:
            whole = events
        else:
            last_id = events[-1]["id"] if events else None
            async with events_of(house, generation_id, last_id=last_id) as reader:
                whole = events + await reader.rest()
        texts.add((whole[-1]["type"], check_whole(whole, whole[-1]["type"])))
        final = whole[-1]["data"]["data"]
    assert len(texts) == 1
    ((kind, text),) = texts
    assert kind in ENDS
    tally[kind] += 1
    tally["events in all"] += len(read) * len(whole)
    message = await message_of(house, final["id"])
    assert message == final
    assert message["content"] == text
    assert LONG.startswith(text)
    assert message["state"] == ("complete" if kind == ENDS[0] else "interrupted")
    listed = (await house.get(f"/v1/sessions/{session_id}/messages")).json()["data"]
    assert [one["content"] for one in listed] == ["Hello.", text]
    if kind == "generation.interrupted":
        path = f"/v1/messages/{message['id']}/continue"
        async with reading(house, "POST", path, {"model": "quick/m", "stream": True}) as reader:
            more = check_whole(await reader.rest(), "generation.completed")
        assert more == (f"You said: {text}" if text else "You said: Hello.")
        tally["resumed"] += 1
        resumed = await message_of(house, message["id"])
        assert (resumed["content"], resumed["state"]) == (text + more, "complete")


async def rounds(folder: Path, db_url: str, count: int, seed: int) -> Counter:
    """Each server looks at what the one before has left, and is killed; what was counted."""
    chance = random.Random(seed)
    left = None
    tally: Counter = Counter()
    for _ in range(count):
        async with serving(folder, db_url) as (process, house):
            if left is not None:
                await check_after(house, *left, tally)
            left = await killed_in_a_stream(process, house, chance.uniform(0.0, 0.5))
            tally["kills"] += 1
    async with serving(folder, db_url) as (_, house):
        await check_after(house, *left, tally)
        assert (await house.get("/v1/jobs")).status == 200
    return tally


async def test_a_killed_server_loses_nothing_that_was_read(tmp_path, db_url):
    await rounds(tmp_path / "data", db_url, 3, seed=4)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_server_killed_two_hundred_times_loses_nothing(tmp_path, db_url):
    count = int(os.environ.get("ROUNDHOUSE_TEST_KILLS", "200"))
    seed = random.randrange(10**6)
    tally = await rounds(tmp_path / "data", db_url, count, seed)
    sys.stdout.write(f"seed {seed}: {dict(tally)}\n")


async def test_the_living_end_what_the_dead_left(tmp_path, db_url):
    folder = tmp_path / "data"
    async with serving(folder, db_url) as (_, living):
        async with serving(folder, db_url) as (process, house):
            session_id = await session_of(house)
            async with asking(house, session_id) as asker:
                await asker.until("generation.delta", 2)
                async with events_of(living, asker.generation_id) as other:
                    await other.until("generation.delta", 2)
                    process.kill()
                    # Nobody starts anything: the living one finds the free lock by itself.
                    text = check_whole(await other.rest(), "generation.interrupted")
                await read_on(asker)
        assert text.startswith(asker.text)
        assert (await message_of(living, other.last["data"]["data"]["id"]))["content"] == text
