"""What flows ask people: taken on, handed on, talked about, answered, rejected, and looked at afterwards."""

from __future__ import annotations

import asyncio
import socket
from contextlib import nullcontext
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import expect

from browser.window import LANGUAGES
from module_server import serving

HOSTILE = "<img/src=x/onerror=window.ran=1>"
TEXT = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "urgent": {"type": "boolean"}},
    "required": ["text"],
}
DRAFT = f"We open at eight. Come in. {HOSTILE}"


def flow(**human: Any) -> dict[str, Any]:
    """A step that fails, one whose output is not good enough, and a person."""
    wanted = {
        "kind": "edit",
        "title": "{{ $.input.question }}",
        "form": TEXT,
        "prefill": {"text": DRAFT, "urgent": False},
        "due_s": 3600,
        **human,
    }
    return {
        "steps": [
            {"id": "missing", "use": "inbox.missing", "retry": {"max": 1}},
            {"id": "poor", "use": "inbox.poor", "accept": {"expr": "len(output.text) > 20"}},
            {"id": "person", "when": ["failed", "rejected"], "human": wanted},
        ],
        "output": {"text": "$.last.output.text"},
    }


@pytest.fixture(scope="module")
def nobody_listens():
    """An address that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def poor_module():
    """A module whose answers are never good enough."""
    app = FastAPI()

    @app.post("/")
    async def answer() -> dict[str, str]:
        return {"text": "No idea."}

    async with serving(app) as url:
        yield f"{url}/"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asked(api, nobody_listens, poor_module):
    """Asks: `await asked("When?")` is the id of the request."""
    for name, url in (("inbox.missing", nobody_listens), ("inbox.poor", poor_module)):
        new = {"name": name, "endpoint": {"url": url}, "input_schema": {"type": "object"}}
        assert (await api.post("/v1/capabilities", json=new)).status_code == 201
    kept = await api.put("/v1/flows/inbox_reply", json=flow())
    assert kept.status_code in (200, 201), kept.text
    of_an = await api.put("/v1/flows/inbox_an", json=flow(assignees=["user:an"]))
    assert of_an.status_code in (200, 201), of_an.text

    begun_ids = []

    async def ask(question: str, name: str = "inbox_reply") -> str:
        begun = await api.post("/v1/tasks", json={"flow": name, "input": {"question": question}})
        begun_ids.append(begun.json()["id"])
        async with asyncio.timeout(60):
            while True:
                found = await api.get("/v1/human", params={"task_id": begun.json()["id"]})
                if rows := found.json()["data"]:
                    return str(rows[0]["id"])
                await asyncio.sleep(0.1)

    yield ask
    # What nobody answered stands in no other test's inbox.
    for task_id in begun_ids:
        await api.post(f"/v1/tasks/{task_id}/cancel")


async def test_a_question_is_taken_on_talked_about_and_answered(window, api, asked):
    request_id = await asked("When do you open?")
    async with window() as one:
        page = one.page
        await one.open("/tasks#inbox")
        link = page.get_by_role("link", name="When do you open?")
        await link.focus()
        await page.keyboard.press("c")
        await expect(link).to_contain_text("You work on it.")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("group", name="Who works on it")).to_contain_text("You work on it.")

        tries = page.get_by_role("list", name="What was tried")
        await expect(tries).to_contain_text("It could not be reached, or failed.")
        await expect(tries).to_contain_text("What came back was not good enough.")
        await expect(page.get_by_role("region", name="The best output so far")).to_contain_text("No idea.")

        history = page.get_by_role("list", name="History")
        await expect(history).to_contain_text("You: took it on")
        await page.get_by_label("A word to the others").fill("I ask the shop.")
        await page.get_by_role("button", name="Add it").click()
        await expect(history).to_contain_text("I ask the shop.")
        assert await one.serious() == []
        assert await one.too_wide() <= 0
        await one.shot("inbox-question")

        text = page.get_by_role("form", name="Answer").get_by_label("Text")
        await text.fill(DRAFT.replace("eight", "nine"))
        await page.keyboard.press("Control+Enter")
        await page.get_by_text("Answered; the task goes on.", exact=True).wait_for()
        await one.page.goto("about:blank")
        await one.open(f"/tasks#inbox/{request_id}")
        changes = page.get_by_role("region", name="What was changed")
        await expect(changes.locator("del")).to_have_text("eight. ")
        await expect(changes.locator("ins")).to_have_text("nine. ")
        # What was not changed is not told.
        await expect(changes.get_by_role("listitem")).to_have_count(1)
        await expect(history).to_contain_text("You: answered")
        assert await one.serious() == []
        await one.shot("inbox-answered")
        assert await page.evaluate("window.ran") is None
    kept = (await api.get(f"/v1/human/{request_id}")).json()
    assert [note["kind"] for note in kept["history"]] == ["requested", "claimed", "commented", "answered"]


async def test_a_question_is_rejected_with_a_reason_from_the_keyboard(window, api, asked):
    request_id = await asked("May I come at night?")
    async with window() as one:
        page = one.page
        await one.open(f"/tasks#inbox/{request_id}")
        await expect(page.get_by_role("form", name="Answer").get_by_label("Text")).to_be_focused()
        await page.keyboard.press("Control+Shift+Enter")
        dialog = page.get_by_role("dialog", name="Reject this?")
        await expect(dialog.get_by_label("Reason")).to_be_focused()
        assert await one.serious() == []
        # Left again, it leads nowhere else.
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await page.get_by_role("button", name="Reject").click()
        await page.keyboard.type("Nobody is there.")
        await page.keyboard.press("Control+Enter")
        await page.get_by_text("Rejected; the task goes on.", exact=True).wait_for()
        await page.get_by_label("State", exact=True).select_option("rejected")
        await page.get_by_role("link", name="May I come at night?").click()
        await expect(page.get_by_role("list", name="History")).to_contain_text("Nobody is there.")
        await expect(page.get_by_role("form", name="Answer")).to_have_count(0)
        assert await one.serious() == []
        # Whoever goes back finds the list as it was.
        await page.get_by_role("link", name="Inbox").click()
        await expect(page.get_by_label("State", exact=True)).to_have_value("rejected")
    kept = (await api.get(f"/v1/human/{request_id}")).json()
    assert (kept["state"], kept["comment"]) == ("rejected", "Nobody is there.")


async def test_others_are_asked_and_what_they_work_on_is_left_to_them(window, api, asked, server):
    request_id = await asked("Who has the key?")
    made = await api.post("/v1/keys", json={"name": "an", "scopes": ["human"], "user_id": "an"})
    headers = {"authorization": f"Bearer {made.json()['key']}"}
    async with window() as one:
        page = one.page
        await one.open(f"/tasks#inbox/{request_id}")
        await page.get_by_role("button", name="Ask others").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Who").fill("an, group:leads")
        await dialog.get_by_label("Why").fill("They know.")
        assert await one.serious() == []
        await dialog.get_by_role("button", name="Ask others").click()
        await expect(page.get_by_role("list", name="History")).to_contain_text("→ an, the group leads")

        # It is told by itself when somebody takes it on.
        async with httpx.AsyncClient(base_url=server.url, headers=headers) as an:
            assert (await an.post(f"/v1/human/{request_id}/claim")).status_code == 200
        work = page.get_by_role("group", name="Who works on it")
        await expect(work).to_contain_text("an works on it.")
        await expect(page.get_by_role("button", name="Send the answer")).to_be_disabled()
        await work.get_by_role("button", name="Take it over").click()
        await expect(work).to_contain_text("You work on it.")
        await expect(page.get_by_role("button", name="Send the answer")).to_be_enabled()

        await page.get_by_role("button", name="Make a link").click()
        await dialog.get_by_label("Who decides with it").fill("an")
        await dialog.get_by_role("button", name="Make a link").click()
        link = await page.get_by_test_id("human-link").inner_text()
        assert link.startswith(f"{one.url}/v1/human/links/")
        assert await one.serious() == []
    async with window(key=None) as other:
        # Without a key: the link is the permission.
        await other.page.goto(link)
        await other.page.get_by_role("heading", name="Who has the key?").wait_for()


async def test_mine_are_what_i_am_asked(window, api, asked):
    mine = await asked("An, how much?", "inbox_an")
    made = await api.post("/v1/keys", json={"name": "an2", "scopes": ["human"], "user_id": "an"})
    async with window() as one:
        page = one.page
        await one.open("/tasks#inbox")
        await page.get_by_role("link", name="An, how much?").wait_for()
        await page.get_by_label("Of whom it is asked").select_option("me")
        await expect(page.get_by_role("link", name="An, how much?")).to_have_count(0)
    async with window(key=made.json()["key"]) as one:
        page = one.page
        await one.open("/tasks#inbox")
        await page.get_by_label("Of whom it is asked").select_option("me")
        await page.get_by_role("link", name="An, how much?").click()
        await page.get_by_role("form", name="Answer").get_by_label("Text").fill("Ten.")
        await page.keyboard.press("Control+Enter")
        await page.get_by_text("Answered; the task goes on.", exact=True).wait_for()
    assert (await api.get(f"/v1/human/{mine}")).json()["answered_by"] == "user:an"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_in_every_language_and_on_a_phone(window, api, asked, language):
    request_id = await asked("Khi nào? 什么时候? מתי?")
    await api.post(f"/v1/human/{request_id}/claim")
    await api.post(f"/v1/human/{request_id}/reassign", json={"assignees": ["group:leads"], "comment": "Hm."})
    theme = "dark" if language in {"he", "vi"} else "light"

    async with window(language=language, theme=theme) as one:

        async def looked_at(name: str) -> None:
            for width in ("wide", "narrow"):
                async with one.narrowed() if width == "narrow" else nullcontext():
                    assert await one.too_wide() <= 0, (name, width)
                    assert await one.serious() == [], (name, width)
                    await one.shot(f"inbox-{language}-{width}-{name}")

        await one.open("/tasks#inbox")
        await looked_at("list")
        await one.turn(f"inbox/{request_id}")
        await looked_at("open")
        answer = {"answer": {"text": "At nine. 九点 בתשע", "urgent": True}, "comment": "Hm!"}
        await api.post(f"/v1/human/{request_id}/answer", json=answer)
        await one.page.locator("ins").first.wait_for()
        await looked_at("answered")
