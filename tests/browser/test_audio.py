"""The Audio page: recordings sent, followed, heard, corrected, taken away; templates written and tried."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest_asyncio
from playwright.async_api import expect

from browser.window import NARROW
from contracts.sounds import form_of
from peers.upstream import Exchange, Upstream

CLIPS = Path(__file__).parents[1] / "audio_clips"
HOSTILE = "<img src=x onerror='window.ran = 1'><script>window.ran = 2</script>"
SAID = ["good morning everyone", "we decided to hire two engineers", HOSTILE]
ENDED_WITHIN_MS = 60_000

# Axe copies the styles of a shadow root, such as the waveform's, into an element that the page's policy refuses.
AXE_STYLES = "Applying inline style violates"

# Chromium without a microphone: a tone stands for one, all behind it is the browser's own.
MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const out = context.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  return out.stream;
};
"""


class Ears:
    """A recogniser of OpenAI's API that says `SAID`, once it may.

    Attributes:
        may_hear: Until it is set, nothing is answered.
        forms: What it was asked.
    """

    def __init__(self) -> None:
        self.may_hear = asyncio.Event()
        self.may_hear.set()
        self.forms: list[dict[str, list[str]]] = []

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.path.endswith("/models"):
            await _answer(exchange, {"object": "list", "data": [{"id": "whisper-1", "object": "model"}]})
            return
        self.forms.append(form_of(exchange))
        await self.may_hear.wait()
        segments = [
            {
                "text": text,
                "start": 1.1 * place,
                "end": 1.1 * place + 1,
                "avg_logprob": -0.1,
                "no_speech_prob": 0.01,
            }
            for place, text in enumerate(SAID)
        ]
        words = [
            {
                "word": word,
                "start": segment["start"] + 0.15 * place,
                "end": segment["start"] + 0.15 * (place + 1),
            }
            for segment in segments
            for place, word in enumerate(str(segment["text"]).split())
        ]
        told = {
            "text": " ".join(SAID),
            "language": "english",
            "duration": 4.0,
            "segments": segments,
            "words": words,
        }
        await _answer(exchange, told)


async def _answer(exchange: Exchange, value: object) -> None:
    await exchange.answer(json.dumps(value).encode(), 200, {"Content-Type": "application/json"})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ears(server, admin_key):
    """A recogniser that the server knows as `desk/whisper-1`, while these tests run."""
    script = Ears()
    headers = {"authorization": f"Bearer {admin_key}"}
    async with Upstream(script) as up, httpx.AsyncClient(base_url=server.url, headers=headers) as client:
        provider = {"name": "desk", "kind": "openai", "url": up.url, "key": "sk-x", "models": ["whisper-1"]}
        made = await client.post("/v1/providers", json=provider)
        assert made.status_code == 201, made.text
        yield script
        script.may_hear.set()
        await client.delete("/v1/providers/desk")


async def send(one, *, title, template="", clip="meeting.ogg"):
    """Choose a file, say what is wanted of it, and send it."""
    await one.page.locator("input[type=file]").set_input_files(CLIPS / clip)
    dialog = one.page.get_by_role("dialog")
    await dialog.get_by_label(f"Title of {clip}").fill(title)
    await dialog.get_by_label("Language spoken").select_option("en")
    await dialog.get_by_label("Summary", exact=True).select_option(template)
    await dialog.get_by_text("Further options").click()
    await dialog.get_by_label("Recogniser").select_option("desk/whisper-1")
    await dialog.get_by_label("Language model").select_option("roundhouse/extractive")
    await dialog.get_by_role("button", name="Send").click()
    await dialog.wait_for(state="hidden")


def row(one, title):
    return one.page.get_by_role("row").filter(has_text=title)


async def done(one, title, state="Done"):
    await row(one, title).get_by_text(state, exact=True).wait_for(timeout=ENDED_WITHIN_MS)


async def test_from_a_file_to_a_corrected_transcript_and_its_subtitles(window, ears):
    async with window(expected=AXE_STYLES) as one:
        await one.open("/audio")
        await send(one, title="Weekly meeting", template="meeting_notes")
        await done(one, "Weekly meeting")
        assert "word" in ears.forms[-1]["timestamp_granularities[]"]
        await one.page.get_by_role("link", name="Weekly meeting").click()
        await one.page.get_by_role("heading", level=1, name="Weekly meeting").wait_for()

        # A press on a word goes there, and the line that is being said is marked.
        await one.page.get_by_role("radio", name="As heard").click()
        await one.page.get_by_text("engineers", exact=True).click()
        await expect(one.page.locator("[data-active]")).to_contain_text("two engineers")
        slider = one.page.get_by_role("slider", name="Position")
        await slider.focus()
        await one.page.keyboard.press("Home")
        await expect(one.page.locator("[data-active]")).to_contain_text("good morning")
        await expect(slider.locator("canvas").first).to_be_visible()
        assert await one.serious() == []

        # A correction by hand, and a name for who said it; what was heard is kept beside it.
        await one.page.get_by_role("button", name="Correct").first.click()
        await one.page.get_by_label("What was said").fill("Good morning, everybody.")
        await one.page.get_by_label("Speaker", exact=True).fill("Voice 1")
        await one.page.get_by_role("button", name="Save").click()
        await one.page.get_by_text("Corrected", exact=True).wait_for()
        await one.page.get_by_role("button", name="Rename Voice 1").click()
        await one.page.get_by_label("Name", exact=True).fill("Anna")
        await one.page.get_by_role("button", name="Save").click()
        await one.page.get_by_role("button", name="Rename Anna").wait_for()

        async with one.page.expect_download() as taken:
            await one.page.get_by_role("button", name="Export").click()
            await one.page.get_by_role("menuitem", name="Subtitles (.vtt)").click()
        download = await taken.value
        assert download.suggested_filename == "Weekly-meeting.vtt"
        subtitles = await asyncio.to_thread(Path(await download.path()).read_text, "utf-8")
        assert "<v Anna>Good morning, everybody." in subtitles

        # The clean text follows the correction when its stage is run again.
        await one.page.get_by_role("button", name="Clean up again").click()
        await one.page.get_by_role("button", name="Start").click()
        await one.page.get_by_role("radio", name="Clean", exact=True).click()
        await one.page.get_by_text("Good morning, everybody.").wait_for(timeout=ENDED_WITHIN_MS)

        await one.page.get_by_role("tab", name="Summary").click()
        await one.page.get_by_role("heading", name="Quotes").wait_for()
        await one.page.get_by_role("button", name="Correct").click()
        form = one.page.get_by_role("form", name="Summary")
        await form.get_by_label("Summary", exact=True).fill("Two engineers will be hired.")
        assert await one.serious() == []
        await form.get_by_role("button", name="Save").click()
        await one.page.get_by_text("Corrected", exact=True).wait_for()
        await one.page.get_by_text("Two engineers will be hired.").wait_for()
        await one.shot("audio-summary")
        # What would write it again asks first.
        await one.page.get_by_role("button", name="Do again").click()
        await one.page.get_by_label("Stage", exact=True).select_option("summarise")
        await one.page.get_by_label("Give up 1 correction made by hand").wait_for()
        await one.page.keyboard.press("Escape")
        await one.page.get_by_role("tab", name="Details").click()
        await one.page.get_by_text("desk/whisper-1").first.wait_for()
        assert await one.page.evaluate("window.ran") is None

        # It is found by what was said, and opens there.
        await one.page.get_by_role("link", name="Audio").first.click()
        await one.page.get_by_label("Search in what was said").fill("engineers")
        await one.page.keyboard.press("Enter")
        hit = one.page.get_by_role("link").filter(has_text="Weekly meeting")
        await hit.get_by_text("engineers").click()
        await one.page.get_by_role("button", name="Actions for Weekly meeting").click()
        await one.page.get_by_role("menuitem", name="Delete").click()
        await one.page.get_by_role("button", name="Delete").click()
        await one.page.get_by_role("heading", level=1, name="Audio").wait_for()
        await expect(row(one, "Weekly meeting")).to_have_count(0)


async def test_work_is_followed_cancelled_and_gone_on_with(window, ears):
    async with window(expected="409|Failed to load") as one:
        ears.may_hear.clear()
        await one.open("/audio")
        await send(one, title="Long talk")
        await row(one, "Long talk").get_by_text("Transcribe").wait_for(timeout=ENDED_WITHIN_MS)
        await one.page.get_by_role("link", name="Long talk").click()
        progress = one.page.get_by_role("region", name="Progress")
        await progress.get_by_text("Prepare").wait_for()
        # The stream of events breaks off: it is taken up again by itself.
        await one.context.set_offline(True)
        await one.context.set_offline(False)
        await progress.get_by_role("button", name="Cancel the work").click()
        await one.page.get_by_text("Cancelled", exact=True).wait_for(timeout=ENDED_WITHIN_MS)
        ears.may_hear.set()
        await one.page.get_by_role("button", name="Go on with it").click()
        await one.page.get_by_text("two engineers").first.wait_for(timeout=ENDED_WITHIN_MS)
        await one.page.get_by_role("main").get_by_text("Done", exact=True).wait_for(timeout=ENDED_WITHIN_MS)


async def test_a_recording_of_the_microphone_is_sent(window, ears):
    async with window() as one:
        await one.page.add_init_script(MICROPHONE)
        await one.open("/audio")
        await one.page.get_by_role("button", name="Record", exact=True).click()
        await one.page.get_by_role("button", name="Start").click()
        await one.page.get_by_text("0:01", exact=True).wait_for()
        await one.page.get_by_role("button", name="Stop").click()
        assert await one.serious() == []
        await one.page.get_by_role("button", name="Use it").click()
        dialog = one.page.get_by_role("dialog")
        await dialog.get_by_label("Title of").fill("By microphone")
        await dialog.get_by_text("Further options").click()
        await dialog.get_by_label("Recogniser").select_option("desk/whisper-1")
        await dialog.get_by_role("button", name="Send").click()
        await done(one, "By microphone")


async def test_a_template_is_written_by_form_and_tried(window):
    async with window() as one:
        await one.open("/audio/templates")
        await one.page.get_by_role("link", name="New template").click()
        await one.page.get_by_label("Title", exact=True).fill("Stand-up")
        await one.page.get_by_label("Name", exact=True).fill("stand_up")
        await one.page.get_by_label("What the model is told").fill("What was done, and what comes next?")
        await one.page.get_by_role("tab", name="Fields").click()
        await one.page.get_by_role("button", name="Add a field").click()
        added = one.page.get_by_role("group", name="field_2")
        await added.get_by_label("Kind").select_option("quotes")
        await added.get_by_label("Name").fill("best_quotes")
        await one.page.get_by_role("tab", name="Example").click()
        await one.page.get_by_role("button", name="Write an example").click()
        await one.page.get_by_label("Summary").fill("All went well.")
        await one.page.get_by_role("region", name="How it will look").get_by_text("All went well.").wait_for()
        assert await one.serious() == []
        await one.page.get_by_role("button", name="Save").click()
        await one.page.get_by_role("heading", level=1, name="Stand-up").wait_for()

        await one.page.get_by_role("tab", name="Try it").click()
        await one.page.get_by_label("Text", exact=True).fill(
            "We shipped the parser on Monday. Anna writes the tests next."
        )
        await one.page.get_by_label("Language model").select_option("roundhouse/extractive")
        await one.page.get_by_role("button", name="Try it").click()
        result = one.page.get_by_role("region", name="Result")
        await result.get_by_role("heading", name="Best quotes").wait_for(timeout=ENDED_WITHIN_MS)
        await result.get_by_text("parser").first.wait_for()

        await one.page.get_by_role("tab", name="Texts").click()
        await one.page.get_by_label("What it is for").fill("Each morning.")
        await one.page.get_by_role("button", name="Save").click()
        await one.page.get_by_text("Version 2", exact=True).wait_for()
        await one.page.get_by_role("button", name="Delete").click()
        await one.page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        await one.page.get_by_role("heading", level=1, name="Templates").wait_for()


async def test_its_inner_pages_in_other_languages_on_a_phone(window, server, admin_key):
    headers = {"authorization": f"Bearer {admin_key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as client:
        sent = await client.post("/v1/process_text", json={"text": HOSTILE, "title": HOSTILE})
    recording_id = sent.json()["task_id"]
    for language, theme in (("he", "light"), ("vi", "dark"), ("zh", "light")):
        async with window(language=language, theme=theme, size=NARROW) as one:
            for path in (f"/audio/{recording_id}", "/audio/templates", "/audio/templates/meeting_notes"):
                await one.open(path)
                assert await one.too_wide() <= 0, path
                # The same elements in every language.
                assert language != "he" or await one.serious() == [], path
            assert await one.page.evaluate("window.ran") is None
