"""Questions and answers from Python: whole, in pieces, broken off, from many threads."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from roundhouse.core.errors import (
    BackendDown,
    BackendTimeout,
    Conflict,
    ModelNotFound,
    NotFound,
    Unprocessable,
)
from roundhouse.studio import Message, Studio
from studio.conftest import WORDS


def last_of(studio: Studio, session_id: str) -> Message:
    return studio.chat.get_conversation_context(session_id, 1)[0]


def until(check: Callable[[], bool], within_s: float = 20.0) -> None:
    ends_s = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < ends_s
        time.sleep(0.02)


async def collected(studio: Studio, session_id: str, message: str = "Hello", **more: Any) -> list[str]:
    return [piece async for piece in studio.chat.stream_message(session_id, message, **more)]


def test_a_question_is_answered_and_kept(studio: Studio) -> None:
    session = studio.sessions.create_session(model_id="slow/m")
    answer = studio.chat.send_message(session.id, "Hello, AI!")
    assert (answer.content, answer.model_id, answer.success) == (WORDS, "slow/m", True)
    assert answer.tokens_used > 40
    assert answer.response_time >= 0.4
    asked, kept = studio.history.get_session_messages(session.id)
    assert (asked.role, asked.content) == ("user", "Hello, AI!")
    assert (kept.id, kept.content, kept.state) == (answer.metadata["message_id"], WORDS, "complete")
    assert (kept.tokens_used, kept.response_time) == (answer.tokens_used, answer.response_time)
    named = studio.sessions.get_session(session.id)
    assert named is not None
    assert named.title == "Hello, AI!"


def test_an_answer_comes_in_pieces_to_any_loop(studio: Studio) -> None:
    session = studio.sessions.create_session(model_id="slow/m")
    for _ in range(2):
        pieces = asyncio.run(collected(studio, session.id))
        assert len(pieces) > 2
        assert "".join(pieces) == WORDS
    assert [one.content for one in studio.history.get_session_messages(session.id)] == ["Hello", WORDS] * 2


async def test_many_answers_come_to_one_loop_at_once(lite: Studio) -> None:
    made = [
        await asyncio.to_thread(lite.sessions.create_session, model_id="slow/m", user_id=f"user{n}")
        for n in range(8)
    ]
    streams = [collected(lite, one.id, f"Question {number}") for number, one in enumerate(made)]
    assert ["".join(pieces) for pieces in await asyncio.gather(*streams)] == [WORDS] * 8


async def test_its_loop_goes_on_while_it_waits(lite: Studio) -> None:
    session = await asyncio.to_thread(lite.sessions.create_session, model_id="slow/m")
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)
            beats += 1

    beating = asyncio.create_task(beat())
    await collected(lite, session.id)
    beating.cancel()
    assert beats > 20


def test_a_slow_reader_loses_nothing(lite: Studio) -> None:
    session = lite.sessions.create_session(model_id="slow/m")

    async def read() -> str:
        text = ""
        async for piece in lite.chat.stream_message(session.id, "Hello"):
            text += piece
            await asyncio.sleep(0.06)
        return text

    assert asyncio.run(read()) == WORDS


@pytest.mark.parametrize("way", ["break", "cancel", "abandon"])
def test_who_breaks_off_leaves_the_answer_to_finish(lite: Studio, way: str) -> None:
    session = lite.sessions.create_session(model_id="slow/m")
    asyncio.run(_break_off(lite, session.id, way))
    gc.collect()
    until(lambda: last_of(lite, session.id).state == "complete")
    assert last_of(lite, session.id).content == WORDS


@pytest.mark.parametrize("way", ["break", "cancel", "abandon"])
def test_or_has_it_stopped(lite: Studio, way: str) -> None:
    session = lite.sessions.create_session(model_id="endless/m")
    asyncio.run(_break_off(lite, session.id, way, on_disconnect="cancel"))
    gc.collect()
    until(lambda: last_of(lite, session.id).state == "stopped")
    assert last_of(lite, session.id).content


async def _break_off(studio: Studio, session_id: str, way: str, **more: Any) -> None:
    stream = studio.chat.stream_message(session_id, "Hello", **more)
    if way == "abandon":
        assert await anext(stream)
    elif way == "break":
        async for _ in stream:
            break
        await stream.aclose()
    else:
        begun = asyncio.Event()

        async def read() -> None:
            async for _ in stream:
                begun.set()

        reading = asyncio.create_task(read())
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


def test_who_is_cancelled_before_the_first_piece_is_heard(lite: Studio) -> None:
    """The question may be half put: it is stopped once it is there, or was never there."""

    async def hurry(session_id: str, pause_s: float) -> None:
        stream = lite.chat.stream_message(session_id, "Hello", on_disconnect="cancel")
        reading = asyncio.create_task(anext(stream))  # type: ignore[arg-type]  # an awaitable that is a coroutine
        await asyncio.sleep(pause_s)
        reading.cancel()
        await asyncio.wait([reading])

    for number in range(8):
        session = lite.sessions.create_session(model_id="endless/m")
        asyncio.run(hurry(session.id, number * 0.003))
        until(
            lambda session=session: all(
                one.state != "generating" for one in lite.history.iter_session_messages(session.id)
            )
        )


def test_an_answer_is_stopped_from_another_thread(lite: Studio) -> None:
    session = lite.sessions.create_session(model_id="endless/m")
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(lite.chat.send_message, session.id, "Hello")
        until(lambda: lite.chat.stop_message(session.id))
        answer = sending.result(20)
    assert not answer.success
    assert answer.error_message == "The answer was stopped."
    assert last_of(lite, session.id).state == "stopped"
    assert not lite.chat.stop_message(session.id)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals here")
def test_ctrl_c_breaks_off_the_waiting(lite: Studio) -> None:
    for wanted, model_id in (("stopped", "endless/m"), ("complete", "slow/m")):
        session = lite.sessions.create_session(model_id=model_id)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        policy = "cancel" if wanted == "stopped" else "finish"
        with pytest.raises(KeyboardInterrupt):
            lite.chat.send_message(session.id, "Hello", on_disconnect=policy)  # type: ignore[arg-type]  # wrong on purpose
        until(lambda session=session, wanted=wanted: last_of(lite, session.id).state == wanted)


def test_a_stopped_stream_ends(lite: Studio) -> None:
    session = lite.sessions.create_session(model_id="endless/m")

    async def read() -> int:
        pieces = 0
        async for _ in lite.chat.stream_message(session.id, "Hello"):
            pieces += 1
            if pieces == 2:
                assert await asyncio.to_thread(lite.chat.stop_message, session.id)
        return pieces

    assert asyncio.run(read()) >= 2


def test_an_answer_that_fails_raises_what_failed(studio: Studio) -> None:
    session = studio.sessions.create_session()
    with pytest.raises(BackendTimeout):
        studio.chat.send_message(session.id, "Hello", model_id="deaf/m")
    assert last_of(studio, session.id).state == "failed"
    pieces: list[str] = []

    async def read() -> None:
        async for piece in studio.chat.stream_message(session.id, "Hello", model_id="broken/m"):
            pieces.append(piece)

    with pytest.raises(BackendDown):
        asyncio.run(read())
    failed = last_of(studio, session.id)
    assert (failed.state, failed.content) == ("failed", "".join(pieces))
    assert pieces


def test_a_question_that_cannot_be_put_is_told_and_not_kept(lite: Studio) -> None:
    session = lite.sessions.create_session(user_id="ada")
    wrong: list[tuple[type[Exception], tuple[str, str], dict[str, Any]]] = [
        (NotFound, ("ses_nothing", "Hello"), {}),
        (NotFound, (session.id, "Hello"), {"user_id": "eve"}),
        (ModelNotFound, (session.id, "Hello"), {"model_id": "local-gemma-3-4b-it"}),
        (Unprocessable, (session.id, ""), {}),
        (Unprocessable, (session.id, "Hello"), {"temperature": 9}),
        (Unprocessable, (session.id, "Hello"), {"temprature": 0.5}),
        (Unprocessable, (session.id, "Hello"), {"on_disconnect": "explode"}),
        (Unprocessable, (session.id, "Hello"), {"attachments": ["file_nothing"]}),
    ]
    for kind, (session_id, message), more in wrong:
        with pytest.raises(kind):
            lite.chat.send_message(session_id, message, **more)
        with pytest.raises(kind):
            asyncio.run(collected(lite, session_id, message, **more))
    assert lite.history.get_session_messages(session.id) == []


def test_one_conversation_is_answered_once_at_a_time(lite: Studio) -> None:
    session = lite.sessions.create_session(model_id="endless/m")

    async def twice() -> None:
        stream = lite.chat.stream_message(session.id, "Hello", on_disconnect="cancel")
        await anext(stream)
        with pytest.raises(Conflict):
            await asyncio.to_thread(lite.chat.send_message, session.id, "Again")
        await stream.aclose()

    asyncio.run(twice())


def test_options_reach_the_model(lite: Studio) -> None:
    session = lite.sessions.create_session(model_id="slow/m")
    answer = lite.chat.send_message(session.id, "Hello", max_tokens=3, metadata={"mine": 1})
    assert answer.content.split() == ["word0", "word1", "word2"]
    assert answer.metadata["finish_reason"] == "length"
    assert lite.history.get_session_messages(session.id)[0].metadata == {"mine": 1}


def test_the_second_question_knows_the_first(lite: Studio) -> None:
    session = lite.sessions.create_session(model_id="roundhouse/extractive")
    lite.chat.send_message(session.id, "我叫张三,今年25岁")
    assert "张三" in lite.chat.send_message(session.id, "我叫什么名字?多大了?").content


def test_threads_ask_and_write_at_the_same_time(studio: Studio) -> None:
    made = [studio.sessions.create_session(model_id="quick/m", user_id=f"u{n}") for n in range(6)]
    gate = threading.Barrier(6)

    def work(place: int) -> list[str]:
        gate.wait()
        said = []
        for number in range(4):
            said.append(studio.chat.send_message(made[place].id, f"{place} {number}").content)
            studio.sessions.update_session(made[place].id, metadata={"number": number})
            asyncio.run(collected(studio, made[place].id, "more"))
        return said

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [["A quick answer."] * 4] * 6
    for place, session in enumerate(made):
        told = [one.content for one in studio.history.get_session_messages(session.id)]
        assert told[::4] == [f"{place} {number}" for number in range(4)]
        assert len(told) == 16
