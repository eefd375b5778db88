"""The server under test: ``python -m bench.chat.serve SETTINGS_JSON`` tells its address on stderr."""

from __future__ import annotations

import json
import sys

from roundhouse.app import create_app
from roundhouse.core.settings import Settings
from roundhouse.infra.event_loop import run
from roundhouse.infra.migrate import upgrade_blocking
from roundhouse.infra.server import serve


async def _main(settings: Settings) -> None:
    app = create_app(settings)

    def tell(url: str) -> None:
        sys.stderr.write(f"{url}\n")
        sys.stderr.flush()

    await serve(app.asgi, settings.server, tell, app.drain)


if __name__ == "__main__":
    given = Settings(**json.loads(sys.argv[1]))
    upgrade_blocking(given.db_url)
    run(_main(given))
