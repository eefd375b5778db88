"""The page of the system: keys are made and revoked, settings say where they came from."""

from browser.window import NARROW


async def test_a_key_is_made_used_and_revoked(window, server):
    async with window() as one:
        await one.open("/system")
        await one.page.get_by_role("tab", name="Keys").click()
        await one.page.get_by_role("button", name="Create a key").click()
        form = one.page.get_by_role("dialog")
        await form.get_by_label("Name").fill("Ann <b>'s</b> phone")
        await form.get_by_label("jobs:read").check()
        await form.get_by_label("Requests per minute").fill("7")
        assert await one.serious() == []
        await one.shot("key-form")
        await form.get_by_role("button", name="Create a key").click()
        text = await one.page.get_by_test_id("made-key").inner_text()
        assert server.get("/v1/jobs", text)[0] == 200
        assert server.get("/v1/keys", text)[0] == 403
        status, quotas = server.get("/v1/quotas/me", text)
        assert status == 200
        assert "7" in str(quotas)
        await one.page.keyboard.press("Escape")
        row = one.page.get_by_role("row").filter(has_text="Ann <b>'s</b> phone")
        assert "Active" in await row.inner_text()
        await row.get_by_role("button", name="Revoke").click()
        await one.page.get_by_role("alertdialog").get_by_role("button", name="Revoke").click()
        await row.get_by_text("Revoked").wait_for()
        assert server.get("/v1/jobs", text)[0] == 401


async def test_an_error_is_told_with_its_code(window):
    async with window(expected="422") as one:
        await one.open("/system")
        await one.page.get_by_role("tab", name="Keys").click()
        await one.page.get_by_role("button", name="Create a key").click()
        form = one.page.get_by_role("dialog")
        await form.get_by_label("Name").fill("late")
        await form.get_by_label("Ends").fill("2001-01-01T10:00")
        await form.get_by_role("button", name="Create a key").click()
        alert = form.get_by_role("alert")
        await alert.wait_for()
        told = await alert.inner_text()
        assert "expires_at must lie in the future" in told
        assert "unprocessable" in told
        assert "req_" in told


async def test_settings_say_where_they_came_from(window):
    async with window(size=NARROW) as one:
        await one.open("/system")
        await one.page.get_by_role("tab", name="Settings").click()
        await one.page.get_by_label("Only what differs from the default").check()
        row = one.page.get_by_role("row").filter(has_text="server.port")
        assert "Command line" in await row.inner_text()
        row = one.page.get_by_role("row").filter(has_text="engine.discover")
        assert "Environment" in await row.inner_text()
        assert await one.too_wide() <= 0
        assert await one.serious() == []
        await one.shot("settings-narrow")
