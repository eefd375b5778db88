"""Jobs as they go, what fills the disk, and what is deleted after it was shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import NARROW
from peers.downloading import download_peer

HOSTILE = "<img/src=x/onerror=window.ran=1>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def peer(api):
    """A model server whose downloads stop at a quarter until they may go on."""
    async with download_peer() as running:
        made = await api.post("/v1/providers", json={"name": "held", "kind": "ollama", "url": running.origin})
        assert made.status_code == 201, made.text
        yield running
        await api.delete("/v1/providers/held")


def write_old(logs):
    """Three closed parts of the log, as old as can be."""
    logs.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        (logs / f"roundhouse-{number}.log").write_text("x" * 2048)
        os.utime(logs / f"roundhouse-{number}.log", (1.0, 1.0))


def old(logs):
    return [one.name for one in logs.glob("roundhouse-?.log")]


async def pulled(api, name):
    answer = await api.post("/v1/models/pull", json={"model": f"held/{name}"})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def test_a_job_is_followed_stopped_and_tried_again(window, api, peer):
    async with window() as one:
        page = one.page
        await one.open("/system#jobs")
        job_id = await pulled(api, f"big{HOSTILE}")
        row = page.get_by_role("row").filter(has=page.get_by_role("button", name=f"Open model.pull {job_id}"))
        await expect(row).to_contain_text("Running")
        await expect(row).to_contain_text("25%")
        await expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
        assert await one.serious() == []
        await one.shot("jobs-wide")

        await row.get_by_role("button", name="Open model.pull").click()
        detail = page.get_by_role("dialog")
        await expect(detail).to_contain_text("job.started")
        await expect(detail).to_contain_text(HOSTILE)
        await expect(detail.get_by_role("listitem").filter(has_text="download").first).to_contain_text(
            "Running"
        )
        assert await one.serious() == []
        await one.shot("job-detail")
        await detail.get_by_role("button", name="Cancel: model.pull").click()
        await expect(detail).to_contain_text("Attempts that failed or were cut short")
        await expect(detail).to_contain_text("job.cancelled")
        peer.go.set()
        await detail.get_by_role("button", name="Try again: model.pull").click()
        await expect(detail).to_contain_text("job.completed")
        await expect(detail).to_contain_text("total_bytes")
        assert await page.evaluate("window.ran") is None
        await page.keyboard.press("Escape")
        await expect(detail).to_have_count(0)
        await expect(row).to_contain_text("Completed")
        peer.go.clear()


async def test_jobs_are_sifted_and_a_link_opens_one(window, api, peer):
    job_id = await pulled(api, "sifted")
    async with window(size=NARROW, language="he", theme="dark") as one:
        page = one.page
        await one.open("/system#jobs")
        await page.get_by_label("סוג").select_option("disk.clean")
        await page.get_by_label("מצב").select_option("failed")
        await page.get_by_text("אין משימות").wait_for()
        await page.get_by_label("סוג").select_option("model.pull")
        await page.get_by_label("מצב").select_option("running")
        await page.get_by_role("button", name=job_id).first.wait_for()
        assert await one.too_wide() <= 0
        assert await one.serious() == []
        await one.shot("jobs-narrow-he")
        await one.page.goto("about:blank")
        await one.open(f"/system#jobs/{job_id}")
        await expect(page.get_by_role("dialog")).to_contain_text("job.started")
        assert await one.too_wide() <= 0
        assert await one.serious() == []
        await one.shot("job-detail-narrow-he")
    await api.post(f"/v1/jobs/{job_id}/cancel")


async def test_a_key_that_only_looks_changes_nothing(window, api, peer):
    made = await api.post("/v1/keys", json={"name": "looks", "scopes": ["jobs:read"], "user_id": "u1"})
    async with window(key=made.json()["key"]) as one:
        await one.open("/system")
        assert await one.page.get_by_role("tab").all_inner_texts() == ["Jobs"]
        # It stands for one user, who has none.
        await one.page.get_by_text("No jobs", exact=True).wait_for()


async def test_what_goes_is_shown_first(window, api):
    disk = (await api.get("/v1/system/disk")).json()
    logs = Path(next(part["place"] for part in disk["parts"] if part["name"] == "logs"))
    write_old(logs)
    async with window() as one:
        page = one.page
        await one.open("/system#upkeep")
        await expect(page.get_by_role("row").filter(has_text="Database")).to_contain_text("iB")
        await page.get_by_label("Recordings").uncheck()
        await page.get_by_role("button", name="Show what would be deleted").click()
        await page.get_by_text("3 things would be deleted, 6 KiB").wait_for()
        await page.get_by_text("The first 3").click()
        assert await one.serious() == []
        await one.shot("upkeep-plan")
        # What was asked is asked no more when the question changes.
        await page.get_by_label("Older than so many days").fill("30")
        await expect(page.get_by_text("3 things would be deleted")).to_have_count(0)
        await page.get_by_role("button", name="Show what would be deleted").click()
        await page.get_by_role("button", name="Delete", exact=True).click()
        question = page.get_by_role("alertdialog", name="Delete 3 things?")
        await question.get_by_role("button", name="Delete", exact=True).click()
        await page.get_by_text("3 things were deleted, 6 KiB").wait_for()
        assert await one.serious() == []
        await one.shot("upkeep-done")
    assert old(logs) == []


@pytest.mark.parametrize("language", ["vi", "zh", "he"])
async def test_the_disk_in_other_languages(window, language):
    async with window(size=NARROW, language=language, theme="dark") as one:
        await one.open("/system#upkeep")
        await one.page.get_by_role("table").wait_for()
        assert await one.too_wide() <= 0
        assert await one.serious() == []
        await one.shot(f"upkeep-narrow-{language}")
