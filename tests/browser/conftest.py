"""One server and one browser for all tests of the console; they run in one process of the test run."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright

from browser.window import AXE, Window, signed_in
from console_checkout import BUILDING, ROOT
from running_server import KEY, Running, running

CONSOLE_REQUIRED = os.environ.get("ROUNDHOUSE_TEST_REQUIRE_CONSOLE") == "1"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)

Open = Callable[..., Window]


def _lacking() -> str | None:
    """Why the tests of the console cannot run here."""
    if CHROMIUM is None:
        return "no Chromium on this machine (Debian: apt install chromium)"
    if not AXE.is_file() or not BUILDING["is_fresh"](ROOT / "web", ROOT / "src" / "roundhouse" / "ui"):
        return "the console is not built, or not from these sources: make console"
    return None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`roundhouse run` on a fresh folder, with an executor."""
    lacking = _lacking()
    if lacking is not None:
        if CONSOLE_REQUIRED:
            pytest.fail(lacking)
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("console")
    # The modules and receivers of tests are on this machine.
    local = {"ROUNDHOUSE_OUTBOUND__ALLOW_NETWORKS": '["127.0.0.0/8"]'}
    with running(
        folder, "--data-dir", str(folder / "data"), ROUNDHOUSE_JOBS__EXECUTOR="true", **local
    ) as started:
        yield started


@pytest.fixture(scope="session")
def admin_key(server: Running) -> str:
    """The first key."""
    found = KEY.search(server.out)
    assert found is not None
    return found[0]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(server: Running, admin_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The server's API, as the admin."""
    headers = {"authorization": f"Bearer {admin_key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(server: Running) -> AsyncIterator[Browser]:
    """Headless Chromium of the machine."""
    async with async_playwright() as playwright:
        # Without its sandbox where we are root, as in most containers: what it opens is our own.
        as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=as_root)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def home(browser: Browser, server: Running, admin_key: str) -> AsyncIterator[BrowserContext]:
    """The admin's browser: signed in once, with a cache that stays warm."""
    context = await signed_in(browser, server.url, admin_key)
    yield context
    await context.close()


@pytest.fixture(scope="session")
def window(browser: Browser, server: Running, admin_key: str, home: BrowserContext) -> Open:
    """Opens windows, signed in as the admin unless `key` says otherwise: `async with window(language="he") as w`."""

    def opened(key: str | None = admin_key, **more: object) -> Window:
        kept = home if key == admin_key else None
        return Window(browser, server.url, key, home=kept, **more)  # type: ignore[arg-type]  # as Window takes them

    return opened


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder share the loop of the session, in which the browser lives."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
