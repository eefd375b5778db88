"""The server under test, a process of its own: the tail, and its events as server-sent events.

``python -m bench.events.serve URL on|off`` prints its port. With ``off`` nothing looks for events: what an idle
server costs without the tail.
"""

from __future__ import annotations

import sys

from fastapi import FastAPI, Request, Response

from roundhouse.core.settings import DbSettings, EventSettings, ServerSettings
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database
from roundhouse.infra.event_loop import run
from roundhouse.infra.events.sse import EventStream
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.server import serve
from roundhouse.infra.web import Front, RequestIds


async def _main(url: str, tail_on: bool) -> None:
    db = Database(DbSettings(), url)
    tail = EventTail(db, EventSettings(), SystemClock())
    rooms = FastAPI()

    @rooms.get("/v1/events", response_class=EventStream)
    async def of_the_tenant(request: Request) -> Response:
        return EventStream(request, tail, None, "default")

    def tell(address: str) -> None:
        print(address.rpartition(":")[2], flush=True)

    if tail_on:
        await tail.start()
    settings = ServerSettings(port=0)
    front = Front(rooms, {}, settings, RequestIds(), lambda error, _: print(error, file=sys.stderr))
    await serve(front, settings, tell, tail.drain)
    await tail.close()
    await db.close()


if __name__ == "__main__":
    run(_main(sys.argv[1], sys.argv[2] == "on"))
