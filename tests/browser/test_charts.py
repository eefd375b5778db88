"""Charts of what was asked and of the machine: drawn, read by keyboard, in every language and both themes."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import NARROW

QUESTION = [{"role": "user", "content": "The sky is blue. What is blue?"}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asked(api):
    """Three good answers, one of them a stream, and one refusal."""
    for stream in (False, False, True):
        body = {"model": "roundhouse/extractive", "messages": QUESTION, "stream": stream}
        assert (await api.post("/v1/chat/completions", json=body)).status_code == 200
    body = {"model": "nothing/here", "messages": QUESTION}
    assert (await api.post("/v1/chat/completions", json=body)).status_code == 404


def panel(page, title):
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True)).last


async def test_what_was_asked_and_how_the_machine_was(window, asked):
    async with window() as one:
        page = one.page
        await one.open("/system#charts")
        requests = panel(page, "Requests to models")
        plot = requests.get_by_role("img", name="Requests to models over time: All, Errors")
        await expect(plot.locator("canvas")).to_have_count(1)
        for title in ("Tokens", "Time of an answer", "Processor and cards", "Memory in use", "Jobs", "Disk"):
            await expect(panel(page, title).locator("canvas")).to_have_count(1)
        await expect(panel(page, "Memory in use")).to_contain_text("%")
        await expect(panel(page, "Disk").get_by_role("listitem").first).to_contain_text("iB")
        assert await one.serious() == []
        await one.shot("charts-wide")
        # By keyboard: from point to point, with the numbers and the time of each.
        await plot.focus()
        seen = set()
        for _ in range(4):
            await page.keyboard.press("ArrowLeft")
            seen.add(await requests.get_by_role("list").inner_text())
        assert len(seen) > 1
        await page.keyboard.press("Escape")
        await page.get_by_label("Time", exact=True).select_option("43200")
        # At least these: other tests ask the same server.
        await expect(requests.get_by_role("listitem").filter(has_text="All")).to_contain_text(
            re.compile(r"[4-9]|\d{2}")
        )
        await expect(requests.get_by_role("listitem").filter(has_text="Errors")).to_contain_text(
            re.compile(r"[1-9]")
        )
        await page.get_by_text("which is as far as it is remembered").wait_for()
        await one.shot("charts-month")


@pytest.mark.parametrize(("language", "theme"), [("he", "dark"), ("vi", "light"), ("zh", "dark")])
async def test_charts_on_a_phone(window, asked, language, theme):
    async with window(size=NARROW, language=language, theme=theme) as one:
        await one.open("/system#charts")
        await expect(one.page.locator("canvas")).not_to_have_count(0)
        assert await one.too_wide() <= 0
        assert await one.serious() == []
        await one.shot(f"charts-narrow-{language}-{theme}")


async def test_a_key_sees_the_charts_that_it_may(window, api, asked):
    made = await api.post("/v1/keys", json={"name": "sums", "scopes": ["usage:read"]})
    async with window(key=made.json()["key"]) as one:
        await one.open("/system#charts")
        await expect(panel(one.page, "Requests to models").locator("canvas")).to_have_count(1)
        await expect(one.page.get_by_role("heading", name="Processor and cards")).to_have_count(0)
