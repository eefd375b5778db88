"""A server in a process of its own: `python dying.py SETTINGS_JSON` tells its address on stderr."""

from __future__ import annotations

import json
import sys

from roundhouse.app import create_app
from roundhouse.core.settings import Settings
from roundhouse.core.types import Device
from roundhouse.infra.event_loop import run
from roundhouse.infra.probe import FakeProbe
from roundhouse.infra.server import serve


async def main(settings: Settings) -> None:
    app = create_app(settings, FakeProbe([Device("cpu", "CPU", 32_768, 4_096)]))

    def tell(url: str) -> None:
        sys.stderr.write(f"{url}\n")
        sys.stderr.flush()

    await serve(app.asgi, settings.server, tell, app.drain)


if __name__ == "__main__":
    run(main(Settings(**json.loads(sys.argv[1]))))
