"""Tasks as they go and their traces, capabilities that are imported and run, webhooks and what was sent to them."""

from __future__ import annotations

import asyncio
import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import LANGUAGES, NARROW
from module_server import ai_math, serving

HOSTILE = "<img/src=x/onerror=window.ran=1>"
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
PERSON = {"kind": "edit", "title": "{{ $.input.question }}", "form": TEXT, "due_s": 3600}
FLOW = {"steps": [{"id": "person", "human": PERSON}], "output": {"text": "$.last.output.text"}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def module():
    """The example, which also waits for the end of all tests, and takes messages."""
    app, ended = ai_math(), asyncio.Event()

    async def slow() -> None:
        await ended.wait()

    async def hook() -> str:
        return f"thank you {HOSTILE}"

    app.add_api_route("/slow", slow, methods=["POST"], include_in_schema=False)
    app.add_api_route("/hook", hook, methods=["POST"], include_in_schema=False)
    async with serving(app) as url:
        yield url
        ended.set()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def slow(api, module):
    """A capability that takes as long as the tests."""
    new = {"name": "held.slow", "endpoint": {"url": f"{module}/slow"}, "input_schema": {"type": "object"}}
    made = await api.post("/v1/capabilities", json=new)
    assert made.status_code == 201, made.text
    yield "held.slow"
    await api.delete("/v1/capabilities/held.slow")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def solve(api, module):
    """The example's capabilities, imported."""
    asked = {"url": f"{module}/openapi.json", "apply": True}
    done = await api.post("/v1/capabilities/import/openapi", json=asked)
    assert done.status_code == 200, done.text
    return "ai-math.solve"


async def begun(api, capability, given, **more):
    answer = await api.post("/v1/tasks", json={"capability": capability, "input": given}, **more)
    assert answer.status_code in (200, 202), answer.text
    return answer.json()["id"]


async def test_a_module_is_imported_and_run(window, module):
    async with window() as one:
        page = one.page
        await one.open("/tasks#capabilities")
        await page.get_by_role("button", name="Import").click()
        await page.get_by_role("menuitem", name="OpenAPI document…").click()
        dialog = page.get_by_role("dialog", name="Import an OpenAPI document")
        await dialog.get_by_label("Address of the document").fill(f"{module}/openapi.json")
        await dialog.get_by_role("button", name="Show what would change").click()
        found = dialog.get_by_role("region", name="What would change")
        await expect(found).to_contain_text("New: 2")
        await expect(found).to_contain_text("ai-math.solve")
        assert await one.serious() == []
        await one.shot("tasks-import")
        await dialog.get_by_role("button", name="Apply").click()
        await expect(dialog).to_have_count(0)

        await page.get_by_role("link", name="ai-math.solve").click()
        form = page.get_by_role("form", name="Run it")
        await page.get_by_role("group", name="Examples").get_by_role("button", name="nested").click()
        await expect(form.get_by_label("Expression")).to_have_value("(1 + 2) * 3 - 4 / 8")
        await form.get_by_role("button", name="Run").click()
        await expect(page.get_by_role("region", name="Output")).to_contain_text('"value": 8.5')
        await expect(page.get_by_role("region", name="curl")).to_contain_text("/v1/run/ai-math.solve")
        assert await one.serious() == []
        assert await one.too_wide() <= 0
        await one.shot("tasks-capability")

        await page.get_by_role("link", name="The task and its trace").click()
        await expect(page.get_by_role("heading", name="call")).to_be_visible()
        await page.get_by_text("What was sent", exact=True).click()
        sent = page.get_by_role("region", name="Sent: call, attempt 1")
        await expect(sent).to_contain_text("(1 + 2) * 3 - 4 / 8")
        assert await one.serious() == []
        await one.shot("tasks-trace")


async def test_what_fails_tells_why(window, solve):
    async with window() as one:
        page = one.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await one.open(f"/tasks#capabilities/{solve}")
        form = page.get_by_role("form", name="Run it")
        await form.get_by_label("Expression").fill("2+")
        await form.get_by_role("button", name="Run").click()
        await expect(page.get_by_text("Failed", exact=True)).to_be_visible()
        await page.get_by_role("link", name="The task and its trace").click()
        await page.get_by_text("The error in full").click()
        # The part that was left asks for nothing of the task's.
        assert [url for url in asked if "/v1/capabilities/job_" in url] == []
        await expect(page.get_by_role("region", name="Error: call, attempt 1")).to_contain_text("code")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_text("Attempt 2", exact=True)).to_be_visible()


async def test_a_capability_is_switched_off_and_on(window, solve):
    async with window() as one:
        page = one.page
        await one.open("/tasks#capabilities")
        await page.get_by_role("button", name=f"Switch off: {solve}").click()
        await page.get_by_role("link", name=solve).click()
        await expect(page.get_by_text("It is switched off.")).to_be_visible()
        await expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled()
        await page.get_by_role("button", name=f"Switch on: {solve}").click()
        await expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()


async def test_tasks_come_by_themselves_and_are_stopped(window, api, slow):
    async with window() as one:
        page = one.page
        await one.open("/tasks#tasks")
        task_id = await begun(api, slow, {})
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=task_id))
        await expect(row).to_contain_text("Running")
        assert await one.serious() == []
        await one.shot("tasks-list")
        await row.get_by_role("button", name="Cancel").click()
        await expect(row).to_contain_text("Cancelled")
        await page.get_by_label("State").select_option("running")
        await page.get_by_text("No tasks", exact=True).wait_for()
        await page.get_by_label("State").select_option("")
        await page.get_by_label("Capability").select_option(slow)
        await expect(row).to_contain_text("Cancelled")


async def kept_webhook(api, page):
    """The webhook that the page shows, as the API tells it."""
    return (await api.get(f"/v1/webhooks/{page.url.rpartition('/')[2]}")).json()


async def test_a_webhook_is_made_and_tried(window, api, module):
    async with window() as one:
        page = one.page
        await one.open("/tasks#webhooks")
        await page.get_by_role("button", name="New webhook").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Address").fill(f"{module}/hook")
        await dialog.get_by_label("Events").fill("file.created, job.completed")
        assert await one.serious() == []
        await dialog.get_by_role("button", name="New webhook").click()
        first = await page.get_by_test_id("webhook-secret").inner_text()
        assert first.startswith("whsec_")
        await dialog.get_by_role("button", name="Close").last.click()
        await expect(page.get_by_test_id("webhook-secret")).to_have_count(0)

        await page.get_by_role("link", name=f"{module}/hook").click()
        await page.get_by_role("button", name="Change").click()
        await dialog.get_by_label("Address").fill(f"{module}/hook?changed=1")
        await dialog.get_by_label("Events").fill("job.completed webhook.resent")
        await dialog.get_by_label("Send no data").check()
        await dialog.get_by_role("button", name="Add a header").click()
        await dialog.get_by_label("Name of header 1").fill("x-token")
        await dialog.get_by_label("Value of header 1").fill("open sesame")
        assert await one.serious() == []
        await one.shot("tasks-webhook-edit")
        await dialog.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name=f"{module}/hook?changed=1")).to_be_visible()
        await expect(page.get_by_text("Only where they can be fetched")).to_be_visible()
        kept = await kept_webhook(api, page)
        assert (kept["url"], kept["thin"], kept["header_names"]) == (
            f"{module}/hook?changed=1",
            True,
            ["x-token"],
        )
        # What stays as it is stays: headers are never shown, and are not lost by another change.
        await page.get_by_role("button", name="Change").click()
        await dialog.get_by_label("Description").fill("for tests")
        await dialog.get_by_role("button", name="Save").click()
        await page.get_by_text("for tests").wait_for()
        kept = await kept_webhook(api, page)
        assert (kept["header_names"], kept["events"]) == (["x-token"], ["job.completed", "webhook.resent"])

        await page.get_by_role("button", name="Send a test").click()
        sent = page.get_by_role("listitem").filter(has_text="webhook.test")
        await expect(sent).to_contain_text("Taken")
        await sent.get_by_text("Tries: 1").click()
        await expect(sent).to_contain_text(HOSTILE)
        await sent.get_by_role("button", name="Send again: webhook.test").click()
        await expect(sent).to_contain_text("Tries: 2")
        await page.get_by_role("textbox", name="Event").fill("webhook.test")
        await expect(page.get_by_role("listitem").filter(has_text="webhook.resent")).to_have_count(0)
        await expect(sent).to_have_count(1)
        await page.get_by_role("textbox", name="About").fill("whk_nothing")
        await page.get_by_text("None of these", exact=True).wait_for()
        await page.get_by_role("textbox", name="About").fill("")
        assert await one.serious() == []
        await one.shot("tasks-webhook")
        await page.get_by_role("button", name="New secret").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="New secret").click()
        assert await page.get_by_test_id("webhook-secret").inner_text() != first
        await page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
        await page.get_by_role("button", name="Send again", exact=True).click()
        await page.get_by_role("dialog").get_by_label("Since").fill("2026-01-01T00:00:00")
        await page.get_by_role("dialog").get_by_role("button", name="Send again").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        await page.get_by_text("No webhooks", exact=True).wait_for()
        assert await page.evaluate("window.ran") is None


async def test_a_flow_is_written_and_its_question_answered_from_the_keyboard(window, api):
    async with window(expected="404") as one:
        page = one.page
        await one.open("/tasks#flows")
        await page.get_by_label("Name of the new flow").fill("reply")
        await page.get_by_role("button", name="New flow").click()
        await page.get_by_label("The flow (JSON)", exact=True).fill(json.dumps({"steps": [{"id": "x"}]}))
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_text("It cannot be kept", exact=True)).to_be_visible()
        await page.get_by_label("The flow (JSON)", exact=True).fill(json.dumps(FLOW))
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_text("It can be kept", exact=True)).to_be_visible()
        await page.get_by_label("person", exact=True).select_option("Says no")
        await page.get_by_role("button", name="Show the way it would take").click()
        await expect(page.get_by_role("region", name="The way")).to_contain_text("Failed")
        assert await one.serious() == []
        assert await one.too_wide() <= 0
        await one.shot("tasks-flow")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Own", exact=True)).to_be_visible()

        await one.open("/tasks#inbox")
        begun_id = await api.post(
            "/v1/tasks", json={"flow": "reply", "input": {"question": f"When? {HOSTILE}"}}
        )
        question = page.get_by_role("link", name="When?")
        await question.wait_for()
        assert await one.serious() == []
        await one.shot("tasks-inbox")
        await question.focus()
        await page.keyboard.press("Enter")
        answer = page.get_by_role("form", name="Answer").get_by_label("Text")
        await expect(answer).to_be_focused()
        assert await one.serious() == []
        await one.shot("tasks-question")
        await page.keyboard.type("At nine.")
        await page.keyboard.press("Control+Enter")
        await page.get_by_text("Answered; the task goes on.", exact=True).wait_for()
        await one.page.goto("about:blank")
        await one.open(f"/tasks#tasks/{begun_id.json()['id']}")
        await expect(page.get_by_role("region", name="Output")).to_contain_text("At nine.")
        assert await page.evaluate("window.ran") is None


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_part_on_a_phone(window, api, solve, language):
    task_id = await begun(api, solve, {"expression": "sqrt(2)"}, headers={"prefer": "wait=20"})
    async with window(size=NARROW, language=language, theme="dark" if language == "he" else "light") as one:
        await one.open("/tasks#webhooks")
        shown = ("inbox", "flows", "flows/ask_human", "webhooks")
        for part in ("tasks", f"tasks/{task_id}", "capabilities", f"capabilities/{solve}", *shown):
            await one.turn(part)
            assert await one.too_wide() <= 0, part
            assert await one.serious() == [], part
            await one.shot(f"tasks-narrow-{language}-{part.split('/')[0]}{'-one' if '/' in part else ''}")


async def test_a_key_for_webhooks_alone_sees_them_alone(window, api):
    made = await api.post("/v1/keys", json={"name": "hooks", "scopes": ["webhooks"]})
    async with window(key=made.json()["key"]) as one:
        await one.open("/tasks")
        assert await one.page.get_by_role("tab").all_inner_texts() == ["Webhooks"]
