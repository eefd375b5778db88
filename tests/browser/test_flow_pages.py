"""Flows in the browser: faults at their places, versions side by side, a run that becomes a task."""

from __future__ import annotations

import json
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.window import LANGUAGES, NARROW

HOSTILE = "<img/src=x/onerror=window.ran=1>"
OF_TASK = re.compile(r"/tasks#tasks/job_\w+$")
QUESTION = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}


def flow(title: str) -> dict[str, object]:
    person = {"kind": "answer", "title": "{{ $.input.question }}", "due_s": 3600}
    return {
        "title": title,
        "input_schema": QUESTION,
        "examples": [{"question": "When?"}, {"question": f"Where? {HOSTILE}"}],
        "steps": [
            {"id": "draft", "use": "builtin.chat", "map": {"prompt": "$.input.question"}},
            {"id": "person", "human": person},
        ],
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ask(api):
    """A flow of two versions."""
    for title in ("First", f"Second {HOSTILE}"):
        made = await api.put("/v1/flows/versioned", json=flow(title))
        assert made.status_code == 200, made.text
    return "versioned"


async def test_faults_stand_at_their_places(window):
    wrong = json.dumps(
        {"steps": [{"id": "a", "use": "builtin.chat", "when": ["never"]}, {"id": "a"}]}, indent=2
    )
    async with window(expected="404|422") as one:
        page = one.page
        await one.open("/tasks#flows/wrong")
        text = page.get_by_label("The flow (JSON)", exact=True)
        await text.fill('{\n  "steps": [\n')
        await expect(page.get_by_text("This is no JSON from line 3 on.")).to_be_visible()
        await expect(page.get_by_role("button", name="Save")).to_be_disabled()
        await text.fill(wrong)
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_text("It cannot be kept", exact=True)).to_be_visible()
        marks = page.get_by_role("list", name="The flow (JSON): what there is to say").get_by_role("button")
        first = marks.first
        line = int((await first.inner_text()).split("\n")[0].split()[1].split("/")[0])
        assert await one.serious() == []
        await one.shot("flow-faults")
        # By the keyboard: the fault leads to its place, which is chosen.
        await first.focus()
        await page.keyboard.press("Enter")
        await expect(text).to_be_focused()
        start, end = await text.evaluate("area => [area.selectionStart, area.selectionEnd]")
        assert end > start
        assert wrong[:start].count("\n") + 1 == line
        await text.fill(
            json.dumps({"steps": [{"id": "a", "use": "builtin.chat"}, {"id": "a", "use": "x"}]}, indent=2)
        )
        await expect(marks).to_have_count(0)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text("/steps/1/id")
        await expect(marks).to_have_count(1)
        await expect(marks.first).to_contain_text("Line 8")


async def test_steps_fail_as_one_likes(window, ask):
    async with window() as one:
        page = one.page
        await one.open(f"/tasks#flows/{ask}")
        way = page.get_by_role("region", name="The way")
        await page.get_by_label("draft", exact=True).select_option("Has too much to do")
        await page.get_by_role("button", name="Show the way it would take").click()
        await expect(way).to_contain_text("rate_limited")
        await expect(way).to_contain_text("person")
        await page.get_by_label("person", exact=True).select_option("Does not answer in time")
        await page.get_by_role("button", name="Show the way it would take").click()
        await expect(way).to_contain_text("Failed")
        await page.get_by_label("draft", exact=True).select_option("Refuses the input")
        await page.get_by_role("button", name="Show the way it would take").click()
        await expect(way).to_contain_text("invalid_input")
        await expect(way.get_by_role("listitem").filter(has_text="is asked")).to_have_count(0)
        assert await one.serious() == []
        await one.shot("flow-pretended")


async def test_versions_are_compared_run_and_brought_back(window, api, ask):
    async with window() as one:
        page = one.page
        await one.open(f"/tasks#flows/{ask}")
        await page.get_by_role("link", name="Versions").click()
        listed = page.get_by_role("list", name="Versions").get_by_role("listitem")
        await expect(listed).to_have_count(2)
        await expect(listed.first).to_contain_text("In force")
        changes = page.get_by_role("region", name="The changes")
        await expect(changes).to_contain_text("/title")
        await expect(changes).to_contain_text(HOSTILE)
        assert await one.serious() == []
        assert await one.too_wide() <= 0
        await one.shot("flow-versions")

        await page.get_by_role("link", name="Run version 1").click()
        form = page.get_by_role("form", name=f"Run {ask}")
        await page.get_by_role("button", name="Example 2").click()
        await expect(form.get_by_label("Question")).to_have_value(f"Where? {HOSTILE}")
        await form.get_by_label("Priority").fill("5")
        assert await one.serious() == []
        await one.shot("flow-run")
        await form.get_by_role("button", name="Run").click()
        await page.wait_for_url(OF_TASK)
        task_id = page.url.rpartition("/")[2]
        task = (await api.get(f"/v1/tasks/{task_id}")).json()
        assert (task["flow"], task["version"], task["priority"]) == (ask, 1, 5)
        assert await page.evaluate("window.ran") is None
        await api.post(f"/v1/tasks/{task_id}/cancel")

        await one.open(f"/tasks#flows/{ask}/versions")
        await page.get_by_role("button", name="Back to version 1").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Back to this").click()
        await expect(listed).to_have_count(3)
    assert (await api.get(f"/v1/flows/{ask}")).json()["title"] == "First"


async def test_what_comes_with_the_product_is_run(window, api):
    async with window() as one:
        page = one.page
        await one.open("/tasks#flows/ask_human")
        await page.get_by_role("link", name="Run", exact=True).click()
        form = page.get_by_role("form", name="Run ask_human")
        await form.get_by_role("button", name="Run").click()
        await page.wait_for_url(OF_TASK)
        task_id = page.url.rpartition("/")[2]
        assert (await api.get(f"/v1/tasks/{task_id}")).json()["flow"] == "ask_human"
        await api.post(f"/v1/tasks/{task_id}/cancel")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_part_on_a_phone(window, ask, language):
    async with window(size=NARROW, language=language, theme="dark" if language == "he" else "light") as one:
        parts = {f"flows/{ask}": "textarea", f"flows/{ask}/versions": "ol", f"flows/{ask}/run": "form"}
        for part, shown in parts.items():
            await one.page.goto("about:blank")
            await one.open(f"/tasks#{part}")
            await one.page.locator("main").locator(shown).first.wait_for()
            assert await one.too_wide() <= 0, part
            assert await one.serious() == [], part
            await one.shot(f"flow-narrow-{language}-{part.replace('/', '-')}")
