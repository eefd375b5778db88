"""Who used how much and what is left, who changed what: sifted, summed up, taken away, checked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import NARROW

QUESTION = [{"role": "user", "content": "The sky is blue. What is blue?"}]
HOSTILE = '=1+1"><img src=x onerror="window.ran=1">'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy(api):
    """A key of a tenant of its own with a budget, that has asked three times."""
    wanted = {"name": HOSTILE, "site_id": "north", "user_id": "=ann", "budget_tokens": 1000, "budget_usd": 5}
    made = (await api.post("/v1/keys", json=wanted)).json()
    for _ in range(3):
        body = {"model": "roundhouse/extractive", "messages": QUESTION}
        answer = await api.post(
            "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {made['key']}"}
        )
        assert answer.status_code == 200
    # The records are written beside the requests.
    async with asyncio.timeout(30):
        while True:
            listed = (await api.get("/v1/usage?group_by=site&site_id=north")).json()["data"]
            if listed and listed[0]["requests"] == 3:
                return made


async def test_usage_is_summed_narrowed_and_taken_away(window, busy, tmp_path: Path):
    async with window() as one:
        page = one.page
        await one.open("/system#usage")
        table = page.get_by_role("table", name="Usage")
        north = table.get_by_role("row").filter(has_text="north")
        await expect(north.get_by_role("cell").nth(1)).to_have_text("3")
        budget = page.get_by_role("listitem").filter(has_text=HOSTILE)
        await expect(budget).to_contain_text("each month")
        await expect(budget.get_by_role("progressbar")).to_have_count(2)
        assert await one.serious() == []
        await one.shot("usage-wide")

        await page.get_by_label("By", exact=True).select_option("user")
        await expect(table.get_by_role("row").filter(has_text="=ann")).to_be_visible()
        async with page.expect_download() as taken:
            await page.get_by_role("button", name="CSV").click()
        file = await taken.value
        assert file.suggested_filename == "usage-by-user.csv"
        await file.save_as(tmp_path / "usage.csv")
        lines = (tmp_path / "usage.csv").read_text("utf-8").splitlines()
        assert lines[0].startswith("user,requests,errors")
        # A spreadsheet would compute what begins with =.
        assert [line for line in lines if line.startswith("'=ann,3,0")] != []

        await page.get_by_label("By", exact=True).select_option("site")
        await page.get_by_role("button", name="north: only this, by model").click()
        await expect(table.get_by_role("row").filter(has_text="roundhouse/extractive")).to_contain_text("3")
        await expect(table.get_by_role("row")).to_have_count(2)
        await page.get_by_role("button", name="Only the tenant north").click()
        await page.get_by_label("Time", exact=True).select_option("own")
        await page.get_by_label("From", exact=True).fill("2020-01-01")
        await page.get_by_label("To", exact=True).fill("2020-01-31")
        await page.get_by_text("Nothing was used in this time").wait_for()
        assert await page.evaluate("window.ran") is None


async def test_the_audit_log_tells_before_and_after(window, api, busy):
    await api.patch(f"/v1/keys/{busy['id']}", json={"requests_per_minute": 7})
    async with window() as one:
        page = one.page
        await one.open("/system#audit")
        await page.get_by_label("Action", exact=True).select_option("key")
        await page.get_by_label("What was changed").fill(busy["id"])
        table = page.get_by_role("table", name="Audit log")
        await expect(table.get_by_role("row")).to_have_count(3)
        assert await one.serious() == []
        await one.shot("audit-wide")
        await table.get_by_role("button", name=f"key.update {busy['id']}").click()
        detail = page.get_by_role("dialog")
        change = detail.get_by_role("row").filter(has_text="requests_per_minute")
        await expect(change.get_by_role("cell")).to_have_text(["requests_per_minute", "–", "7"])
        assert await one.serious() == []
        await one.shot("audit-entry")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Check the log").click()
        await page.get_by_text("The log is as it was written").wait_for()
        await page.get_by_label("From", exact=True).fill("2020-01-01")
        await page.get_by_label("To", exact=True).fill("2020-01-31")
        await page.get_by_text("Nothing is written down of that").wait_for()
        assert await page.evaluate("window.ran") is None


@pytest.mark.parametrize(("language", "theme"), [("he", "dark"), ("vi", "light"), ("zh", "dark")])
async def test_on_a_phone(window, busy, language, theme):
    async with window(size=NARROW, language=language, theme=theme) as one:
        await one.open("/system#keys")
        for part in ("usage", "audit"):
            await one.turn(part)
            await one.page.get_by_role("table").first.wait_for()
            assert await one.too_wide() <= 0, part
            assert await one.serious() == [], part
            await one.shot(f"{part}-narrow-{language}-{theme}")


async def test_scopes_hide_parts(window, api):
    made = await api.post("/v1/keys", json={"name": "some", "scopes": ["usage:read", "audit:read", "ops"]})
    async with window(key=made.json()["key"]) as one:
        await one.open("/system")
        tabs = await one.page.get_by_role("tab").all_inner_texts()
        assert tabs == ["Overview", "Over time", "Usage", "Audit log", "Disk and clean-up"]
        await one.page.get_by_role("tab", name="Disk and clean-up").click()
        await one.page.get_by_role("table").wait_for()
        await expect(one.page.get_by_role("heading", name="Clean up")).to_have_count(0)
