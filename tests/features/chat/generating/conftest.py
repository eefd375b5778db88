from pathlib import Path

import msgspec
import pytest

from features.chat.generating.rowing import Failing, running
from features.chat.generating.scripted import Counting, Scripted
from features.chat.generating.wired import ChatHouse, fake
from features.chat.rooms import ADA, SomeFiles
from roundhouse.engine.metering import Meter
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating.answering import Answering
from roundhouse.features.chat.generating.model import Begun
from roundhouse.features.chat.generating.pieces import PieceWriter
from roundhouse.features.chat.generating.ports import Desk
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.events.store import Event

ME = "own_me"
STARTED = Event(1, "evt_1", "a", "gen_1", "generation.started", {}, 0.0)
WORDS = " ".join(f"word{number}" for number in range(60))


@pytest.fixture
async def house(tmp_path: Path, db_url: str):
    """The product on both databases, with a model that takes its time."""
    providers = [fake(reply=WORDS, delay_s=0.01), fake("quick"), fake("endless", endless=True, delay_s=0.01)]
    async with ChatHouse(tmp_path / "data", providers=providers, db={"url": db_url}) as running:
        yield running


@pytest.fixture
def failing(db) -> Failing:
    return Failing(db)


@pytest.fixture
async def answer(room, failing):
    """Begins an answer over a script; gives it with its generation and what was counted."""
    clock, count = SystemClock(), Counting()
    writer = PieceWriter(failing, clock, ME, lambda _: None)
    writer.start()

    async def make(*script, prefix="", title=None, knowledge=None, stores=(), citations=()):
        engine = Scripted(*script)
        meter = Meter(count, count, count, count, clock)
        desk = Desk(engine, meter, count, SomeFiles(), failing, clock, knowledge)
        generation = await running(room, ME, prefix)
        async with room.db.read() as tx:
            message = await chats.get_message(tx, ADA, generation.message_id)
        message = msgspec.structs.replace(message, citations=list(citations))
        given = [{"role": "user", "content": "Hello."}]
        begun = Begun(generation, message, given, [()], prefix, title, False, "req_1", STARTED, False, stores)
        return Answering(desk, writer, room.index, ME, ADA, begun), generation, engine, count

    yield make
    await writer.close()
