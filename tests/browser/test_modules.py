"""Registered modules: with paths of their own, looked at again, changed and removed."""

from __future__ import annotations

from playwright.async_api import expect

from browser.window import NARROW
from module_server import ai_math, serving


async def test_a_module_is_registered_looked_at_and_removed(window, api):
    app = ai_math()
    # Of what is gone there is nothing to approve any more: 404.
    async with serving(app) as url, window(expected="404") as one:
        page = one.page
        await one.open("/tasks#modules")
        await page.get_by_role("button", name="Register a module").click()
        dialog = page.get_by_role("dialog", name="Register a module")
        await dialog.get_by_label("Name", exact=True).first.fill("sums")
        await dialog.get_by_label("Address of the module").fill(url)
        path = dialog.get_by_role("group", name="Path 1")
        await path.get_by_label("Name", exact=True).fill("solve")
        await path.get_by_label("Path at the module").fill("/solve")
        assert await one.serious() == []
        await one.shot("modules-register")
        await dialog.get_by_role("button", name="Register a module").click()
        await expect(dialog).to_have_count(0)
        sums = (
            page.get_by_role("region", name="Registered modules").get_by_role("listitem").filter(has_text=url)
        )
        await sums.get_by_text("Paths: 1").click()
        await expect(sums).to_contain_text("POST /sums/solve")
        await expect(sums).to_contain_text("Schemas from its own document")
        answer = await api.post("/sums/solve", json={"expression": "6*7"})
        assert answer.json()["data"]["text"] == "6*7 = 42"

        await page.get_by_role("button", name="Look now: sums").click()
        health = page.get_by_role("region", name="How sums is")
        await expect(health).to_contain_text("Answers")
        await expect(health).to_contain_text("Its document says what was approved")
        # The module is deployed anew, without what it had.
        app.router.routes[:] = [
            route for route in app.router.routes if getattr(route, "path", "") != "/solve"
        ]
        app.openapi_schema = None
        await page.get_by_role("button", name="Look now: sums").click()
        await expect(health).to_contain_text("sums.solve")
        await expect(sums).to_contain_text("Changed at their source: 1")
        assert await one.serious() == []
        assert await one.too_wide() <= 0
        await one.shot("modules-changed")
        await health.get_by_role("link", name="sums.solve").click()
        await expect(
            page.get_by_text("Its source tells of it no more. Taken over, it is switched off.")
        ).to_be_visible()
        await page.get_by_role("button", name="Take it over").click()
        await expect(page.get_by_text("It is switched off.")).to_be_visible()

        await one.open("/tasks#modules")
        await page.get_by_role("button", name="Delete: sums").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        await expect(sums).to_have_count(0)
    assert (await api.get("/gateway/registrations/sums")).status_code == 404
    assert (await api.get("/v1/capabilities/sums.solve")).status_code == 404


async def test_one_is_changed_without_losing_the_schemas_it_was_given(window, api):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    route = {"name": "count", "upstream_path": "/count", "input_schema": schema}
    body = {"name": "silent", "base_url": "http://127.0.0.1:9", "routes": [route]}
    assert (await api.post("/gateway/register", json=body)).status_code == 200
    async with window(size=NARROW) as one:
        page = one.page
        await one.open("/tasks#modules")
        await page.get_by_role("button", name="Look now: silent").click()
        await expect(page.get_by_role("region", name="How silent is")).to_contain_text("Does not answer")
        await page.get_by_role("button", name="Change: silent").click()
        dialog = page.get_by_role("dialog", name="Change silent")
        await dialog.get_by_label("Path here").fill("/counted/up")
        await dialog.get_by_role("button", name="Add a path").click()
        path = dialog.get_by_role("group", name="Path 2")
        await path.get_by_label("Name", exact=True).fill("more")
        await path.get_by_label("Path at the module").fill("/more")
        assert await one.serious() == []
        assert await one.too_wide() <= 0
        await one.shot("modules-narrow-change")
        await dialog.get_by_role("button", name="Register a module").click()
        await expect(dialog).to_have_count(0)
    made = (await api.get("/gateway/registrations/silent")).json()
    assert [(one["gateway_path"], one["schema_from"]) for one in made["routes"]] == [
        ("/counted/up", "given"),
        ("/silent/more", "none"),
    ]
    assert (await api.get("/v1/capabilities/silent.count")).json()["input_schema"] == schema
    await api.delete("/gateway/registrations/silent")


async def test_imported_documents_are_listed_and_left_alone(window, api):
    async with serving(ai_math()) as url:
        asked = {"url": f"{url}/openapi.json", "prefix": "listed", "apply": True}
        done = await api.post("/v1/capabilities/import/openapi", json=asked)
        assert done.status_code == 200, done.text
    async with window() as one:
        page = one.page
        await one.open("/tasks#modules")
        row = page.get_by_role("row").filter(has_text=asked["url"])
        await page.get_by_role("button", name="Look at all of them now").click()
        await expect(row).to_contain_text("bad_input")
        await row.get_by_role("button", name="Look no more").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Look no more").click()
        await expect(row).to_have_count(0)
    listed = (await api.get("/v1/capabilities/import/sources")).json()["data"]
    assert asked["url"] not in [one["url"] for one in listed]
    for name in ("listed.solve", "listed.constant"):
        assert (await api.delete(f"/v1/capabilities/{name}")).status_code == 200
