"""Modules of other people on real sockets, for tests: the example, and whatever application a test makes."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

AI_MATH = Path(__file__).parents[1] / "examples" / "ai-math"


def ai_math() -> Any:
    """The application of the example, a new one each time."""
    spec = importlib.util.spec_from_file_location("ai_math_example", AI_MATH / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Serve an ASGI application in this event loop; gives its address."""
    listener = socket.create_server(("127.0.0.1", port))
    # Its own set-up of logging would hold for the whole process, and keep its lines from everybody else's handlers.
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()
