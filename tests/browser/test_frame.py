"""The frame of the console: the door, the way out, languages, themes, and all of it by keyboard."""

import httpx
import pytest
from playwright.async_api import expect

from browser.window import NARROW


async def test_through_the_door_to_where_one_wanted_and_out_again(window, admin_key):
    async with window(key=None, expected="401") as one:
        await one.open("/system")
        assert "/sign-in" in one.page.url
        assert await one.serious() == []
        await one.shot("sign-in")
        await one.page.get_by_label("Key").fill("rh_wrong_" + "x" * 43)
        await one.page.keyboard.press("Enter")
        await one.page.get_by_text("not_signed_in").wait_for()
        assert await one.serious() == []
        await one.page.get_by_label("Key").fill(admin_key)
        await one.page.keyboard.press("Enter")
        await one.page.get_by_role("heading", level=1, name="System").wait_for()
        assert one.page.url.endswith("/console/system")
        # What a script could steal, a hostile page could.
        assert "rh_" not in await one.page.evaluate("document.cookie + JSON.stringify(localStorage)")
        await one.page.get_by_role("button", name="Sign out").click()
        await one.page.get_by_label("Key").wait_for()
        assert [cookie["name"] for cookie in await one.context.cookies()] == []


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
async def test_the_door_leads_nowhere_else(window, admin_key, target):
    async with window(key=None) as one:
        await one.page.goto(f"{one.url}/console/sign-in?to={target}")
        await one.page.get_by_label("Key").fill(admin_key)
        await one.page.keyboard.press("Enter")
        await one.page.get_by_role("navigation").wait_for()
        assert one.page.url.startswith(f"{one.url}/console")


async def test_a_key_that_is_revoked_leads_back_to_the_door(window, server, admin_key):
    async with httpx.AsyncClient(
        base_url=server.url, headers={"authorization": f"Bearer {admin_key}"}
    ) as client:
        made = (await client.post("/v1/keys", json={"name": "short", "scopes": ["ops", "keys"]})).json()
        async with window(key=made["key"], expected="401") as one:
            await one.open("/system")
            await client.delete(f"/v1/keys/{made['id']}")
            await one.page.get_by_label("Key", exact=True).wait_for()
            assert "/sign-in" in one.page.url


async def test_scopes_hide_pages(window, server, admin_key):
    async with httpx.AsyncClient(
        base_url=server.url, headers={"authorization": f"Bearer {admin_key}"}
    ) as client:
        made = (await client.post("/v1/keys", json={"name": "little", "scopes": ["models:read"]})).json()
    async with window(key=made["key"]) as one:
        await one.open("/")
        shown = await one.page.get_by_role("navigation").get_by_role("link").all_inner_texts()
        assert "Start" in shown
        assert "System" not in shown


async def test_language_and_theme_by_keyboard(window):
    async with window() as one:
        await one.open("/")
        await one.page.keyboard.press("Tab")
        assert await one.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        await one.page.keyboard.press("Enter")
        assert await one.page.evaluate("document.activeElement.id") == "main"
        await one.page.get_by_role("button", name="English").focus()
        await one.page.keyboard.press("Enter")
        hebrew = one.page.get_by_role("menuitemcheckbox", name="עברית")
        await one.page.get_by_role("menu").press("End")
        await expect(hebrew).to_be_focused()
        await one.page.keyboard.press("Enter")
        await one.page.get_by_role("heading", name="ברוכים הבאים").wait_for()
        assert await one.page.locator("html").get_attribute("dir") == "rtl"
        box = await one.page.locator("#navigation").bounding_box()
        assert box["x"] > 1000
        await one.page.get_by_role("button", name="ערכת צבעים").focus()
        await one.page.keyboard.press("Enter")
        await one.page.get_by_role("menuitemcheckbox", name="כהה").press("Enter")
        assert await one.page.locator("html").get_attribute("data-theme") == "dark"
        await one.page.reload()
        await one.drawn()
        assert await one.page.locator("html").get_attribute("data-theme") == "dark"
        assert await one.page.locator("html").get_attribute("dir") == "rtl"


async def test_the_navigation_of_a_phone(window):
    async with window(size=NARROW) as one:
        await one.open("/")
        assert not await one.page.locator("#navigation").is_visible()
        await one.page.get_by_role("button", name="Open navigation").click()
        await one.shot("navigation-narrow")
        assert await one.serious() == []
        await one.page.keyboard.press("Escape")
        await expect(one.page.locator("#navigation")).to_be_hidden()
        await one.page.get_by_role("button", name="Open navigation").click()
        await one.page.get_by_role("navigation").get_by_role("link", name="System").click()
        await one.page.get_by_role("heading", level=1, name="System").wait_for()
        assert not await one.page.locator("#navigation").is_visible()
