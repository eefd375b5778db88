"""The models: a provider is added, its models are loaded, named and asked, and all of it goes away again."""

from __future__ import annotations

import re

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import NARROW
from peers.ollama import ollama_peer

PARTS = ("memory", "list", "downloads", "aliases", "providers", "playground")
HOSTILE = '"><img src=x onerror="window.ran=1">'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def peer():
    async with ollama_peer() as running:
        yield running


@pytest.fixture
async def api(server, admin_key):
    async with httpx.AsyncClient(
        base_url=server.url, headers={"authorization": f"Bearer {admin_key}"}
    ) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rack(server, admin_key, peer):
    """The scripted Ollama as a provider, for as long as these tests run."""
    headers = {"authorization": f"Bearer {admin_key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as client:
        made = await client.post(
            "/v1/providers",
            json={"name": "rack", "kind": "ollama", "url": peer.url, "options": {"memory_mib": 16384}},
        )
        assert made.status_code == 201, made.text
        yield "rack"
        await client.delete("/v1/providers/rack")


async def test_a_provider_is_added_tested_given_a_key_and_removed(window, api, peer):
    async with window() as one:
        page = one.page
        await one.open("/models#providers")
        await page.get_by_role("button", name="Add a provider").click()
        form = page.get_by_role("dialog")
        await form.get_by_label("Name").fill("shelf")
        await form.get_by_label("Kind").select_option("ollama")
        await form.get_by_label("Address").fill(peer.url)
        await form.get_by_label("Key").fill("first-secret")
        assert await one.serious() == []
        await form.get_by_role("button", name="Save and test").click()
        test = page.get_by_role("dialog", name="Test of “shelf”")
        await expect(test).to_contain_text("tiny:latest")
        await test.get_by_role("button", name="Close").last.click()
        row = page.get_by_role("row").filter(has_text="shelf")
        await expect(row).to_contain_text("OK")
        await row.get_by_role("button", name="Actions of shelf").click()
        await page.get_by_role("menuitem", name="Change the key").click()
        rotation = page.get_by_role("dialog", name="New key for “shelf”")
        await rotation.get_by_label("New key").fill("second-secret")
        await rotation.get_by_role("button", name="Change the key").click()
        await expect(page.get_by_role("dialog", name="Test of “shelf”")).to_contain_text("tiny:latest")
        assert "Bearer second-secret" in [asked.headers.get("authorization") for asked in peer.asked]
        assert "second-secret" not in await page.content()
        await page.keyboard.press("Escape")
        # An address where nobody answers is told as such.
        await row.get_by_role("button", name="Actions of shelf").click()
        await page.get_by_role("menuitem", name="Change").first.click()
        await page.get_by_label("Address").fill("http://127.0.0.1:9")
        await page.get_by_role("button", name="Save and test").click()
        await expect(page.get_by_role("dialog", name="Test of “shelf”")).to_contain_text("Does not answer")
        await page.keyboard.press("Escape")
        await row.get_by_role("button", name="Actions of shelf").click()
        await page.get_by_role("menuitem", name="Delete").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        # Behind the question nothing can be reached, so that no row would be one that is gone.
        await page.get_by_role("alertdialog").wait_for(state="hidden")
        await expect(row).to_have_count(0)
        assert "shelf" not in [one["name"] for one in (await api.get("/v1/providers")).json()["data"]]


async def test_a_model_is_loaded_pinned_and_sent_away(window, rack, peer):
    async with window() as one:
        page = one.page
        await one.open("/models")
        await page.get_by_role("button", name="Load a model").click()
        form = page.get_by_role("dialog")
        await form.get_by_label("Model").select_option("rack/tiny:latest")
        await form.get_by_role("button", name="Load", exact=True).click()
        held = page.get_by_role("main").get_by_role("listitem").filter(has_text="rack/tiny:latest")
        await expect(held).to_contain_text("Loaded")
        await expect(held).to_contain_text("4 GiB measured")
        await expect(held).to_contain_text("leaves in")
        await held.get_by_role("button", name="Pin").click()
        await expect(held).to_contain_text("Pinned")
        assert "tiny:latest" in peer.running
        await expect(held).not_to_contain_text("leaves in")
        await held.get_by_role("button", name="Unpin").click()
        await expect(held).to_contain_text("leaves in")
        await expect(held).not_to_contain_text("Pinned")
        assert await one.serious() == []
        await one.shot("models-memory")
        await held.get_by_role("button", name="Unload").click()
        await expect(held).to_have_count(0)
        assert "tiny:latest" not in peer.running


async def test_a_download_is_followed_until_the_model_is_there(window, rack):
    async with window() as one:
        page = one.page
        await one.open("/models#downloads")
        await page.get_by_label("Model to download").fill("rack/qwen:0.5b")
        await page.get_by_role("button", name="Download", exact=True).click()
        pull = page.get_by_role("main").get_by_role("listitem").filter(has_text="rack/qwen:0.5b")
        await expect(pull).to_contain_text("Done")
        await page.get_by_label("Model to download").fill("rack/nothing")
        await page.get_by_role("button", name="Download", exact=True).click()
        failed = page.get_by_role("main").get_by_role("listitem").filter(has_text="rack/nothing")
        await expect(failed).to_contain_text("model_not_found")
        await page.get_by_role("tab", name="All models").click()
        await page.get_by_label("Search models").fill("qwen")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(page.locator("tbody tr")).to_contain_text("Chat")


async def test_an_alias_is_made_changed_and_deleted(window, api, rack):
    async with window() as one:
        page = one.page
        await one.open("/models#aliases")
        await page.get_by_role("button", name="New alias").click()
        form = page.get_by_role("dialog")
        await form.get_by_label("Alias").fill(HOSTILE)
        targets = form.get_by_label("Models", exact=True).first
        for name in ("roundhouse/extractive", "rack/tiny:latest"):
            await targets.fill(name)
            await targets.press("Enter")
        await form.get_by_role("button", name="rack/tiny:latest: up").click()
        assert await one.serious() == []
        await form.get_by_role("button", name="Save").click()
        row = page.get_by_role("row").filter(has_text="onerror")
        await expect(row).to_contain_text("rack/tiny:latest")
        made = next(one for one in (await api.get("/v1/aliases")).json()["data"] if one["name"] == HOSTILE)
        assert made["targets"] == ["rack/tiny:latest", "roundhouse/extractive"]
        await row.get_by_role("button", name="Change").click()
        await form.get_by_role("button", name="Take roundhouse/extractive out").click()
        await form.get_by_label("Keep answers for").fill("90")
        await form.get_by_role("button", name="Save").click()
        await expect(row).not_to_contain_text("extractive")
        await row.get_by_role("button", name="Delete").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("alertdialog").wait_for(state="hidden")
        await expect(row).to_have_count(0)
        assert HOSTILE not in [one["name"] for one in (await api.get("/v1/aliases")).json()["data"]]
        assert await page.evaluate("window.ran") is None


async def test_models_are_asked_and_the_call_is_taken_along(window, rack, peer):
    peer.says.pieces = ["Beep ", HOSTILE]
    async with window() as one:
        page = one.page
        await one.open("/models#list")
        await page.get_by_role("button", name="Actions of rack/tiny:latest").click()
        await page.get_by_role("menuitem", name="Try it").click()
        await page.get_by_label("Message").fill("It's a 'test'")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_test_id("answer")).to_have_text(f"Beep {HOSTILE}")
        await expect(page.locator("dl")).to_contain_text("rack/tiny:latest")
        await expect(page.locator("pre")).to_contain_text(r"It'\''s a '\''test'\''")
        await page.get_by_role("tab", name="Python").click()
        await expect(page.locator("pre")).to_contain_text('model="rack/tiny:latest"')
        assert await one.serious() == []
        await page.get_by_label("What to try").select_option("embeddings")
        await page.get_by_label("Model", exact=True).select_option("roundhouse/minilm")
        await page.get_by_label("First text").fill("the same words")
        await page.get_by_label("Second text").fill("the same words")
        await page.get_by_role("button", name="Embed").click()
        await expect(page.get_by_test_id("similarity")).to_have_text("1.000")
        await page.get_by_label("Second text").fill("Locomotives turn on a table.")
        await page.get_by_role("button", name="Embed").click()
        await expect(page.get_by_test_id("similarity")).to_have_text(re.compile(r"^-?0\.\d{3}$"))
        await expect(page.locator("dl")).to_contain_text("384")
        await one.shot("models-embedding")
        assert await page.evaluate("window.ran") is None


async def test_every_part_on_a_phone_from_right_to_left(window, rack):
    async with window(language="he", theme="dark", size=NARROW) as one:
        await one.open("/models#playground")
        for part in PARTS:
            await one.turn(part)
            assert await one.too_wide() <= 0, part
            assert await one.serious() == [], part
            await one.shot(f"models-narrow-{part}")


async def test_who_may_only_look_is_offered_nothing_else(window, api, rack):
    made = (await api.post("/v1/keys", json={"name": "looker", "scopes": ["models:read"]})).json()
    async with window(key=made["key"]) as one:
        await one.open("/models")
        tabs = await one.page.get_by_role("tab").all_inner_texts()
        assert tabs == ["Memory", "All models", "Aliases"]
        assert await one.page.get_by_role("button", name="Load a model").count() == 0
