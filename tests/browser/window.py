"""One window of a real browser on the console, which writes down everything that must not happen."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

LANGUAGES = ("en", "vi", "zh", "he")
SHOTS = os.environ.get("ROUNDHOUSE_TEST_SHOTS")
"""Folder into which `Window.shot` writes; without one nothing is drawn."""

# Axe's own words for how bad a finding is; minor and moderate ones are advice.
_SERIOUS = ("serious", "critical")
# Advice that is followed all the same: whoever hears the page goes through it by its landmarks and headings.
_FOLLOWED = (
    "region",
    "landmark-unique",
    "landmark-one-main",
    "landmark-no-duplicate-banner",
    "page-has-heading-one",
)
_PATIENCE_MS = 15_000
expect.set_options(timeout=_PATIENCE_MS)
_WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}


class Window:
    """A browser's window.

    async with Window(browser, url, key, language="he", theme="dark") as window:
        await window.open("/system")

    On leaving, nothing that it wrote down may be there: errors of the page or in its console, missing strings, and
    requests to another origin.

    Args:
        browser: Of the session.
        url: Address of the server.
        key: Signs in with it; None = nobody is signed in.
        language: Of the console.
        theme: `light` or `dark`.
        size: Of the window, in px.
        expected: What the console may say: a failed request that the test makes on purpose.
        home: A context that is signed in already, with what it has in its cache; None = one of its own.

    Attributes:
        page: Playwright's page.
        faults: What was written down.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        key: str | None,
        *,
        language: str = "en",
        theme: str = "light",
        size: dict[str, int] | None = None,
        expected: str | None = None,
        home: BrowserContext | None = None,
    ) -> None:
        self._browser = browser
        self.url = url
        self._key = key
        self._stored = {"roundhouse.language": language, "roundhouse.theme": theme}
        self._size = size or _WIDE
        self._expected = re.compile(expected) if expected else None
        self._home = home
        self.faults: list[str] = []
        self.context: BrowserContext
        self.page: Page

    async def __aenter__(self) -> Self:
        self.context = self._home or await signed_in(self._browser, self.url, self._key)
        self.page = await self.context.new_page()
        await self.page.set_viewport_size(self._size)  # type: ignore[arg-type]  # a TypedDict of its own
        # Once: a test may change it. What other windows left there is none of this one's business.
        await self.page.add_init_script(
            "if (location.protocol.startsWith('http') && sessionStorage.getItem('window') === null) {"
            " localStorage.clear(); sessionStorage.setItem('window', 'begun');"
            f" for (const [name, value] of Object.entries({json.dumps(self._stored)}))"
            " localStorage.setItem(name, value); }"
        )
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"page: {error}"))
        self.context.on("request", self._asked)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.context.remove_listener("request", self._asked)
        if self._home is None:
            await self.context.close()
        else:
            for page in self.context.pages:
                await page.close()
            await self.context.set_offline(False)
        if kind is None:
            assert not self.faults, self.faults

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if self._expected is None or not self._expected.search(message.text):
            self.faults.append(f"console: {message.text} ({message.location['url']})")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.faults.append(f"request to elsewhere: {request.url}")

    async def open(self, path: str) -> None:
        """Go to a page of the console and wait until it is drawn and waits for nothing more."""
        await self.page.goto(f"{self.url}/console{path}")
        await self.drawn()

    async def turn(self, part: str) -> None:
        """Go to another part of the page that is open, named behind the # of its address, without loading it anew."""
        # What is shown now is marked: nothing that is drawn later has the mark.
        shown = self.page.get_by_role("tabpanel").locator("> *").first
        await shown.evaluate("node => { node.dataset.left = ''; }")
        await self.page.evaluate("part => { location.hash = part; }", part)
        await expect(self.page.locator("[data-left]")).to_have_count(0)
        await self.drawn()

    @asynccontextmanager
    async def narrowed(self) -> AsyncIterator[None]:
        """Look at the page as it stands on a phone, which costs no other loading of it."""
        await self.page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a TypedDict of its own
        yield
        await self.page.set_viewport_size(self._size)  # type: ignore[arg-type]  # likewise

    async def drawn(self) -> None:
        """Wait until the page has its title and shows nothing that is on its way."""
        # Not wait_for_function: it evaluates text in the page, which the policy refuses.
        await self.page.locator("h1").first.wait_for()
        await expect(self.page.locator("[role=status] .animate-spin")).to_have_count(0, timeout=_PATIENCE_MS)

    async def serious(self) -> list[str]:
        """What axe finds wrong with the page as it stands, if it is serious or about the ways through it."""
        if not await self.page.evaluate("typeof axe === 'object'"):
            await self.page.evaluate(axe_source())
        found = await self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{one['id']}: {node['html'][:200]}: {node['failureSummary'][:300]}"
            for one in found["violations"]
            if one["impact"] in _SERIOUS or one["id"] in _FOLLOWED
            for node in one["nodes"]
        ]

    async def too_wide(self) -> int:
        """By how many px the page is wider than the window."""
        return int(
            await self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    async def shot(self, name: str) -> None:
        """Draw the window into a file, where `ROUNDHOUSE_TEST_SHOTS` names a folder."""
        if SHOTS:
            await self.page.screenshot(path=Path(SHOTS) / f"{name}.png")


async def signed_in(browser: Browser, url: str, key: str | None) -> BrowserContext:
    """A context of windows, signed in unless there is no key."""
    context = await browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE_MS)
    if key is not None:
        signed = await context.request.post(
            f"{url}/console/login",
            data=json.dumps({"credential": key}),
            headers={"content-type": "application/json", "origin": url},
        )
        assert signed.ok, await signed.text()
    return context


AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@cache
def axe_source() -> str:
    """The text of axe, which `npm ci` in web/ brings."""
    return AXE.read_text("utf-8")
