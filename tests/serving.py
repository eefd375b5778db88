"""The whole product on a real socket, inside the test's event loop.

async with House(tmp_path, providers=[…]) as house:
    await house.post("/v1/chat/completions", {...})
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from roundhouse.app import Roundhouse, create_app
from roundhouse.app.api import SOCKET_PATHS
from roundhouse.core.settings import Settings
from roundhouse.core.types import Device
from roundhouse.infra.egress.resolving import Lookup, system_lookup
from roundhouse.infra.migrate import upgrade_blocking
from roundhouse.infra.probe import FakeProbe
from roundhouse.infra.server import Listener

NO_DISCOVERY = {"discover": False}


class Answered:
    """A whole answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        import json

        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        code = self.json()["error"]["code"]
        assert isinstance(code, str)
        return code


class Client:
    """Asks a running Roundhouse; the admin key unless another is named."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answered:
        """One request; JSON unless `data` is given; the admin key unless another (or `""`) is."""
        sent = dict(headers or {})
        used = self.key if key is None else key
        if used:
            sent.setdefault("Authorization", f"Bearer {used}")
        options: dict[str, Any] = (
            {"data": data} if data is not None else {"json": body} if body is not None else {}
        )
        async with self._session.request(method, self.url + path, headers=sent, **options) as answer:
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Answered(answer.status, told, await answer.read())

    async def get(self, path: str, **more: Any) -> Answered:
        return await self.send("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answered:
        return await self.send("POST", path, body, **more)

    async def chat(self, model: str = "auto", text: str = "Hello.", **more: Any) -> Answered:
        """One chat completion."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return await self.post("/v1/chat/completions", body)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


class House(Client):
    """A running Roundhouse; settings by section, engine discovery off unless asked for."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        server = {"port": 0, "drain_s": 1.0, **settings.pop("server", {})}
        engine = {**NO_DISCOVERY, **settings.pop("engine", {})}
        self._lookup: Lookup = settings.pop("lookup", system_lookup)
        self.settings = Settings(data_dir=data_dir, server=server, engine=engine, **settings)
        super().__init__("", "")
        self.app: Roundhouse
        self._listener: Listener
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(upgrade_blocking, self.settings.db_url)
        devices = [Device("cuda:0", "Fake 16 GB", 16_384, 0), Device("cpu", "CPU", 32_768, 4_096)]
        self.app = create_app(self.settings, FakeProbe(devices), self._lookup)
        started = asyncio.Event()

        def tell(url: str) -> None:
            self.url = url
            started.set()

        self._listener = Listener(self.app.asgi, self.settings.server, tell, self.app.drain, SOCKET_PATHS)
        self._task = asyncio.create_task(self._listener.run())
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait([self._task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            waiting.cancel()
            self._task.result()
        self.key = self.app.first_key or ""
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        self._listener.stop()
        await asyncio.wait_for(self._task, 30)
