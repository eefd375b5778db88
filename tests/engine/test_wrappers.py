import asyncio
import time

import pytest

from engine.models import ScriptedModel, ask, text
from roundhouse.core.errors import (
    BackendBusy,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    BadInput,
    ContextTooLong,
    UnsupportedContent,
)
from roundhouse.core.types import Decision
from roundhouse.engine.health import Breaker, Slots
from roundhouse.engine.wrappers import Cached, Fallback, Leased, Limited, Retried, cache_key
from roundhouse.infra.cache import MemoryCache
from roundhouse.infra.clock import SystemClock


class Heard:
    def __init__(self) -> None:
        self.tries: list[tuple[str, str | None]] = []

    def attempted(self, target, error) -> None:
        self.tries.append((target, error.code if error else None))


def limited(model, name="p/m", concurrent=4):
    heard = Heard()
    return Limited(model, name, Breaker(5, 10.0, SystemClock()), Slots(concurrent, 10), heard), heard


async def test_fallback_goes_on_after_retryable_errors_only():
    good = ScriptedModel(b"good")
    down = ScriptedModel(BackendDown())
    decision = Decision("x")
    assert (await Fallback([down, good]).answer(ask(), decision)).body == b"good"
    refused = ScriptedModel(BackendRefused(status=404))
    with pytest.raises(BackendRefused):
        await Fallback([refused, good]).answer(ask(), decision)
    bad = ScriptedModel(BadInput("no"))
    with pytest.raises(BadInput):
        await Fallback([bad, good]).answer(ask(), decision)
    assert good.calls == 1


async def test_when_all_fail_a_wait_is_told_rather_than_a_failure():
    busy = ScriptedModel(BackendBusy(retry_after_s=7))
    down = ScriptedModel(BackendDown())
    with pytest.raises(BackendBusy) as error:
        await Fallback([busy, down]).answer(ask(), Decision("x"))
    assert error.value.retry_after_s == 7


async def test_a_request_too_long_goes_to_the_longer_models_not_to_the_next_short_one():
    short, other, longer = ScriptedModel(ContextTooLong()), ScriptedModel(b"other"), ScriptedModel(b"longer")
    answer = await Fallback([short, other], [longer]).answer(ask(), Decision("x"))
    assert (answer.body, other.calls) == (b"longer", 0)
    with pytest.raises(ContextTooLong):
        await Fallback([short, other]).answer(ask(), Decision("x"))


async def test_a_stream_falls_back_before_its_first_event_and_not_after():
    first, heard = limited(ScriptedModel([BackendFailed("cut")]), "p/first")
    second, _ = limited(ScriptedModel([b"data: {}\n\n"]), "p/second")
    decision = Decision("x")
    running = await Fallback([first, second]).stream(ask(stream=True), decision)
    assert await text(running) == b"data: {}\n\n"
    assert [(one.target, one.error) for one in decision.attempts] == [
        ("p/first", "backend_failed"),
        ("p/second", None),
    ]
    assert heard.tries == [("p/first", "backend_failed")]
    late, _ = limited(ScriptedModel([b"data: 1\n\n", BackendFailed("cut")]), "p/late")
    running = await Fallback([late, second]).stream(ask(stream=True), Decision("x"))
    with pytest.raises(BackendFailed):
        await text(running)


async def test_a_stream_tells_who_answers_before_it_ends():
    first, _ = limited(ScriptedModel(BackendDown()), "p/first")
    second, heard = limited(ScriptedModel([b"data: {}\n\n"]), "p/second")
    decision = Decision("x")
    running = await Fallback([first, second]).stream(ask(stream=True), decision)
    assert ([one.target for one in decision.attempts], heard.tries) == (["p/first", "p/second"], [])
    await running.aclose()
    assert heard.tries == [("p/second", None)]


async def test_a_cancelled_call_is_told_too():
    class Hanging:
        async def answer(self, request, decision):
            await asyncio.sleep(60)

    guarded, heard = limited(Hanging(), "p/slow")
    decision = Decision("x")
    calling = asyncio.create_task(guarded.answer(ask(), decision))
    await asyncio.sleep(0.01)
    calling.cancel()
    await asyncio.wait([calling])
    assert (decision.target, [one.error for one in decision.attempts]) == ("p/slow", ["cancelled"])
    assert heard.tries == []


async def test_a_part_that_one_model_cannot_take_goes_to_the_next():
    blind, seeing = ScriptedModel(UnsupportedContent("no images")), ScriptedModel(b"a cat")
    assert (await Fallback([blind, seeing]).answer(ask(), Decision("x"))).body == b"a cat"
    with pytest.raises(UnsupportedContent):
        await Fallback([blind]).answer(ask(), Decision("x"))


async def test_retries_wait_as_told_but_not_for_time_outs_or_long():
    flaky = ScriptedModel(BackendBusy(retry_after_s=0.05), b"good")
    started_s = time.perf_counter()
    assert (await Retried(flaky, 2).answer(ask(), Decision("x"))).body == b"good"
    assert time.perf_counter() - started_s >= 0.05
    for error in (BackendTimeout(), BackendBusy(retry_after_s=60), BackendRefused(status=400)):
        model = ScriptedModel(error)
        with pytest.raises(type(error)):
            await Retried(model, 3).answer(ask(), Decision("x"))
        assert model.calls == 1
    stubborn = ScriptedModel(BackendFailed())
    with pytest.raises(BackendFailed):
        await Retried(stubborn, 2).stream(ask(stream=True), Decision("x"))
    assert stubborn.calls == 3


async def test_a_slot_is_held_until_the_stream_ends_or_is_closed():
    model = ScriptedModel([b"data: 1\n\n", b"data: 2\n\n"])
    guarded, _ = limited(model, concurrent=1)
    running = await guarded.stream(ask(stream=True), Decision("x"))
    waiting = asyncio.create_task(guarded.stream(ask(stream=True), Decision("x")))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await running.aclose()
    second = await asyncio.wait_for(waiting, 1)
    assert await text(second) == b"data: 1\n\ndata: 2\n\n"
    assert [stream.closed for stream in model.streams] == [1, 1]


async def test_leases_are_left_whatever_happens():
    held: list[str] = []

    class Lease:
        async def __aenter__(self):
            held.append("in")

        async def __aexit__(self, *_):
            held.append("out")

    leased = Leased(ScriptedModel(b"good", BackendFailed(), [b"data: 1\n\n"]), Lease)
    await leased.answer(ask(), Decision("x"))
    with pytest.raises(BackendFailed):
        await leased.stream(ask(stream=True), Decision("x"))
    running = await leased.stream(ask(stream=True), Decision("x"))
    assert held == ["in", "out", "in", "out", "in"]
    await running.aclose()
    await running.aclose()
    assert held == ["in", "out"] * 3


@pytest.fixture
def cache():
    return MemoryCache(1024 * 1024, SystemClock())


async def test_the_cache_answers_identical_requests_of_one_site_only(cache):
    model = ScriptedModel(b"one", b"two", b"three")
    cached = Cached(model, cache, 60, 1000)
    decision = Decision("x")
    assert (await cached.answer(ask(temperature=0), decision)).body == b"one"
    assert decision.cache == "miss"
    again = Decision("x")
    answer = await cached.answer(ask(temperature=0), again)
    assert (answer.body, again.cache, again.target, answer.usage.total_tokens) == (
        b"one",
        "hit",
        "scripted/m",
        0,
    )
    assert (await cached.answer(ask(temperature=1), Decision("x"))).body == b"two"
    assert (await cached.answer(ask(temperature=0, site_id="other"), Decision("x"))).body == b"three"


async def test_a_client_can_refresh_the_cache_or_leave_it_alone(cache):
    model = ScriptedModel(b"one", b"two", b"three")
    cached = Cached(model, cache, 60, 1000)
    await cached.answer(ask(), Decision("x"))
    refresh, off = ask(), ask()
    refresh.cache, off.cache = "refresh", "off"
    assert (await cached.answer(refresh, Decision("x"))).body == b"two"
    decision = Decision("x")
    assert (await cached.answer(off, decision)).body == b"three"
    assert decision.cache == "off"
    assert (await cached.answer(ask(), Decision("x"))).body == b"two"


async def test_only_whole_streams_are_kept(cache):
    model = ScriptedModel([b"data: 1\n\n", BackendFailed()], [b"data: 1\n\n", b"data: 2\n\n"])
    cached = Cached(model, cache, 60, 1000)
    broken = await cached.stream(ask(stream=True), Decision("x"))
    with pytest.raises(BackendFailed):
        await text(broken)
    whole = await cached.stream(ask(stream=True), Decision("x"))
    assert await text(whole) == b"data: 1\n\ndata: 2\n\n"
    decision = Decision("x")
    replayed = await cached.stream(ask(stream=True), decision)
    assert (await text(replayed), decision.cache, model.calls) == (b"data: 1\n\ndata: 2\n\n", "hit", 2)


async def test_too_large_answers_are_not_kept(cache):
    model = ScriptedModel(b"x" * 2000)
    cached = Cached(model, cache, 60, 1000)
    await cached.answer(ask(), Decision("x"))
    await cached.answer(ask(), Decision("x"))
    assert model.calls == 2


def test_the_key_ignores_the_order_of_members_and_what_changes_no_answer():
    one, other = ask(temperature=0, seed=1, user="a"), ask(seed=1, temperature=0, user="b")
    assert cache_key(one) == cache_key(other)
    assert cache_key(one) != cache_key(ask(temperature=0, seed=2))
    other.include_usage = True
    assert cache_key(one) != cache_key(other)
    begun = ask(temperature=0, seed=1)
    begun.continues = True
    assert cache_key(one) != cache_key(begun)
