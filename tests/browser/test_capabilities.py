"""Capabilities that are registered by hand, changed, compared and brought back; and those that others describe."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import LANGUAGES, NARROW
from module_server import ai_math, serving
from peers.mcp_servers import tool_server

HOSTILE = "<img/src=x/onerror=window.ran=1>"
SCHEMA = {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]}
COLLECTION = {
    "info": {
        "name": "Maths",
        "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
    },
    "item": [
        {
            "name": "sum",
            "request": {
                "method": "POST",
                "url": "http://127.0.0.1:1/solve",
                "body": {
                    "mode": "raw",
                    "raw": '{"expression": "2+3"}',
                    "options": {"raw": {"language": "json"}},
                },
            },
        }
    ],
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def module():
    async with serving(ai_math()) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept(api, module):
    """A capability of three versions, that has what a capability can have."""
    new = {
        "name": "hand.kept",
        "title": f"Kept {HOSTILE}",
        "tags": ["maths"],
        "labels": {"gpu": True},
        "endpoint": {"url": f"{module}/solve"},
        "input_schema": SCHEMA,
        "headers": {"X-Key": "secret"},
    }
    made = await api.post("/v1/capabilities", json=new)
    assert made.status_code == 201, made.text
    for title in ("An expression", HOSTILE):
        schema = {**SCHEMA, "properties": {"expression": {"type": "string", "title": title}}}
        done = await api.patch("/v1/capabilities/hand.kept", json={"input_schema": schema})
        assert done.status_code == 200, done.text
    return "hand.kept"


async def test_one_is_registered_by_hand(window, api, module):
    async with window(expected="422") as one:
        page = one.page
        await one.open("/tasks#capabilities")
        await page.get_by_role("link", name="New capability").click()
        form = page.get_by_role("form", name="New capability")
        await form.get_by_label("Name", exact=True).fill("hand.solve")
        await form.get_by_label("Title", exact=True).fill("Solve it")
        await form.get_by_label("Tags").fill("maths, by hand")
        await form.get_by_label("Labels").fill('{"gpu": false}')
        await form.get_by_label("Address").fill(f"{module}/solve")
        await form.get_by_role("button", name="Add a header").click()
        await form.get_by_label("Name of header 1").fill("X-Key")
        await form.get_by_label("Value of header 1").fill("secret")
        await form.get_by_label("Longest call").fill("7")
        await form.get_by_label("Cost units of a call").fill("2.5")
        await form.get_by_label("A call that was cut off may be repeated").check()
        schema = form.get_by_label("Schema of the input")
        await schema.fill('{\n  "type": "object",\n  nothing\n}')
        await expect(form.get_by_text("This is no JSON from line 3 on.")).to_be_visible()
        await expect(form.get_by_role("button", name="Register")).to_be_disabled()
        await expect(form.get_by_text("Not yet the JSON that it must be")).to_contain_text(
            "Schema of the input"
        )
        assert await one.serious() == []
        await one.shot("capability-new-wrong")
        await schema.fill('{"type": "nonsense"}')
        await form.get_by_role("button", name="Register").click()
        await expect(form.get_by_role("alert")).to_contain_text("input_schema")
        await expect(schema).to_have_attribute("aria-invalid", "true")
        await schema.fill(json.dumps(SCHEMA))
        await form.get_by_label("Examples").fill('[{"name": "two", "input": {"expression": "2+2"}}]')
        assert await one.too_wide() <= 0
        await one.shot("capability-new")
        await form.get_by_role("button", name="Register").click()
        await page.get_by_role("heading", name="hand.solve").wait_for()
        await page.get_by_role("button", name="two").click()
        await page.get_by_role("form", name="Run it").get_by_role("button", name="Run").click()
        await expect(page.get_by_role("region", name="Output")).to_contain_text('"value": 4')
    made = (await api.get("/v1/capabilities/hand.solve")).json()
    assert (made["tags"], made["labels"], made["header_names"]) == (
        ["maths", "by hand"],
        {"gpu": False},
        ["X-Key"],
    )
    assert (made["timeout_s"], made["idempotent"], made["endpoint"]) == (7, True, {"url": f"{module}/solve"})
    assert made["cost_units"] == 2.5


async def test_one_is_changed_and_only_what_was_changed_is_sent(window, api, kept):
    before = (await api.get(f"/v1/capabilities/{kept}")).json()
    async with window() as one:
        page = one.page
        sent: list[dict[str, object]] = []
        page.on(
            "request",
            lambda request: sent.append(request.post_data_json) if request.method == "PATCH" else None,
        )
        await one.open(f"/tasks#capabilities/{kept}")
        await page.get_by_role("link", name="Change", exact=True).click()
        form = page.get_by_role("form", name=f"Change {kept}")
        await expect(form.get_by_text("Kept: X-Key.")).to_be_visible()
        await form.get_by_label("Description").fill("For sums")
        await form.get_by_label("Kept", exact=True).select_option("Nothing")
        assert await one.serious() == []
        await one.shot("capability-change")
        async with page.expect_response(lambda answer: answer.request.method == "PATCH"):
            await form.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("For sums")).to_be_visible()
        assert sent == [{"description": "For sums", "kept": "none"}]
        assert await page.evaluate("window.ran") is None
    after = (await api.get(f"/v1/capabilities/{kept}")).json()
    assert (after["version"], after["header_names"], after["kept"]) == (before["version"], ["X-Key"], "none")


async def test_versions_are_compared_and_one_comes_back(window, api, kept):
    async with window() as one:
        page = one.page
        await one.open(f"/tasks#capabilities/{kept}")
        await page.get_by_role("link", name="Versions").click()
        listed = page.get_by_role("list", name="Versions").get_by_role("listitem")
        await expect(listed).to_have_count(3)
        await expect(listed.first).to_contain_text("In force")
        changes = page.get_by_role("region", name="The changes")
        await expect(changes).to_contain_text("/input_schema/properties/expression/title")
        await expect(changes).to_contain_text(HOSTILE)
        await page.get_by_label("From", exact=True).select_option("Version 1")
        await page.get_by_label("To", exact=True).select_option("Version 2")
        await expect(changes).to_contain_text("An expression")
        assert await one.serious() == []
        assert await one.too_wide() <= 0
        await one.shot("capability-versions")
        await page.get_by_role("button", name="Back to version 1").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Back to this").click()
        await expect(listed).to_have_count(4)
        await expect(listed.first).to_contain_text("Version 4")
        assert await page.evaluate("window.ran") is None
    after = (await api.get(f"/v1/capabilities/{kept}")).json()
    assert (after["version"], after["input_schema"]) == (4, SCHEMA)


async def test_one_is_deleted(window, api, module):
    new = {"name": "hand.gone", "endpoint": {"url": f"{module}/solve"}}
    assert (await api.post("/v1/capabilities", json=new)).status_code == 201
    async with window() as one:
        page = one.page
        await one.open("/tasks#capabilities/hand.gone")
        await page.get_by_role("button", name="Delete").click()
        question = page.get_by_role("alertdialog", name="Delete hand.gone?")
        await question.get_by_role("button", name="Delete").click()
        await page.get_by_role("link", name="New capability").wait_for()
        await expect(page.get_by_role("link", name="hand.gone")).to_have_count(0)
    assert (await api.get("/v1/capabilities/hand.gone")).status_code == 404


async def test_a_postman_collection_comes_in_and_goes_out(window, api):
    async with window() as one:
        page = one.page
        await one.open("/tasks#capabilities")
        await page.get_by_role("button", name="Import").click()
        await page.get_by_role("menuitem", name="Postman collection…").click()
        dialog = page.get_by_role("dialog", name="Import a Postman collection")
        await dialog.get_by_label("A file of this device").set_input_files(
            {"name": "maths.json", "mimeType": "application/json", "buffer": json.dumps(COLLECTION).encode()}
        )
        await expect(dialog.get_by_label("Collection (JSON)")).to_have_value(json.dumps(COLLECTION))
        await dialog.get_by_role("button", name="Show what would change").click()
        await expect(dialog.get_by_role("region", name="What would change")).to_contain_text("New: 1")
        assert await one.serious() == []
        await one.shot("capability-postman")
        await dialog.get_by_role("button", name="Apply").click()
        await expect(dialog).to_have_count(0)
        names = [one["name"] for one in (await api.get("/v1/capabilities?origin=postman")).json()["data"]]
        assert len(names) == 1
        await expect(page.get_by_role("link", name=names[0])).to_be_visible()
        async with page.expect_download() as waiting:
            await page.get_by_role("button", name="Import").click()
            await page.get_by_role("menuitem", name="Export for Postman").click()
        taken = await waiting.value
        assert taken.suggested_filename == "capabilities.postman_collection.json"
        text = json.dumps(json.loads((await taken.path()).read_text("utf-8")))
        assert names[0] in text


async def test_tools_of_an_mcp_server_are_pinned_until_approved(window, api):
    async with tool_server("echo", "other") as tools, window() as one:
        tools.offer("echo", f"Says it again. {HOSTILE}")
        page = one.page
        await one.open("/tasks#capabilities")
        await page.get_by_role("button", name="Import").click()
        await page.get_by_role("menuitem", name="MCP server…").click()
        dialog = page.get_by_role("dialog", name="Import an MCP server")
        await dialog.get_by_label("Address of the server").fill(f"{tools.url}/mcp")
        await dialog.get_by_label("First part of the names").fill("pinned")
        await dialog.get_by_role("button", name="Look at its tools").click()
        found = dialog.get_by_role("region", name="Its tools")
        await expect(found.get_by_text("New", exact=True)).to_have_count(2)
        await expect(found).to_contain_text(HOSTILE)
        assert await one.serious() == []
        await one.shot("capability-mcp")
        await dialog.get_by_role("button", name="Apply").click()
        await expect(dialog).to_have_count(0)
        approved = (await api.get("/v1/capabilities/pinned.echo")).json()
        assert approved["enabled"]

        tools.offer("echo", "Says something else.")
        await one.open("/tasks#modules")
        await page.get_by_role("button", name="Look at all of them now").click()
        await expect(page.get_by_role("region", name="What was found")).to_contain_text("pinned.echo")
        servers = page.get_by_role("region", name="MCP servers")
        await expect(servers).to_contain_text("Changed at their source: 1")
        assert await one.serious() == []
        await one.shot("modules-drifted")
        await servers.get_by_text("Tools: 2").click()
        await servers.get_by_role("link", name="pinned.echo").click()
        await expect(page.get_by_text("Says something else.").first).to_be_visible()
        await expect(page.get_by_text(approved["endpoint"]["digest"]).first).to_be_visible()
        assert await one.serious() == []
        await one.shot("capability-tool-changed")
        await page.get_by_role("button", name="Take over pinned.echo").click()
        await expect(page.get_by_role("button", name="Take over pinned.echo")).to_have_count(0)
        taken = (await api.get("/v1/capabilities/pinned.echo")).json()
        assert (taken["enabled"], taken["state"], taken["description"]) == (
            True,
            "active",
            "Says something else.",
        )
        assert await page.evaluate("window.ran") is None
    for name in ("pinned.echo", "pinned.other"):
        await api.delete(f"/v1/capabilities/{name}")


async def test_who_may_only_run_changes_nothing(window, api, kept):
    made = await api.post("/v1/keys", json={"name": "runner", "scopes": ["tasks"]})
    async with window(key=made.json()["key"]) as one:
        page = one.page
        await one.open("/tasks#capabilities")
        await page.get_by_role("link", name=kept).wait_for()
        await expect(page.get_by_role("link", name="New capability")).to_have_count(0)
        await expect(page.get_by_role("button", name="Import")).to_have_count(0)
        await page.get_by_role("link", name=kept).click()
        await page.get_by_role("form", name="Run it").wait_for()
        await expect(page.get_by_role("link", name="Change", exact=True)).to_have_count(0)
        await one.open("/tasks#modules")
        await page.get_by_role("heading", name="Registered modules").wait_for()
        await expect(page.get_by_role("button", name="Register a module")).to_have_count(0)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_part_on_a_phone(window, kept, language):
    async with window(size=NARROW, language=language, theme="dark" if language == "he" else "light") as one:
        parts = {
            "capabilities//new": "form",
            f"capabilities/{kept}/edit": "form",
            f"capabilities/{kept}/versions": "ol",
            "modules": "h2",
        }
        for part, shown in parts.items():
            await one.page.goto("about:blank")
            await one.open(f"/tasks#{part}")
            await one.page.locator("main").locator(shown).first.wait_for()
            assert await one.too_wide() <= 0, part
            assert await one.serious() == [], part
            await one.shot(f"capability-narrow-{language}-{part.replace('/', '-')}")
