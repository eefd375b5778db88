"""A session with a scripted client and a scripted recogniser: pace, back-pressure, failures, ends."""

import asyncio
import base64
import json

import pytest

from roundhouse.core.errors import BackendDown, Cancelled, RateLimited
from roundhouse.core.settings_live import LiveSettings
from roundhouse.core.types import Decision
from roundhouse.features.gateway.realtime.hearing import Heard
from roundhouse.features.gateway.realtime.options import Options
from roundhouse.features.gateway.realtime.session import Frame, Session

SECOND = 32_000
DELTA, COMPLETED, FAILED = (
    f"conversation.item.input_audio_transcription.{kind}" for kind in ("delta", "completed", "failed")
)


class Ears:
    """Loud where the sound is not silence."""

    def __init__(self):
        self._rest = b""

    def check(self, content):
        pass

    def switch(self, encoding, rate_hz):
        pass

    def feed(self, content):
        wave = self._rest + content
        whole = len(wave) // 1024 * 1024
        self._rest = wave[whole:]
        return content, [0.9 if any(wave[at : at + 1024]) else 0.0 for at in range(0, whole, 1024)]


class Call:
    """Counts nothing."""

    def __init__(self, refusal=None):
        self.refusal = refusal
        self.error = None
        self.first_byte_s = 0.0
        self.decision = Decision("")
        self.ended = False

    async def admit(self):
        if self.refusal is not None:
            raise self.refusal

    def end(self):
        assert not self.ended
        self.ended = True


class Client:
    """A client and a recogniser, both as the test says; it is the socket of the session."""

    def __init__(self, hear, *, refusal=None, good=lambda: True, **settings):
        self.incoming = asyncio.Queue()
        self.events = []
        self.closed = None
        self.probes = 0
        self.drain = None
        self.heard = []
        self.stopped = 0
        self.calls = []
        self._hear = hear
        self._refusal = refusal

        async def still_good():
            return good()

        async def open_ears(options):
            return Ears()

        self.session = Session(
            self,
            Frame(
                settings=LiveSettings(**settings),
                hearer=self,
                open_ears=open_ears,
                begin=self._begin,
                still_good=still_good,
                beta=False,
            ),
            Options(rate_hz=16_000, turns=None),
        )

    def _begin(self):
        self.calls.append(Call(self._refusal))
        return self.calls[-1]

    async def check(self, options):
        pass

    async def hear(self, sound, options, call, *, whole):
        self.heard.append((len(sound) / SECOND, whole))
        try:
            return Heard(await self._hear(len(sound) / SECOND), "en")
        except asyncio.CancelledError:
            self.stopped += 1
            raise

    async def receive(self):
        message = await self.incoming.get()
        if message is None:
            raise Cancelled("gone")
        return message

    async def tell(self, content):
        self.events.append(content)

    async def close(self, code, reason=""):
        self.closed = code

    def on_drain(self, drain):
        self.drain = drain

    def probe(self):
        self.probes += 1

    def say(self, kind, **more):
        self.incoming.put_nowait(json.dumps({"type": kind, **more}))

    def append(self, seconds, content=b"\x01\x02"):
        sound = content * int(seconds * 16_000)
        self.say("input_audio_buffer.append", audio=base64.b64encode(sound).decode())

    def told(self, kind):
        return [event for event in self.events if event["type"] == kind]

    async def until(self, condition, most_s=5.0):
        for _ in range(int(most_s * 200)):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(self.events)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.session.run())
        return self

    async def __aexit__(self, kind, *_):
        if kind is None and not self._task.done():
            self.incoming.put_nowait(None)
        elif kind is not None:
            self._task.cancel()
        await asyncio.wait([self._task])
        assert all(call.ended for call in self.calls)


def words(seconds):
    return " ".join(f"w{number}" for number in range(int(seconds * 2)))


async def test_words_follow_the_sound_and_stay():
    async def hear(seconds):
        return words(seconds)

    async with Client(hear, pace_s=0.1) as client:
        for number in range(1, 9):
            client.append(0.5)
            await client.until(lambda number=number: client.heard and client.heard[-1][0] == number / 2)
        client.say("input_audio_buffer.commit")
        await client.until(lambda: client.told(COMPLETED))
    told = [event["delta"] for event in client.told(DELTA)]
    assert told == ["w0", *(f" w{number}" for number in range(1, 6)), " w6 w7"]
    assert client.told(COMPLETED)[0]["transcript"] == words(4)
    assert client.heard == [*((number / 2, False) for number in range(1, 9)), (4, True)]
    assert client.closed == 1000


async def test_without_a_pace_it_is_heard_once():
    async def hear(seconds):
        return words(seconds)

    async with Client(hear, pace_s=None) as client:
        client.append(8)
        client.say("input_audio_buffer.commit")
        await client.until(lambda: client.told(COMPLETED))
    assert (client.heard, len(client.told(DELTA))) == ([(8, True)], 1)


async def test_a_hearing_in_a_pause_is_that_of_the_whole():
    async def hear(seconds):
        return words(seconds)

    async with Client(hear, pace_s=0.1) as client:
        client.say("session.update", session={"turn_detection": {"type": "server_vad"}})
        client.append(2)
        await client.until(lambda: client.heard)
        client.append(0.3, b"\0\0")
        await client.until(lambda: client.heard[-1][1])
        client.append(0.5, b"\0\0")
        await client.until(lambda: client.told(COMPLETED))
        assert [whole for _, whole in client.heard].count(True) == 1
        # What goes on is another stretch of another item.
        client.append(1)
        client.append(1, b"\0\0")
        await client.until(lambda: len(client.told(COMPLETED)) == 2)


async def test_a_hearing_of_a_part_is_stopped_when_the_whole_is_there():
    async def hear(seconds):
        if seconds < 3:
            await asyncio.sleep(60)
        return words(seconds)

    async with Client(hear, pace_s=0.1) as client:
        client.append(0.5)
        await client.until(lambda: client.heard)
        client.append(2.5)
        client.say("input_audio_buffer.commit")
        await client.until(lambda: client.told(COMPLETED))
    assert (client.heard, client.stopped) == ([(0.5, False), (3, True)], 1)


async def test_a_client_that_is_too_fast_is_made_to_wait():
    free = asyncio.Event()

    async def hear(seconds):
        await free.wait()
        return words(seconds)

    async with Client(hear, pace_s=None, max_buffered_s=30) as client:
        for _ in range(200):
            client.append(1)
        client.say("input_audio_buffer.commit")
        await client.until(lambda: client.probes >= 2)
        assert 30 <= 200 - client.incoming.qsize() < 40
        assert client.session._intake.waiting <= 31 * 16_000
        free.set()
        await client.until(lambda: client.told(COMPLETED), 20)
    (completed,) = client.told(COMPLETED)
    assert completed["usage"] == {"type": "duration", "seconds": 200}
    assert completed["transcript"] == "".join(event["delta"] for event in client.told(DELTA))
    assert max(seconds for seconds, _ in client.heard) <= 26


async def test_items_do_not_pile_up():
    free = asyncio.Event()

    async def hear(seconds):
        await free.wait()
        return words(seconds)

    async with Client(hear, pace_s=None) as client:
        client.append(1)
        for _ in range(100):
            client.say("input_audio_buffer.commit")
            client.append(0.2, b"\0\0")
        await client.until(lambda: client.probes)
        assert 30 < len(client.session._intake.items) < 40
        free.set()
        await client.until(lambda: len(client.told(COMPLETED)) == 100)


async def test_a_part_may_fail_the_whole_may_not():
    async def hear(seconds):
        if seconds != 2:
            raise BackendDown("It is away.")
        return words(seconds)

    async with Client(hear, pace_s=0.1) as client:
        for seconds in (2, 5):
            client.append(0.5)
            await client.until(lambda seconds=seconds: (0.5, False) in client.heard[-1:])
            client.append(seconds - 0.5)
            client.say("input_audio_buffer.commit")
            await client.until(lambda seconds=seconds: client.heard[-1] == (seconds, True))
        await client.until(lambda: client.told(FAILED))
    assert client.told(COMPLETED)[0]["transcript"] == words(2)
    assert client.told(FAILED)[0]["error"]["code"] == "backend_down"


async def test_a_refused_item_is_not_heard():
    async def hear(seconds):
        return words(seconds)

    async with Client(hear, pace_s=0.1, refusal=RateLimited("Slowly.")) as client:
        client.append(40)
        client.say("input_audio_buffer.commit")
        await client.until(lambda: client.told(FAILED))
    assert (client.heard, client.told(DELTA)) == ([], [])
    assert len(client.calls) == 1


async def test_what_was_cleared_is_not_told():
    async def hear(seconds):
        await asyncio.sleep(60 if seconds < 3 else 0)
        return words(seconds)

    async with Client(hear, pace_s=0.1) as client:
        client.append(2)
        await client.until(lambda: client.heard)
        client.say("input_audio_buffer.clear")
        await client.until(lambda: client.stopped == 1)
        client.append(4)
        client.say("input_audio_buffer.commit")
        await client.until(lambda: client.told(COMPLETED))
    assert [isinstance(call.error, Cancelled) for call in client.calls] == [True, False]
    assert client.told(COMPLETED)[0]["transcript"] == words(4)


async def test_a_stop_of_the_server_lets_what_was_said_be_heard():
    async def hear(seconds):
        await asyncio.sleep(0.05)
        return words(seconds)

    async with Client(hear, pace_s=None) as client:
        client.append(3)
        await client.until(lambda: client.session._intake.end == 48_000)
        client.drain()
        await client.until(lambda: client.closed)
    assert (client.closed, client.told(COMPLETED)[0]["transcript"]) == (1012, words(3))


@pytest.mark.parametrize("vanishes", [False, True])
async def test_whoever_ends_it_ends_the_hearing(vanishes):
    async def hear(seconds):
        await asyncio.sleep(60)
        return words(seconds)

    good = [True]
    async with Client(hear, good=lambda: good[0]) as client:
        client.append(3)
        await client.until(lambda: client.heard)
        if vanishes:
            client.incoming.put_nowait(None)
        else:
            good[0] = False
        await client.until(lambda: client.stopped == 1, 1)
        await client.until(lambda: client.closed, 1)
    assert client.closed == (1000 if vanishes else 1008)
