"""The chat page with much in it: a long answer as it is written, a long conversation, a long list. Minutes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from peers import scripts
from peers.upstream import Upstream

pytestmark = pytest.mark.slow

TOKENS = 20_000
TOKENS_PER_S = 200
LONGEST_TASK_MS = 100
MESSAGES = 5_000
SESSIONS = 10_000

SECTION = """### Step {number}

To go on with step {number} one looks at **the list**, takes `item_{number}` out of it and writes down what was found:

```python
def step_{number}(items: list[str]) -> dict[str, int]:
    found = {{}}
    for place, item in enumerate(items):
        if item.startswith("item_{number}"):
            found[item] = place  # the place counts from 0
    return found
```

| item | place | note |
| ---- | ----- | ---- |
| a{number} | {number} | none |

- first this,
- then that, with $x_{number} = {number}^2$.

"""

# Long tasks as the browser tells them (W3C Long Tasks API): what held up the page for 50 ms or more.
WATCH = """() => {
    window.tasks = [];
    new PerformanceObserver(list => {
        for (const { duration, startTime } of list.getEntries())
            window.tasks.push([Math.round(duration), Math.round(startTime)]);
    }).observe({ type: 'longtask' });
}"""
SCROLL = """async ([selector, distance, frames]) => {
    const box = document.querySelector(selector);
    let longest = 0, last = performance.now();
    for (let frame = 0; frame < frames; frame++) {
        box.scrollTop += distance;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
    }
    return longest;
}"""


def long_answer() -> str:
    """About `TOKENS` words."""
    sections: list[str] = []
    words = 0
    while words < TOKENS:
        sections.append(SECTION.format(number=len(sections) + 1))
        words += len(sections[-1].split())
    return "".join(sections)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(server: Any, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {admin_key}"}
    words = re.findall(r"\S+\s*", long_answer())
    script = scripts.stream(scripts.good_events(*words), delay_s=1 / TOKENS_PER_S)
    models = scripts.json_answer({"data": [{"id": "long"}]})
    async with (
        Upstream(script, {"/models": models}) as peer,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=300) as client,
    ):
        provider = {"name": "author", "kind": "openai", "url": peer.url}
        assert (await client.post("/v1/providers", json=provider)).is_success
        yield client


def node(parent: str | None, role: str, text: str, at_s: float) -> dict[str, Any]:
    message = {
        "author": {"role": role},
        "create_time": at_s,
        "content": {"content_type": "text", "parts": [text]},
        "recipient": "all",
        "metadata": {},
    }
    return {"message": message, "parent": parent, "children": []}


def conversation(number: int, messages: int) -> dict[str, Any]:
    """One of an export of ChatGPT's."""
    at_s = 1_700_000_000.0 + number
    mapping: dict[str, Any] = {"root": {"message": None, "parent": None, "children": []}}
    parent = "root"
    for place in range(messages):
        role, text = ("assistant", SECTION) if place % 2 else ("user", "And what is step {number}?")
        mapping[f"m{place}"] = node(parent, role, text.format(number=place), at_s + place / 1000)
        parent = f"m{place}"
    return {
        "title": f"Conversation {number}",
        "create_time": at_s,
        "update_time": at_s,
        "mapping": mapping,
        "current_node": parent,
        "conversation_id": f"c{messages}-{number}",
    }


async def taken(api: httpx.AsyncClient, conversations: list[dict[str, Any]]) -> None:
    answer = await api.post(
        "/v1/sessions/import",
        content=json.dumps(conversations).encode(),
        headers={"content-type": "application/octet-stream"},
    )
    assert answer.is_success, answer.text[:500]


async def test_a_long_answer_never_holds_up_the_page(window, api):
    session = (await api.post("/v1/sessions", json={"model": "author/long"})).json()["id"]
    async with window() as one:
        page = one.page
        await one.open(f"/chat/{session}")
        await page.evaluate(WATCH)
        await page.get_by_label("Your question").fill("Go on.")
        await page.keyboard.press("Enter")
        answer = page.get_by_role("article", name="Answer")
        patience_ms = TOKENS / TOKENS_PER_S * 4000
        await expect(answer.get_by_role("button", name="Answer again")).to_be_enabled(timeout=patience_ms)
        tasks = await page.evaluate("window.tasks")
        assert max((ms for ms, _ in tasks), default=0) <= LONGEST_TASK_MS, tasks
        kept = (await api.get(f"/v1/sessions/{session}/messages")).json()["data"][1]
        assert kept["content"] == long_answer()


async def test_a_long_conversation_scrolls_from_end_to_beginning(window, api):
    await taken(api, [conversation(1, MESSAGES)])
    session = (await api.get("/v1/sessions", params={"limit": 1, "order": "asc"})).json()["data"][0]["id"]
    async with window() as one:
        page = one.page
        await one.open(f"/chat/{session}")
        await expect(page.get_by_text(f"step_{MESSAGES - 1}(", exact=False)).to_be_visible()
        await page.evaluate(WATCH)
        longest = await page.evaluate(SCROLL, ["[role=log]", -400, 300])
        tasks = await page.evaluate("window.tasks")
        await page.evaluate("document.querySelector('[role=log]').scrollTop = 0")
        await expect(page.get_by_text("And what is step 0?")).to_be_visible()
        middle = "box => { box.scrollTop = box.scrollHeight / 2 }"
        await page.locator("[role=log]").evaluate(middle)
        await expect(page.locator("[role=log] .animate-pulse")).to_have_count(0)
        assert await page.locator("[role=log] li[aria-posinset]").count() < 60
        assert max((ms for ms, _ in tasks), default=0) <= 2 * LONGEST_TASK_MS, (longest, tasks)


async def test_a_long_list_of_sessions_scrolls_to_its_end(window, api):
    await taken(api, [conversation(number, 1) for number in range(2, SESSIONS + 2)])
    async with window() as one:
        page = one.page
        await one.open("/chat")
        await page.get_by_role("link", name="Conversation").first.wait_for()
        await page.evaluate(WATCH)
        panel = "#sessions [role=region]"
        longest = 0.0
        while not await page.get_by_role("link", name="Conversation 2", exact=True).count():
            longest = max(longest, await page.evaluate(SCROLL, [panel, 4000, 20]))
        tasks = await page.evaluate("window.tasks")
        assert await page.locator("#sessions li").count() < 80
        assert max((ms for ms, _ in tasks), default=0) <= 2 * LONGEST_TASK_MS, (longest, tasks)
