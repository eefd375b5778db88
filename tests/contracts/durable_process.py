"""Another process on the same database: `python durable_process.py <url> fence|hang <run id>…`."""

import asyncio
import sys

from roundhouse.infra.jobs.durable import DbosDurable


async def main(url: str, verb: str, *run_ids: str) -> None:
    durable = DbosDurable(url, "elsewhere")
    await durable.start()
    if verb == "fence":
        await durable.fence(run_ids)
        await durable.close()
        return

    async def give() -> str:
        return "done"

    async def hang() -> None:
        sys.stdout.write("in the third step\n")
        sys.stdout.flush()
        await asyncio.sleep(3600)

    async def body(record):
        await record("first", give)
        await record("second", give)
        await record("third", hang)

    await durable.run(run_ids[0], "kind@1", body)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
