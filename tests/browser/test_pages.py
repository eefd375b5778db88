"""Every page in every language: whole, quiet, for everybody, and from this origin alone."""

import pytest

from browser.window import LANGUAGES

RIGHT_TO_LEFT = {"he"}
ON_A_PHONE = {"en", "he"}


async def pages_of(window):
    """The addresses of the navigation, below /console."""
    links = await window.page.locator("nav a[href^='/console']").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    return [link.removeprefix("/console") or "/" for link in links]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_in_every_language_and_on_a_phone(window, language):
    theme = "dark" if language in {"vi", "he"} else "light"
    async with window(language=language, theme=theme) as one:
        await one.open("/")
        paths = await pages_of(one)
        assert {"/", "/system"} <= set(paths)
        for path in paths:
            await one.open(path)
            root = one.page.locator("html")
            assert await root.get_attribute("lang") == language
            assert await root.get_attribute("dir") == ("rtl" if language in RIGHT_TO_LEFT else "ltr")
            assert await one.page.locator("h1").count() == 1, path
            assert await one.too_wide() <= 0, path
            assert await one.serious() == [], path
            await one.shot(f"wide-{language}-{theme}{path.replace('/', '-')}")
            if language in ON_A_PHONE:
                async with one.narrowed():
                    assert await one.too_wide() <= 0, path
                    assert await one.serious() == [], path
                    await one.shot(f"narrow-{language}-{theme}{path.replace('/', '-')}")


async def test_a_page_that_is_none(window):
    async with window() as one:
        await one.page.goto(f"{one.url}/console/nothing/here")
        await one.page.get_by_text("There is no such page.").wait_for()


HOSTILE = """
<img src="x" onerror="window.ran = 1"><svg onload="window.ran = 2"></svg>
<iframe srcdoc="<script>parent.ran = 3</script>"></iframe>
<a id="bad" href="javascript:window.ran = 4">x</a>
"""
ATTACK = """html => {
    document.body.insertAdjacentHTML('beforeend', html);
    const script = document.createElement('script');
    script.textContent = 'window.ran = 5';
    document.body.append(script);
    document.getElementById('bad').click();
}"""
BEACON = """url => new Promise(done => {
    const image = new Image();
    image.onload = image.onerror = event => done(event.type);
    image.src = url;
})"""


async def test_nothing_foreign_runs_in_the_page(window):
    async with window(expected="Content Security Policy|Failed to load") as one:
        await one.open("/")
        await one.page.evaluate(ATTACK, HOSTILE)
        assert await one.page.evaluate(BEACON, "http://127.0.0.1:9/x.png") == "error"
        assert await one.page.evaluate("window.ran") is None
        # Chromium tells of a request that the policy stopped before it was sent.
        one.faults = [fault for fault in one.faults if "127.0.0.1:9/x.png" not in fault]
