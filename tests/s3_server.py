"""A real S3 server on a real socket, which checks signatures; it keeps its buckets in a folder of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from nanio.app import build_app
from nanio.auth.credentials import StaticCredentialResolver
from nanio.config import Settings

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"


class S3Server:
    """`s3://bucket` behind `url`.

    Attributes:
        url: Its address.
        folder: Where it keeps the bucket.
        requests: Method and path of all requests so far.
        refuse_with: Status that every request is answered with; None = it works.
        most_bytes: The longest body of a request so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.requests: list[str] = []
        self.refuse_with: int | None = None
        self.most_bytes = 0
        (folder / "bucket").mkdir(parents=True)
        credentials = StaticCredentialResolver({ACCESS_KEY: SECRET_KEY})
        self._app = build_app(Settings(data_dir=folder, credentials=credentials, access_log=False))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self.requests.append(f"{scope['method']} {scope['path']}")
        length = dict(scope["headers"]).get(b"content-length", b"0")
        self.most_bytes = max(self.most_bytes, int(length))
        if self.refuse_with is None:
            await self._app(scope, receive, send)
            return
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": self.refuse_with, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def objects(self) -> list[str]:
        """Names in the bucket."""
        root = self.folder / "bucket"
        files = (path for path in root.rglob("*") if path.is_file())
        names = (str(path.relative_to(root)) for path in files)
        return sorted(name for name in names if not name.startswith(".") and ".nanio" not in name)

    def options(self, **more: Any) -> dict[str, Any]:
        """Settings of the section `files` that lead here."""
        return {
            "url": "s3://bucket/some/prefix",
            "endpoint": self.url,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            **more,
        }


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    app = S3Server(folder)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    app.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield app
    finally:
        server.should_exit = True
        thread.join(10)
