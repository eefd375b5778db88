"""What holds up a page, as the browser tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

# Long tasks: what held up the page for 50 ms or more (W3C Long Tasks API). Frames: the time from one to the next.
_WATCH = """() => {
    window.seen?.stop();
    const tasks = [], frames = [];
    const observer = new PerformanceObserver(list => {
        for (const { duration, startTime } of list.getEntries()) tasks.push([duration, startTime]);
    });
    observer.observe({ type: 'longtask' });
    let last = null, goes = true;
    const began = performance.now();
    const frame = now => {
        if (last !== null) frames.push(now - last);
        last = now;
        if (goes) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    window.seen = {
        stop: () => { goes = false; observer.disconnect(); },
        read: () => {
            window.seen.stop();
            for (const { duration, startTime } of observer.takeRecords()) tasks.push([duration, startTime]);
            return { tasks, frames, span: performance.now() - began };
        },
    };
}"""
_SCROLL = """async ([selector, step, frames]) => {
    const box = document.querySelector(selector);
    let blank = 0;
    for (let frame = 0; frame < frames; frame++) {
        box.scrollTop += step;
        await new Promise(requestAnimationFrame);
        if (box.querySelector('.animate-pulse')) blank += 1;
    }
    return [blank, box.scrollTop <= 0 || box.scrollTop + box.clientHeight >= box.scrollHeight - 1];
}"""
_SCRIPTS = """() => performance.getEntriesByType('resource')
    .filter(one => one.initiatorType === 'script' || new URL(one.name).pathname.endsWith('.js'))
    .map(one => [new URL(one.name).pathname, one.encodedBodySize, one.decodedBodySize])"""


@dataclass(frozen=True)
class Held:
    """What held up a page while it was watched; times in ms.

    Attributes:
        tasks_ms: Tasks of 50 ms or more, the longest first.
        frames_ms: From each frame to the next, the longest first.
        span_ms: How long it was watched.
    """

    tasks_ms: list[float]
    frames_ms: list[float]
    span_ms: float

    @property
    def longest_task_ms(self) -> float:
        """0 = none took 50 ms."""
        return self.tasks_ms[0] if self.tasks_ms else 0.0

    def told(self) -> str:
        """One line."""
        over = sum(one > 100 for one in self.tasks_ms)
        frames = self.frames_ms or [0.0]
        p50, p99 = frames[len(frames) // 2], frames[len(frames) // 100]
        return (
            f"longest task {self.longest_task_ms:.0f} ms, {len(self.tasks_ms)} of 50 ms or more, {over} over 100 ms; "
            f"frames p50 {p50:.0f}, p99 {p99:.0f}, longest {frames[0]:.0f} ms, in {self.span_ms / 1000:.1f} s"
        )


async def watch(page: Page) -> None:
    """Begin to watch, anew."""
    await page.evaluate(_WATCH)


async def held(page: Page) -> Held:
    """What was seen since `watch`; nothing is seen from then on."""
    found: dict[str, Any] = await page.evaluate("() => window.seen.read()")
    tasks = sorted((float(took) for took, _ in found["tasks"]), reverse=True)
    return Held(tasks, sorted(map(float, found["frames"]), reverse=True), float(found["span"]))


async def scroll(page: Page, selector: str, step_px: int, frames: int) -> tuple[int, bool]:
    """Scroll a box step by step, one a frame.

    Returns:
        In how many frames something was still to come, and whether an end of it is shown.
    """
    blank, ended = await page.evaluate(_SCROLL, [selector, step_px, frames])
    return int(blank), bool(ended)


async def scripts(page: Page) -> list[tuple[str, int, int]]:
    """The scripts that the page has loaded: path, bytes as sent, bytes unpacked."""
    found = await page.evaluate(_SCRIPTS)
    return [(str(path), int(sent), int(unpacked)) for path, sent, unpacked in found]
