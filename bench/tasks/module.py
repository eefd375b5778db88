"""The module that is called: `python module.py PORT`, answers at once what it is sent."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web


async def serve(port: int) -> None:
    """Serve until killed."""

    async def solve(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), content_type="application/json")

    app = web.Application()
    app.router.add_post("/solve", solve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


asyncio.run(serve(int(sys.argv[1])))
