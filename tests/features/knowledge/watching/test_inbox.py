"""A vector store that holds what lies in a folder: what is new, what changed, and what is gone."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from features.knowledge.house import ANN, KnowledgeHouse
from roundhouse.core.errors import BadInput
from roundhouse.core.settings import DocumentWatchSettings
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.files.store import Listing as FileListing
from roundhouse.features.knowledge.stores.schemas import StoreFileRead
from roundhouse.features.knowledge.stores.store.listing import Listing
from roundhouse.features.knowledge.watching.inbox import DocumentInbox
from roundhouse.features.knowledge.watching.replacing import Replacing
from roundhouse.infra.watching.inbox import Inbox
from roundhouse.infra.watching.model import Taken
from roundhouse.infra.watching.report import report
from roundhouse.infra.watching.settling import Settling
from roundhouse.infra.watching.taking import Taking
from roundhouse.infra.watching.watch import FolderWatch, Looked

STABLE_S = 10.0


def watch_of(house: KnowledgeHouse, inbox: Path, holder: str = "exe_1", **more) -> FolderWatch:
    watched = DocumentWatchSettings(
        path=inbox, **{"store": "handbook", "site_id": "one", "stable_s": STABLE_S, **more}
    )
    documents = DocumentInbox(
        house.db,
        house.files.service,
        house.in_stores,
        house.stores,
        house.adding,
        Replacing(house.index, house.clock),
        house.jobs,
        watched,
        1024,
        house.clock,
    )
    taking = Taking(house.db, house.files.service, house.clock)
    return FolderWatch(
        house.db, taking, Settling(house.db, house.clock), [documents], 5.0, house.clock, holder
    )


async def looked(watch: FolderWatch, house: KnowledgeHouse) -> Looked:
    """Two looks, so far apart that what lies still is taken by the second one."""
    await watch.look(watch.inboxes[0])
    house.clock.turn(STABLE_S)
    return await watch.look(watch.inboxes[0])


async def ingested(watch: FolderWatch, house: KnowledgeHouse) -> Looked:
    """The same, and all work that comes of it; the look behind that."""
    await looked(watch, house)
    await house.work()
    return await watch.look(watch.inboxes[0])


def lay(folder: Path, name: str, text: str, mtime_s: float | None = None) -> Path:
    path = folder / name
    path.write_text(text)
    if mtime_s is not None:
        os.utime(path, (mtime_s, mtime_s))
    return path


async def in_store(house: KnowledgeHouse, caller: Caller = ANN) -> list[StoreFileRead]:
    (store,) = (await house.stores.page(caller, Listing(20))).data
    found = (await house.in_stores.page(caller, store.id, None, Listing(100))).data
    return sorted(found, key=lambda one: one.filename)


async def texts(house: KnowledgeHouse) -> dict[str, str]:
    """What is found, by file name; of two the one that is found."""
    (store,) = (await house.stores.page(ANN, Listing(20))).data
    found = [(one.filename, await house.texts(store.id, one.id)) for one in await in_store(house)]
    return {name: "|".join(passages) for name, passages in found if passages}


async def kept(house: KnowledgeHouse) -> int:
    return len((await house.files.service.list(ANN, FileListing(None, None, False, 100))).data)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    return folder


async def test_a_store_is_made_and_holds_what_lies_in_the_folder(house: KnowledgeHouse, inbox: Path) -> None:
    watch = watch_of(house, inbox, attributes={"product": "kettle"})
    lay(inbox, "a.txt", "It boils.")
    lay(inbox, "b.txt", "It cools.")
    lay(inbox, "c.zip.part", "not whole")
    assert await looked(watch, house) == Looked(True, taken=2)
    assert await watch.look(watch.inboxes[0]) == Looked(True)
    await house.work()
    assert await watch.look(watch.inboxes[0]) == Looked(True, settled=2)
    assert await texts(house) == {"a.txt": "It boils.", "b.txt": "It cools."}
    assert [one.attributes for one in await in_store(house)] == [
        {"path": "a.txt", "product": "kettle"},
        {"path": "b.txt", "product": "kettle"},
    ]
    assert names(inbox) == ["a.txt", "b.txt", "c.zip.part"]
    (told,) = await report(house.db, house.clock.now_s())
    assert (told["kind"], told["done"], told["waiting"], told["is_watched"]) == ("documents", 2, 0, True)


async def test_a_changed_file_takes_the_place_of_what_it_was(house: KnowledgeHouse, inbox: Path) -> None:
    watch = watch_of(house, inbox)
    first = lay(inbox, "a.txt", "It boils.\n\nIt is red.", 1_000.0)
    lay(inbox, "b.txt", "It cools.")
    await ingested(watch, house)
    before = {one.filename: one.id for one in await in_store(house)}
    lay(inbox, "a.txt", "It boils.\n\nIt is blue.", 2_000.0)
    assert (await looked(watch, house)).taken == 1
    # Until the new one is found, the former is.
    assert await texts(house) == {"a.txt": "It boils.\n\nIt is red.", "b.txt": "It cools."}
    await house.work()
    assert await watch.look(watch.inboxes[0]) == Looked(True, settled=1)
    assert await texts(house) == {"a.txt": "It boils.\n\nIt is blue.", "b.txt": "It cools."}
    after = {one.filename: one.id for one in await in_store(house)}
    assert (after["b.txt"], after["a.txt"] != before["a.txt"]) == (before["b.txt"], True)
    assert await kept(house) == 2
    # Touched, but the same: nothing is worked on.
    os.utime(first, (3_000.0, 3_000.0))
    assert (await looked(watch, house)).taken == 1
    assert await house.work() == []
    assert {one.filename: one.id for one in await in_store(house)} == after
    # The content of before, with its time of before, is laid back.
    lay(inbox, "a.txt", "It boils.\n\nIt is red.", 1_000.0)
    assert (await ingested(watch, house)).settled == 1
    assert (await texts(house))["a.txt"] == "It boils.\n\nIt is red."
    assert await kept(house) == 2


class Stalled:
    """An inbox whose process stands still in the middle of an end, long enough for another one to go on."""

    def __init__(self, inner: Inbox, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._inner, self._meanwhile = inner, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def settled(self, taken: Taken) -> None:
        await self._inner.settled(taken)
        await self._meanwhile()


async def test_who_lost_the_folder_in_the_middle_of_an_end_does_not_bring_the_former_back(
    house: KnowledgeHouse, inbox: Path
) -> None:
    slow, quick = watch_of(house, inbox), watch_of(house, inbox, "exe_2")
    lay(inbox, "a.txt", "One.")
    await looked(slow, house)
    await house.work()

    async def changed() -> None:
        house.clock.turn(60.0)
        lay(inbox, "a.txt", "The second.")
        assert (await looked(quick, house)).taken == 1

    await slow.look(cast(Inbox, Stalled(slow.inboxes[0], changed)))
    await house.work()
    house.clock.turn(60.0)
    assert (await quick.look(quick.inboxes[0])).settled == 1
    assert await texts(house) == {"a.txt": "The second."}
    assert await kept(house) == 1


async def test_changed_again_before_the_work_was_done(house: KnowledgeHouse, inbox: Path) -> None:
    watch = watch_of(house, inbox)
    lay(inbox, "a.txt", "One.")
    await ingested(watch, house)
    for text in ("Two, unseen.", "Three, and the last one."):
        lay(inbox, "a.txt", text)
        await looked(watch, house)
    assert await texts(house) == {"a.txt": "One."}
    await house.work()
    await watch.look(watch.inboxes[0])
    assert await texts(house) == {"a.txt": "Three, and the last one."}
    assert await kept(house) == 1
    # One that cannot be read leaves the former in its place; the next change replaces that.
    lay(inbox, "a.txt", " ")
    assert (await ingested(watch, house)).settled == 1
    assert {one.status for one in await in_store(house)} == {"completed", "failed"}
    lay(inbox, "a.txt", "Four.")
    await ingested(watch, house)
    assert await texts(house) == {"a.txt": "Four."}
    assert await kept(house) == 1
    (told,) = await report(house.db, house.clock.now_s())
    assert (told["done"], told["failed"], told["removed"]) == (1, 0, 4)


async def test_a_file_that_is_gone_stays_or_leaves_as_the_setting_says(
    house: KnowledgeHouse, inbox: Path
) -> None:
    keeping, mirroring = watch_of(house, inbox), watch_of(house, inbox, removed="take_out")
    for name in ("a.txt", "b.txt"):
        lay(inbox, name, f"This is {name}.")
    await ingested(keeping, house)
    (inbox / "a.txt").unlink()
    await looked(keeping, house)
    assert sorted(await texts(house)) == ["a.txt", "b.txt"]
    assert (await mirroring.look(mirroring.inboxes[0])).taken_out == 0
    house.clock.turn(STABLE_S)
    assert await mirroring.look(mirroring.inboxes[0]) == Looked(True, taken_out=1)
    assert sorted(await texts(house)) == ["b.txt"]
    assert await kept(house) == 1
    lay(inbox, "a.txt", "This is a.txt.")
    await ingested(mirroring, house)
    assert sorted(await texts(house)) == ["a.txt", "b.txt"]
    # A share that is not there just now looks like an empty folder.
    for name in ("a.txt", "b.txt"):
        (inbox / name).unlink()
    empty = await looked(mirroring, house)
    assert (empty.taken_out, "empty" in (empty.error or "")) == (0, True)
    assert sorted(await texts(house)) == ["a.txt", "b.txt"]


async def test_moved_when_they_are_found_or_refused(house: KnowledgeHouse, inbox: Path) -> None:
    watch = watch_of(house, inbox, afterwards="move")
    lay(inbox, "a.txt", "One.")
    lay(inbox, "empty.txt", " ")
    (inbox / "sound.mp3").write_bytes(b"ID3\x04" + b"\x00" * 600)
    (inbox / "large.txt").write_text("x" * 2000)
    await ingested(watch, house)
    assert names(inbox / "done") == ["a.txt"]
    failed = names(inbox / "failed")
    assert [name for name in failed if not name.endswith(".json")] == ["empty.txt", "large.txt", "sound.mp3"]
    assert "document_empty" in (inbox / "failed" / "empty.txt.error.json").read_text()
    assert "too_large" in (inbox / "failed" / "large.txt.error.json").read_text()
    # Another one of that name is another document.
    lay(inbox, "a.txt", "Two.")
    await ingested(watch, house)
    assert [one.filename for one in await in_store(house) if one.status == "completed"] == ["a.txt", "a.txt"]
    assert names(inbox / "done") == ["a (2).txt", "a.txt"]


async def test_which_store_is_meant(house: KnowledgeHouse, inbox: Path) -> None:
    lay(inbox, "a.txt", "One.")
    of_bob = await house.make_store(Caller("key", "two"), name="handbook")
    mine = await house.make_store(name="handbook")
    watch = watch_of(house, inbox)
    assert (await looked(watch, house)).taken == 1
    assert (await house.stores.show(ANN, mine.id)).file_counts.total == 1
    other = await house.make_store(name="handbook")
    lay(inbox, "b.txt", "Two.")
    assert "2 vector stores" in ((await looked(watch, house)).error or "")
    by_id = watch_of(house, inbox, store=other.id)
    assert (await looked(by_id, house)).taken == 1
    assert (await house.stores.show(ANN, other.id)).file_counts.total == 1
    stranger = watch_of(house, inbox, store=of_bob.id)
    lay(inbox, "c.txt", "Three.")
    assert "not_found" in ((await looked(stranger, house)).error or "")
    with pytest.raises(BadInput):
        watch_of(house, inbox, afterwards="move", removed="take_out")
