"""`roundhouse ingest PATH… --store NAME`: documents into a vector store of a running server, with progress."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, talks
from roundhouse.cli.exits import FAILED, USAGE, Stop
from roundhouse.cli.sources import Gathered, Source, gather
from roundhouse.cli.taking import OUTCOMES, Present, Taken, Taking
from roundhouse.cli.terminal import Advance, bad, clean, doubtful, faint, good, progress_bars, say, show_json

_PAGE = 100
_MOST_AT_ONCE = 32

Bars = Callable[[str], AbstractContextManager[Advance]]


@talks
def ingest(
    client: Client,
    sources: Annotated[
        list[str], typer.Argument(help="Files, folders, and addresses that the server fetches.")
    ],
    *,
    store: Annotated[str, typer.Option(help="Name or id of the vector store; one of a new name is made.")],
    include: Annotated[
        list[str] | None, typer.Option(help="Of folders, only files that match, e.g. '*.pdf'; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Of folders, nothing that matches; repeatable.")
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, to filter by; repeatable.")] = None,
    model: Annotated[str | None, typer.Option(help="Embedding model, where the store is made.")] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, max=_MOST_AT_ONCE, help="Documents at a time.")
    ] = 4,
    as_json: AsJson = False,
) -> None:
    """Take documents into a vector store. Ctrl-C leaves to the server what it has. Ends with 1 when one failed."""
    found = gather(sources, include or [], exclude or [])
    attributes = _attributes(attribute or [])
    made, is_new = _store(client, store, model)
    present = Present(_files(client, made["id"]), found.sources)
    taking = Taking(client, made["id"], present, attributes)
    bars = _silent() if as_json else progress_bars(len(found.sources))
    with bars as bar:
        taken = _all(taking, found.sources, at_once, bar)
    if as_json:
        show_json(_report(made, is_new, found, taken))
    else:
        _tell(made, is_new, found, taken)
    if any(one.outcome == "failed" for one in taken):
        raise typer.Exit(FAILED)


def _attributes(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, is_there, value = one.partition("=")
        if not (name and is_there):
            raise Stop(f"{one!r} is no attribute such as product=kettle.", code=USAGE)
        found[name] = value
    return found


def _store(client: Client, wanted: str, model: str | None) -> tuple[dict[str, Any], bool]:
    """The store that is meant, and whether it was made just now."""
    if wanted.startswith("vs_"):
        return client.get(f"/v1/vector_stores/{quote(wanted, safe='')}"), False
    named = [one for one in _pages(client, "/v1/vector_stores") if one["name"] == wanted]
    if len(named) > 1:
        ids = ", ".join(one["id"] for one in named)
        raise Stop(
            f"{len(named)} vector stores are called {wanted!r}: {ids}.", code=USAGE, fix="Name its id."
        )
    if named:
        return named[0], False
    return client.call("POST", "/v1/vector_stores", {"name": wanted, "embedding_model": model}), True


def _files(client: Client, store_id: str) -> list[Any]:
    return _pages(client, f"/v1/vector_stores/{quote(store_id, safe='')}/files")


def _pages(client: Client, path: str) -> list[Any]:
    """All rows of a list of OpenAI's form, the oldest first."""
    found: list[Any] = []
    after: str | None = None
    while True:
        page = client.get(path, limit=_PAGE, order="asc", after=after)
        found += page["data"]
        after = page["next_cursor"]
        if after is None:
            return found


def _all(taking: Taking, sources: Sequence[Source], at_once: int, bar: Bars) -> list[Taken]:
    """Take all in, some at a time, in the order of the sources.

    Threads end with the process: Ctrl-C must not wait for a server.

    Raises:
        Stop: The server went away, or refused this key; what it has goes on.
        KeyboardInterrupt: The person had enough; the same, and that was said.
    """
    waiting: queue.SimpleQueue[Source] = queue.SimpleQueue()
    for source in sources:
        waiting.put(source)
    ended: queue.SimpleQueue[Taken | Stop | None] = queue.SimpleQueue()
    enough = threading.Event()

    def work() -> None:
        try:
            while not enough.is_set():
                source = waiting.get_nowait()
                with bar(source.name) as advance:
                    ended.put(taking.take(source, advance))
        except queue.Empty:
            pass
        except Stop as stop:
            ended.put(stop)
        finally:
            ended.put(None)

    running = min(at_once, len(sources))
    for _ in range(running):
        threading.Thread(target=work, daemon=True).start()
    taken: dict[str, Taken] = {}
    try:
        while running:
            one = ended.get()
            if isinstance(one, Stop):
                raise one
            if one is None:
                running -= 1
            else:
                taken[one.name] = one
    finally:
        enough.set()
        _say_what_goes_on(taking)
    return [taken[source.name] for source in sources]


def _say_what_goes_on(taking: Taking) -> None:
    """What the server works on further, where this command ends before it."""
    if not (jobs := taking.followed()):
        return
    say(
        faint(
            f"{len(jobs)} of them go on at the server: {', '.join(jobs)}. `roundhouse jobs show JOB --follow` looks on "
            "at one, the same command again at all."
        ),
        err=True,
    )


@contextmanager
def _silent() -> Iterator[Bars]:
    @contextmanager
    def bar(_: str) -> Iterator[Advance]:
        yield lambda _, __: None

    yield bar


def _report(store: dict[str, Any], is_new: bool, found: Gathered, taken: Sequence[Taken]) -> dict[str, Any]:
    counts = Counter(one.outcome for one in taken)
    return {
        "vector_store": {"id": store["id"], "name": store["name"], "is_new": is_new},
        "counts": {**{outcome: counts[outcome] for outcome in OUTCOMES}, "unread": len(found.unread)},
        "files": msgspec.to_builtins(taken),
        "unread": [one._asdict() for one in found.unread],
    }


def _tell(store: dict[str, Any], is_new: bool, found: Gathered, taken: Sequence[Taken]) -> None:
    """What became of each on stdout, but for what is as it was; complaints on stderr."""
    for name, reason in found.unread:
        say(f"{doubtful('unread')}  {clean(name)}: {clean(reason)}", err=True)
    for one in taken:
        name = clean(one.name)
        if one.outcome in ("added", "replaced"):
            say(f"{good(one.outcome)}  {name}")
        elif one.outcome in ("failed", "skipped"):
            shown = bad if one.outcome == "failed" else doubtful
            say(f"{shown(one.outcome)}  {name}: {clean(one.message)}", err=True)
        for warning in one.warnings if one.outcome != "unchanged" else []:
            say(faint(f"{name}: {clean(warning)}"), err=True)
    counts = Counter(one.outcome for one in taken)
    told = [f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome]]
    told += [f"{len(found.unread)} unread"] if found.unread else []
    new = ", new" if is_new else ""
    say(f"{clean(store['name'])} ({store['id']}{new}): {', '.join(told) or 'nothing to take in'}")
