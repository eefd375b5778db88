"""Runs the benchmark; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, Page, async_playwright, expect

from bench.console.author import MODEL, author
from bench.console.content import conversation, long_answer
from bench.console.watching import held, scripts, scroll, watch
from bench.gateway.measure import CpuReading

GOAL_TASK_MS = 100
GOAL_JS_KB = 200
BUSY_SHARE = 0.05
"""Of all cores, used by others before it begins: from here on the machine counts as loaded."""

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_PAGES = ("/", "/chat", "/documents", "/audio", "/models", "/system")
_BATCH = 2_000
_PATIENCE_MS = 60_000
_LOOK_S = 3.0
_REST_LIMIT_S = 120.0
_REST_SHARE = 0.04


class Api:
    """The server, asked as any client asks it."""

    def __init__(self, pid: int, url: str, session: aiohttp.ClientSession) -> None:
        self._pid = pid
        self.url = url
        self._session = session

    async def post(self, path: str, body: object) -> Any:
        """The JSON that it answers; raises AssertionError when it refuses."""
        async with self._session.post(self.url + path, json=body) as answer:
            told = await answer.read()
            if answer.status >= 300:
                raise AssertionError(f"{answer.status} {told[:500]!r}")
            return json.loads(told)

    async def get(self, path: str) -> Any:
        """The JSON that is there."""
        async with self._session.get(self.url + path) as answer:
            return await answer.json()

    async def at_rest(self) -> None:
        """Wait until the server does no more than wait, but not for ever: what is imported is indexed later."""
        last, rests, until_s = CpuReading.of(self._pid), 0, time.perf_counter() + _REST_LIMIT_S
        while rests < 2:
            if time.perf_counter() > until_s:
                print("  the server is still at work behind its answers", flush=True)
                return
            await asyncio.sleep(_LOOK_S)
            now = CpuReading.of(self._pid)
            rests = rests + 1 if last.seconds_until(now) < _REST_SHARE * _LOOK_S else 0
            last = now

    async def take(self, conversations: list[dict[str, Any]]) -> None:
        """Import conversations."""
        headers = {"content-type": "application/octet-stream"}
        body = json.dumps(conversations).encode()
        async with self._session.post(self.url + "/v1/sessions/import", data=body, headers=headers) as answer:
            if answer.status >= 300:
                raise AssertionError((await answer.read())[:500])


@asynccontextmanager
async def _server(folder: Path, model_url: str) -> AsyncIterator[tuple[int, str]]:
    """Process id and address of a server that asks nobody for a key."""
    settings = {
        "data_dir": str(folder / "data"),
        "db": {"url": f"sqlite:///{folder / 'bench.db'}"},
        "server": {"port": 0, "open": True},
        "engine": {"discover": False},
        "log": {"level": "error"},
        "providers": [{"name": "up", "kind": "openai", "url": model_url, "models": [MODEL]}],
    }
    words = ["-m", "bench.chat.serve", json.dumps(settings)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        line = (await asyncio.wait_for(process.stderr.readline(), 60)).decode().strip()
        if not line.startswith("http://"):
            raise AssertionError(line + (await process.stderr.read()).decode())
        yield process.pid, line
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _page(browser: Browser, url: str) -> AsyncIterator[Page]:
    """A window that has seen nothing before."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(_PATIENCE_MS)
    page = await context.new_page()
    await page.goto(url)
    await page.locator("h1").first.wait_for()
    yield page
    await context.close()


async def _first_load(browser: Browser, url: str) -> bool:
    """What each page loads of scripts where nothing is in the cache."""
    sizes = {}
    for path in _PAGES:
        async with _page(browser, f"{url}/console{path}") as page:
            await expect(page.locator("[role=status] .animate-spin")).to_have_count(0)
            found = {name: sent for name, sent, _ in await scripts(page)}
        sizes[path] = sum(found.values()) / 1000
    told = ", ".join(f"{path} {kb:.1f}" for path, kb in sizes.items())
    return _goal(
        f"first load, JavaScript as sent, kB: {told}",
        max(sizes.values()) <= GOAL_JS_KB,
        f"each <= {GOAL_JS_KB}",
    )


async def _long_answer(browser: Browser, api: Api, tokens: list[str], tokens_per_s: float) -> bool:
    """An answer as it is written, and the same one opened again."""
    session = await api.post("/v1/sessions", {"model": f"up/{MODEL}"})
    url = f"{api.url}/console/chat/{session['id']}"
    async with _page(browser, url) as page:
        await watch(page)
        await page.get_by_label("Your question").fill("Go on.")
        began_s = time.perf_counter()
        await page.keyboard.press("Enter")
        again = page.get_by_role("article", name="Answer").get_by_role("button", name="Answer again")
        # Asked rarely: each look at a page of this length is work for it.
        while not await again.count() or not await again.is_enabled():
            await asyncio.sleep(2)
            if time.perf_counter() - began_s > 4 * len(tokens) / tokens_per_s + 60:
                raise AssertionError("the answer did not come to its end")
        took_s = time.perf_counter() - began_s
        written = await held(page)
        memory = await page.evaluate("performance.memory.usedJSHeapSize / 1e6")
        nodes = await page.locator("*").count()
    kept = (await api.get(f"/v1/sessions/{session['id']}/messages"))["data"][1]["content"]
    if kept != "".join(tokens):
        raise AssertionError("the answer that was kept is another one")
    print(
        f"  {len(tokens)} tokens, {len(kept)} characters, in {took_s:.1f} s; {nodes} elements, heap {memory:.0f} MB"
    )
    met = _goal(
        f"written: {written.told()}",
        written.longest_task_ms <= GOAL_TASK_MS,
        f"no task over {GOAL_TASK_MS} ms",
    )
    async with _page(browser, url) as page:
        # From here on: the page itself is there, the answer is not yet drawn whole.
        await watch(page)
        await page.get_by_role("article", name="Answer").wait_for()
        await asyncio.sleep(3)
        opened = await held(page)
        await watch(page)
        await scroll(page, "[role=log]", -1_200, 300)
        scrolled = await held(page)
    print(f"  opened again: {opened.told()}")
    print(f"  scrolled: {scrolled.told()}")
    return met


async def _long_session(browser: Browser, api: Api, messages: int) -> bool:
    """A conversation opened at its end, scrolled towards its beginning, and jumped through."""
    await api.take([conversation(1, messages)])
    session = (await api.get("/v1/sessions?limit=1&order=asc"))["data"][0]["id"]
    await api.at_rest()
    began_s = time.perf_counter()
    async with _page(browser, f"{api.url}/console/chat/{session}") as page:
        await page.get_by_text(f"step_{messages - 1}(", exact=False).first.wait_for()
        print(f"  {messages} messages, its end shown after {time.perf_counter() - began_s:.2f} s")
        await asyncio.sleep(1)
        await watch(page)
        blank, _ = await scroll(page, "[role=log]", -200, 600)
        scrolled = await held(page)
        await watch(page)
        for place, number in (("0", 0), ("box.scrollHeight / 2", None), ("box.scrollHeight", messages - 2)):
            await page.locator("[role=log]").evaluate(f"box => {{ box.scrollTop = {place} }}")
            text = "And what is step" if number is None else f"And what is step {number}?"
            await page.locator("[role=log]").get_by_text(text).first.wait_for()
            await expect(page.locator("[role=log] .animate-pulse")).to_have_count(0)
        jumped = await held(page)
        shown = await page.locator("[role=log] li[aria-posinset]").count()
    print(f"  {shown} of its messages are in the page; jumps: {jumped.told()}")
    told = f"scrolled, 200 px a frame, {blank} of 600 frames with a message to come: {scrolled.told()}"
    return _goal(told, scrolled.longest_task_ms <= GOAL_TASK_MS, f"no task over {GOAL_TASK_MS} ms")


async def _long_list(browser: Browser, api: Api, sessions: int) -> bool:
    """A list of sessions scrolled to its end, and then up and down."""
    began_s = time.perf_counter()
    for first in range(2, sessions + 2, _BATCH):
        await api.take(
            [conversation(number, 1) for number in range(first, min(first + _BATCH, sessions + 2))]
        )
    print(f"  {sessions} sessions imported in {time.perf_counter() - began_s:.0f} s", flush=True)
    await api.at_rest()
    async with _page(browser, f"{api.url}/console/chat") as page:
        await page.get_by_role("link", name="Conversation").first.wait_for()
        panel = "#sessions [role=region]"
        await watch(page)
        oldest = page.get_by_role("link", name="Conversation 2", exact=True)
        until_s = time.perf_counter() + 300
        while not await oldest.count():
            if time.perf_counter() > until_s:
                raise AssertionError("the list has no end")
            await scroll(page, panel, 4_000, 20)
        grown = await held(page)
        print(f"  {sessions} sessions, page after page to the end: {grown.told()}")
        await watch(page)
        for step in (-1_000, 1_000):
            await scroll(page, panel, step, 300)
        scrolled = await held(page)
        rows = await page.locator("#sessions li").count()
    worst = max(grown.longest_task_ms, scrolled.longest_task_ms)
    told = f"all loaded, {rows} rows in the page, scrolled 1000 px a frame: {scrolled.told()}"
    return _goal(told, worst <= GOAL_TASK_MS, f"no task over {GOAL_TASK_MS} ms, on the way there as well")


def _goal(told: str, met: bool, goal: str) -> bool:
    print(f"  {told}\n  {'met' if met else 'MISSED'}: {goal}", flush=True)
    return met


def _busy() -> tuple[int, int]:
    """Ticks in which all cores together worked, and all ticks, since the machine began."""
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(values) - values[3] - values[4], sum(values)


async def _tell_machine() -> None:
    """Whether others use the machine: then figures are upper bounds, and goals may be missed by no fault of ours."""
    before = _busy()
    await asyncio.sleep(5)
    after = _busy()
    share = (after[0] - before[0]) / max(1, after[1] - before[1])
    state = "quiet" if share <= BUSY_SHARE else "LOADED, these figures are upper bounds"
    print(f"{os.cpu_count()} cores, {share:.0%} of them used by others before it began: {state}", flush=True)


async def _main(asked: argparse.Namespace) -> int:
    program = next((found for name in _CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        raise SystemExit("no Chromium on this machine (Debian: apt install chromium)")
    await _tell_machine()
    tokens = long_answer(asked.tokens)
    folder = Path(tempfile.mkdtemp(prefix="bench-console-"))
    met = []
    try:
        async with (
            author(tokens, asked.tokens_per_s) as model_url,
            _server(folder, model_url) as (pid, url),
            async_playwright() as playwright,
            aiohttp.ClientSession() as client,
        ):
            as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = await playwright.chromium.launch(executable_path=program, args=as_root)
            print(f"Chromium {browser.version}", flush=True)
            api = Api(pid, url, client)
            parts = {
                "load": lambda: _first_load(browser, url),
                "answer": lambda: _long_answer(browser, api, tokens, asked.tokens_per_s),
                "session": lambda: _long_session(browser, api, asked.messages),
                "list": lambda: _long_list(browser, api, asked.sessions),
            }
            for name in asked.only or parts:
                print(f"{name}:", flush=True)
                await api.at_rest()
                met.append(await parts[name]())
            await browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(met) else 1


def main() -> int:
    """Read the arguments and run; 1 = a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.console")
    parser.add_argument("--tokens", type=int, default=20_000, help="of the long answer")
    parser.add_argument("--tokens-per-s", type=float, default=200.0)
    parser.add_argument("--messages", type=int, default=5_000, help="of the long conversation")
    parser.add_argument("--sessions", type=int, default=10_000, help="in the long list")
    parser.add_argument(
        "--only", nargs="*", choices=("load", "answer", "session", "list"), help="parts of it"
    )
    return asyncio.run(_main(parser.parse_args()))
