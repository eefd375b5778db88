"""Quota plans: made, changed, assigned, looked at as they are used, taken away and deleted."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import LANGUAGES, NARROW

HOSTILE = "<img/src=x/onerror=window.ran=1>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy(api):
    """A plan of a tenant of its own, of which one user has used some; the id of the plan."""
    plan = {"name": f"busy {HOSTILE}", "shared": True, "tasks_per_day": 4, "concurrent_tasks": 2}
    made = (await api.post("/v1/quota-plans", json=plan)).json()["id"]
    key = await api.post(
        "/v1/keys", json={"name": "an", "scopes": ["tasks"], "site_id": "plans", "user_id": "an"}
    )
    whom = {"plan_id": made, "site_id": "plans", "user_id": "an"}
    assert (await api.put("/v1/quota-assignments", json=whom)).status_code == 200
    for _ in range(3):
        asked = await api.post(
            "/v1/tasks",
            json={"capability": "builtin.embed", "input": {"input": "x"}},
            headers={"authorization": f"Bearer {key.json()['key']}", "prefer": "wait=20"},
        )
        assert asked.status_code in (200, 202), asked.text
    return made


async def test_the_life_of_a_plan(window, api):
    async with window(expected="409") as one:
        page = one.page
        await one.open("/system#plans")
        await page.get_by_role("button", name="New plan").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Name").fill("small shops")
        await dialog.get_by_label("Template").select_option("free")
        await dialog.get_by_label("Tasks in a day").fill("500")
        await dialog.get_by_label("When there is no room").select_option("degrade")
        await dialog.get_by_label("Which flow").fill("cheap")
        assert await one.serious() == []
        await one.shot("plans-new")
        await dialog.get_by_role("button", name="New plan").click()
        await expect(dialog).to_have_count(0)
        card = (
            page.get_by_role("list", name="Quota plans")
            .get_by_role("listitem")
            .filter(has_text="small shops")
        )
        await expect(card).to_contain_text("500")
        await expect(card).to_contain_text("another flow does it cheap")
        listed = (await api.get("/v1/quota-plans?limit=200")).json()["data"]
        plan = next(row for row in listed if row["name"] == "small shops")
        # What was left empty is the template's.
        assert (plan["concurrent_tasks"], plan["tasks_per_day"], plan["on_exceed"]) == (
            2,
            500,
            "degrade_to_flow:cheap",
        )

        await card.get_by_role("button", name="Change: small shops").click()
        await dialog.get_by_label("Tasks in a day").fill("")
        await dialog.get_by_label("Largest input, KiB").fill("64")
        await dialog.get_by_label("When there is no room").select_option("queue")
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog).to_have_count(0)
        changed = (await api.get(f"/v1/quota-plans/{plan['id']}")).json()
        assert (changed["tasks_per_day"], changed["max_input_bytes"], changed["on_exceed"]) == (
            None,
            65536,
            "queue",
        )
        assert changed["requests_per_minute"] == plan["requests_per_minute"]

        await card.get_by_role("button", name="Assign: small shops").click()
        await dialog.get_by_label("User").fill("binh")
        await dialog.get_by_label("App").fill("shop")
        assert await one.serious() == []
        await dialog.get_by_role("button", name="Assign", exact=True).click()
        await expect(dialog).to_have_count(0)
        row = (
            page.get_by_role("list", name="Who has which plan")
            .get_by_role("listitem")
            .filter(has_text="binh")
        )
        await expect(row).to_contain_text("default, user binh, app shop")
        await expect(row.get_by_role("progressbar")).to_have_count(3)

        await card.get_by_role("button", name="Delete: small shops").click()
        question = page.get_by_role("alertdialog")
        await question.get_by_role("button", name="Delete").click()
        await expect(question).to_contain_text("The plan is assigned")
        await question.get_by_role("button", name="Cancel").click()
        await row.get_by_role("button", name="Take away").click()
        await question.get_by_role("button", name="Take away").click()
        await expect(row).to_have_count(0)
        await card.get_by_role("button", name="Delete: small shops").click()
        await question.get_by_role("button", name="Delete").click()
        await expect(card).to_have_count(0)


async def test_what_is_used_and_when_it_is_whole_again(window, busy):
    async with window() as one:
        page = one.page
        await one.open("/system#plans")
        await page.get_by_label("Plan", exact=True).select_option(busy)
        row = page.get_by_role("list", name="Who has which plan").get_by_role("listitem")
        await expect(row).to_have_count(1)
        await expect(row).to_contain_text("plans, user an")
        day = row.get_by_role("progressbar", name="Tasks in a day")
        await expect(day).to_have_attribute("aria-valuenow", "75")
        await expect(row).to_contain_text("3 / 4")
        await expect(row).to_contain_text("anew in")
        await expect(row).to_contain_text("free again when a task ends")
        await page.get_by_label("User", exact=True).fill("nobody")
        await page.get_by_text("Nobody has such a plan.").wait_for()
        assert await page.evaluate("window.ran") is None


@pytest.mark.parametrize("language", LANGUAGES)
async def test_in_every_language_and_on_a_phone(window, busy, language):
    theme = "dark" if language in {"he", "vi"} else "light"
    async with window(language=language, theme=theme) as one:
        await one.open("/system#plans")
        await one.page.get_by_role("progressbar").first.wait_for()
        for width in ("wide", "narrow"):
            async with one.narrowed() if width == "narrow" else nullcontext():
                assert await one.too_wide() <= 0, width
                assert await one.serious() == [], width
                await one.shot(f"plans-{language}-{width}")


async def test_who_keeps_one_tenant_sees_what_it_may_change(window, api, busy):
    made = await api.post("/v1/keys", json={"name": "keeper", "scopes": ["keys"], "site_id": "plans"})
    async with window(key=made.json()["key"]) as one:
        page = one.page
        await one.open("/system")
        assert await page.get_by_role("tab").all_inner_texts() == ["Keys", "Quota plans"]
        await page.get_by_role("tab", name="Quota plans").click()
        card = page.get_by_role("list", name="Quota plans").get_by_role("listitem").filter(has_text="busy")
        await expect(card).to_contain_text("shared")
        await expect(card.get_by_role("button")).to_have_count(0)
        await page.get_by_role("button", name="New plan").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_text("Shared: for any tenant")).to_have_count(0)
        await dialog.get_by_label("Name").fill("own")
        await dialog.get_by_role("button", name="New plan").click()
        await page.get_by_role("button", name="Assign: own").click()
        # What the whole tenant may is for admins.
        await expect(dialog.get_by_role("button", name="Assign", exact=True)).to_be_disabled()
        await dialog.get_by_label("User").fill("chi")
        await dialog.get_by_role("button", name="Assign", exact=True).click()
        await page.get_by_text("“own” is in force.", exact=True).wait_for()


async def test_whoever_gives_tasks_sees_what_is_left(window, api, busy):
    made = await api.post(
        "/v1/keys", json={"name": "an2", "scopes": ["tasks"], "site_id": "plans", "user_id": "an"}
    )
    async with window(key=made.json()["key"], size=NARROW) as one:
        page = one.page
        await one.open("/tasks")
        left = page.get_by_role("region", name="What your plans leave")
        await left.get_by_text("What your plans leave").click()
        await expect(left).to_contain_text("1 of 4 left")
        await expect(left.get_by_role("progressbar")).to_have_count(2)
        assert await one.too_wide() <= 0
        assert await one.serious() == []
        await one.shot("plans-own")
