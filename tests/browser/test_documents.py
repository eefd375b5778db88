"""The documents: files go in by hand and by drop, what is in them is found, asked, and indexed anew."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from browser.window import NARROW
from peers.openai import OpenAIServer
from peers.upstream import Upstream

WHALES = b"# Whales\n\nThe blue whale eats krill.\n\n# Foxes\n\nThe fox eats mice.\n"
BRIDGES = "# גשרים\n\nהגשר נפתח בשנת 1781 והוא עשוי ברזל יצוק.\n".encode()
PATIENCE_MS = 15_000
HOSTILE_NAME = '"><img src=x onerror="window.ran=1">.md'
HOSTILE = b"""# Kettles <script>window.ran = 2</script>

The kettle holds two litres. ![beacon](http://127.0.0.1:9/beacon.png) <img src="http://127.0.0.1:9/x.png">
<svg onload="window.ran = 3"></svg> [press](javascript:window.ran=4)
"""
DROP = """async (area, files) => {
    const data = new DataTransfer();
    for (const [name, text] of files) data.items.add(new File([text], name));
    for (const kind of ['dragenter', 'drop']) {
        area.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
}"""


def plain(name: str, content: bytes) -> dict[str, object]:
    """A file as a person chooses one."""
    return {"name": name, "mimeType": "text/plain", "buffer": content}


@pytest_asyncio.fixture(loop_scope="session")
async def api(server, admin_key):
    async with httpx.AsyncClient(
        base_url=server.url, headers={"authorization": f"Bearer {admin_key}"}
    ) as client:
        yield client


async def make(page: Page, name: str) -> None:
    """A collection, by its form."""
    await page.get_by_role("button", name="New collection").first.click()
    form = page.get_by_role("dialog")
    await form.get_by_label("Name").fill(name)
    await form.get_by_label("Description").fill(f"All about {name}")
    await form.get_by_role("button", name="Create").click()
    await page.get_by_role("heading", level=1, name=name).wait_for()


def row(page: Page, name: str):
    """The row of a file."""
    return page.get_by_role("row").filter(has_text=name)


async def test_files_go_in_and_are_found_and_asked(window):
    async with window() as one:
        page = one.page
        await one.open("/documents")
        await make(page, "Animals")
        await page.locator("input[type=file]").set_input_files(
            [
                plain("whales.md", WHALES),
                plain("bridges.md", BRIDGES),
                plain(HOSTILE_NAME, HOSTILE),
                plain("empty.md", b"  \n"),
            ]
        )
        for name in ("whales.md", "bridges.md", "onerror"):
            await row(page, name).get_by_text("Ready").wait_for()
        failed = row(page, "empty.md")
        await failed.get_by_text("There is no text in it.").wait_for()
        await expect(failed).to_contain_text("document_empty")
        assert await one.serious() == []
        await one.shot("documents-files")
        await page.get_by_role("button", name="Failed").click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        # Tried again, it is worked on again, and is no better.
        async with page.expect_response(
            lambda answer: answer.request.method == "POST" and answer.url.endswith("/files")
        ) as tried:
            await failed.get_by_role("button", name="Try again", exact=True).click()
        assert (await (await tried.value).json())["status"] == "in_progress"
        await failed.get_by_text("There is no text in it.").wait_for()
        await page.get_by_role("button", name="All", exact=False).first.click()

        await describe(page, "whales.md", "topic", "sea")
        await preview(one)
        await search(one)
        await ask(one)
        assert await page.evaluate("window.ran") is None


async def describe(page: Page, name: str, key: str, value: str) -> None:
    """Give a file an attribute."""
    await row(page, name).get_by_role("button", name="Actions for").click()
    await page.get_by_role("menuitem", name="Attributes").click()
    form = page.get_by_role("dialog")
    await form.get_by_role("button", name="Add an attribute").click()
    await form.get_by_label("Attribute", exact=True).fill(key)
    await form.get_by_label("Value").fill(value)
    await form.get_by_role("button", name="Save").click()
    await expect(row(page, name)).to_contain_text(value)


async def preview(one) -> None:
    """What was read of the hostile file is shown as text, and nothing of it is alive."""
    await row(one.page, "onerror").get_by_role("button").first.click()
    shown = one.page.get_by_role("dialog")
    await shown.get_by_text("The kettle holds two litres.").wait_for()
    assert await shown.locator("img, svg:not(.lucide), a[href^=javascript]").count() == 0
    assert await one.serious() == []
    await shown.get_by_role("button", name="Close").click()


async def search(one) -> None:
    """The playground shows both sides, and takes filters and a minimum."""
    page = one.page
    await page.get_by_role("tab", name="Search").click()
    await page.get_by_role("searchbox").fill("what does the whale eat?")
    await page.keyboard.press("Enter")
    found = page.get_by_role("region", name="What was found").locator("ol > li")
    first = found.first
    await expect(first).to_contain_text("krill")
    for score in ("Vectors", "cosine", "Words", "BM25", "Both"):
        await expect(first).to_contain_text(score)
    await page.get_by_text("Vectors count").wait_for()
    assert await found.count() > 1
    assert await one.serious() == []
    await one.shot("documents-search")
    await page.get_by_role("button", name="Options").click()
    await page.get_by_role("button", name="Add a condition").click()
    await page.get_by_label("Attribute", exact=True).fill("topic")
    await page.get_by_label("Value").fill("sea")
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(found.filter(has_not_text="whales.md")).to_have_count(0)
    await expect(found.first).to_contain_text("whales.md")
    await page.get_by_label("Value").fill("land")
    await page.get_by_role("button", name="Search", exact=True).click()
    await page.get_by_text("Nothing was found").wait_for()
    await page.get_by_role("button", name="Remove the condition").click()
    # Nothing is as near as a text is to itself.
    await page.get_by_label("Minimum similarity").press("End")
    await page.get_by_role("button", name="Search", exact=True).click()
    await page.get_by_role("status").get_by_text("0 passages").wait_for()


async def ask(one) -> None:
    """An answer names its passage, and its mark opens it."""
    page = one.page
    await page.get_by_role("tab", name="Ask").click()
    await page.get_by_label("Answered by").select_option("extractive")
    await page.get_by_label("Question").fill("What does the blue whale eat?")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Citation 1: whales.md").first.click()
    shown = page.get_by_role("dialog", name="whales.md")
    await expect(shown.locator("[aria-current] mark")).to_contain_text("krill")
    await shown.get_by_role("button", name="Close").click()
    await page.get_by_label("Next question").fill("Who won the chess championship of 1927?")
    await page.keyboard.press("Enter")
    await page.get_by_text("Not in the documents").first.wait_for()
    assert await one.serious() == []
    await one.shot("documents-ask")


async def test_dropped_files_are_sent_three_at_a_time_and_tried_again(window):
    async with window(expected="Failed to load resource") as one:
        page = one.page
        await one.open("/documents")
        await make(page, "Dropped")
        held: asyncio.Queue[Route] = asyncio.Queue()
        hold = held.put

        await page.route("**/v1/files", hold)
        files = [[f"note{number}.txt", f"Note {number} tells of apples."] for number in range(5)]
        await page.get_by_test_id("drop-area").evaluate(DROP, files)
        first, *others = [await held.get() for _ in range(3)]
        await expect(page.get_by_text("Waits")).to_have_count(2)
        assert held.empty()
        # Whoever leaves is asked first.
        await page.get_by_role("link", name="System").click()
        asked = page.get_by_role("alertdialog")
        await asked.get_by_role("button", name="Cancel").click()
        await expect(asked).to_have_count(0)
        await first.abort()
        for route in others:
            await route.continue_()
        for _ in range(2):
            await (await held.get()).continue_()
        await page.get_by_text("unreachable").wait_for()
        await page.get_by_text("4 of 5 sent").wait_for()
        await page.unroute("**/v1/files", hold)
        await page.get_by_role("button", name="Try again", exact=True).click()
        await page.get_by_text("5 of 5 sent").wait_for()
        await expect(page.locator("tbody tr")).to_have_count(5)
        await page.get_by_role("button", name="Close this list").click()
        await expect(row(page, "note0.txt")).to_have_count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def other_model(api):
    """A second embedding model, of another server."""
    async with Upstream(OpenAIServer("other-embed")) as up:
        provider = {"name": "elsewhere", "kind": "openai", "url": up.url, "models": ["other-embed"]}
        made = await api.post("/v1/providers", json=provider)
        assert made.status_code == 201, made.text
        yield "elsewhere/other-embed"
        await api.delete("/v1/providers/elsewhere")


async def test_another_model_and_back(window, api, other_model):
    store = (await api.post("/v1/vector_stores", json={"name": "Indexed"})).json()
    sent = await api.post("/v1/files", data={"purpose": "assistants"}, files={"file": ("whales.md", WHALES)})
    await api.post(f"/v1/vector_stores/{store['id']}/files", json={"file_id": sent.json()["id"]})
    async with window() as one:
        page = one.page
        await one.open(f"/documents/{store['id']}/files")
        await row(page, "whales.md").get_by_text("Ready").wait_for()
        await page.get_by_role("tab", name="Index").click()
        await page.get_by_role("button", name="Change the model").click()
        form = page.get_by_role("dialog")
        await form.get_by_label("Embedding model").select_option(other_model)
        await form.get_by_label("Switch").select_option("manual")
        await form.get_by_role("button", name="Begin").click()
        other = page.locator("[data-version]").filter(has_text=other_model)
        first = page.locator("[data-version]").filter(has_text="minilm")
        await expect(other).to_have_attribute("data-state", "ready", timeout=PATIENCE_MS)
        await expect(first).to_have_attribute("data-state", "active")
        assert await one.serious() == []
        for version, back in ((other, "Search by this one"), (first, "Go back to this one")):
            await version.get_by_role("button", name=back).click()
            await page.get_by_role("alertdialog").get_by_role("button", name=back).click()
            await expect(version).to_have_attribute("data-state", "active", timeout=PATIENCE_MS)
        await expect(other).to_have_attribute("data-state", "retired")
        await expect(page.get_by_role("definition").filter(has_text="minilm")).to_have_count(1)
        await page.get_by_role("button", name="Measure now").click()
        await page.get_by_test_id("figures").wait_for()
        await one.shot("documents-index")


@pytest.mark.parametrize(("language", "parts"), [("he", ["files", "index"]), ("zh", ["search", "ask"])])
async def test_a_collection_on_a_phone(window, api, language, parts):
    store = (await api.post("/v1/vector_stores", json={"name": "גשרים וכבלים"})).json()
    async with window(language=language, theme="dark", size=NARROW) as one:
        for part in parts:
            await one.open(f"/documents/{store['id']}/{part}")
            assert await one.too_wide() <= 0
            assert await one.serious() == []
            await one.shot(f"documents-{language}-{part}")


async def test_a_collection_is_renamed_and_deleted(window):
    async with window() as one:
        page = one.page
        await one.open("/documents")
        await make(page, "Wrong name")
        await page.get_by_role("button", name="Actions for Wrong name").click()
        await page.get_by_role("menuitem", name="Edit").click()
        await page.get_by_role("dialog").get_by_label("Name").fill("Right name")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("heading", level=1, name="Right name").wait_for()
        await page.get_by_role("button", name="Actions for Right name").click()
        await page.get_by_role("menuitem", name="Delete").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("heading", level=1, name="Documents").wait_for()
        await expect(page.get_by_role("link", name="Right name")).to_have_count(0)
