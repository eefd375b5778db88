"""Houses: who shares one, who closes it, and what else may live in the same folder."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roundhouse.core.errors import BadInput, ShuttingDown, StorageUnavailable
from roundhouse.studio import ChatHistoryService, ChatService, LLMService, SessionService, Studio
from serving import House

HOUSE = "roundhouse studio"


def loops() -> int:
    return sum(one.name == HOUSE for one in threading.enumerate())


def opened(service: LLMService | SessionService | ChatHistoryService | ChatService) -> bool:
    return service.door.is_open


def script(code: str, folder: Path, within_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """A program in a folder of its own, as a user runs one."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def test_importing_it_is_light() -> None:
    code = (
        "import sys, roundhouse.studio\n"
        "heavy = ('fastapi', 'starlette', 'uvicorn', 'pydantic', 'sqlalchemy', 'structlog', 'aiohttp', 'onnxruntime',"
        " 'numpy', 'roundhouse.app', 'roundhouse.features', 'roundhouse.engine', 'roundhouse.backends')\n"
        "print(*sorted(name for name in heavy if name in sys.modules))"
    )
    assert script(code, Path.cwd()).stdout.split() == []


def test_using_it_loads_no_web_framework(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom roundhouse.studio import Studio\n"
        "with Studio() as studio:\n    studio.sessions.create_session('x')\n"
        "heavy = ('fastapi', 'starlette', 'uvicorn', 'prometheus_client', 'dbos', 'onnxruntime')\n"
        "print(*sorted(name for name in heavy if name in sys.modules))"
    )
    ended = script(code, tmp_path)
    assert (ended.stdout.split(), ended.stderr, ended.returncode) == ([], "", 0)


def test_the_three_services_of_a_chat_share_a_house(tmp_path: Path, config: Path) -> None:
    data = tmp_path / "data"
    llm, sessions, history = (
        kind(data, config=config) for kind in (LLMService, SessionService, ChatHistoryService)
    )
    chat = ChatService(llm, sessions, history)
    assert loops() == 0
    session = sessions.create_session("Shared")
    assert chat.send_message(session.id, "Hello").success
    assert len(history.get_session_messages(session.id)) == 2
    assert {one.door for one in (llm, sessions, history, chat)} == {sessions.door}
    assert loops() == 1
    for one in (sessions, llm, chat):
        one.close()
        one.close()
    assert history.get_message_count(session.id) == 2
    history.close()
    assert loops() == 0


def test_a_chat_moves_into_the_house_that_is_open(tmp_path: Path, sqlite_config: Path) -> None:
    llm, sessions, history = (
        kind(tmp_path / "data", config=sqlite_config)
        for kind in (LLMService, SessionService, ChatHistoryService)
    )
    llm.list_models()
    with ChatService(llm, sessions, history) as chat:
        assert chat.door is sessions.door is history.door is llm.door
    assert opened(llm)
    for one in (llm, sessions, history):
        one.close()
    assert loops() == 0


def test_two_houses_in_one_folder_see_each_other(tmp_path: Path, sqlite_config: Path) -> None:
    with (
        SessionService(tmp_path / "data", config=sqlite_config) as sessions,
        ChatHistoryService(tmp_path / "data", config=sqlite_config) as history,
        LLMService(tmp_path / "data", config=sqlite_config) as llm,
    ):
        session = sessions.create_session("Here")
        assert history.get_session_messages(session.id) == []
        assert loops() == 2
        with ChatService(llm, sessions, history) as chat:
            assert chat.send_message(session.id, "Hello").success
            assert loops() == 2
        assert [one.role for one in history.get_session_messages(session.id)] == ["user", "assistant"]


def test_services_of_different_folders_make_no_chat(tmp_path: Path) -> None:
    llm, sessions = LLMService(tmp_path / "one"), SessionService(tmp_path / "two")
    with pytest.raises(BadInput, match="different"):
        ChatService(llm, sessions, ChatHistoryService(tmp_path / "two"))
    with pytest.raises(BadInput, match="different"):
        ChatService(llm, SessionService(tmp_path / "one", site_id="elsewhere"))


def test_after_the_end_everything_says_so(tmp_path: Path, sqlite_config: Path) -> None:
    studio = Studio(tmp_path / "data", config=sqlite_config)
    session = studio.sessions.create_session("x", model_id="quick/m")
    studio.close()
    studio.close()

    async def stream() -> None:
        async for _ in studio.chat.stream_message(session.id, "Hello"):
            pass

    for use in (
        lambda: studio.sessions.get_session(session.id),
        lambda: studio.history.get_session_messages(session.id),
        lambda: studio.chat.send_message(session.id, "Hello"),
        lambda: asyncio.run(stream()),
        studio.llm.list_models,
    ):
        with pytest.raises(ShuttingDown):
            use()
    never = Studio(tmp_path / "never", config=sqlite_config)
    never.close()
    with pytest.raises(ShuttingDown):
        never.sessions.list_user_sessions()
    assert not (tmp_path / "never").exists()


def test_who_is_answered_while_it_closes_is_told_and_keeps_what_was_said(
    tmp_path: Path, config: Path
) -> None:
    studio = Studio(tmp_path / "data", config=config)
    made = [studio.sessions.create_session(model_id="endless/m") for _ in range(2)]
    begun = threading.Event()

    async def stream() -> None:
        async for _ in studio.chat.stream_message(made[1].id, "Hello"):
            begun.set()

    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(studio.chat.send_message, made[0].id, "Hello")
        streaming = pool.submit(asyncio.run, stream())
        assert begun.wait(20)
        time.sleep(0.3)
        studio.close()
        for waiting in (sending, streaming):
            with pytest.raises(ShuttingDown):
                waiting.result(20)
    with Studio(tmp_path / "data", config=config) as again:
        for one in made:
            kept = again.history.get_session_messages(one.id)[-1]
            assert (kept.state, bool(kept.content)) == ("interrupted", True)


def test_threads_open_one_house_and_closing_cuts_nobody_off(tmp_path: Path, sqlite_config: Path) -> None:
    studio = Studio(tmp_path / "data", config=sqlite_config)
    gate = threading.Barrier(7)
    seen: list[int] = []

    def write(_: int) -> int:
        gate.wait()
        count = 0
        try:
            while True:
                studio.sessions.create_session("x")
                count += 1
                seen.append(loops())
        except ShuttingDown:
            return count

    with ThreadPoolExecutor(6) as pool:
        writing = pool.map(write, range(6))
        gate.wait()
        while len(seen) < 6:
            time.sleep(0.05)
        while_open = list(seen)
        studio.close()
        made = sum(writing)
    assert set(while_open) == {1}
    # Who had its answer when all was closed counts behind it.
    assert set(seen) <= {0, 1}
    with Studio(tmp_path / "data", config=sqlite_config) as again:
        there = len(again.sessions.list_user_sessions(limit=None))
    # Of a call that was under way at the end it may be that only its answer was cut off.
    assert made <= there <= made + 6


def test_a_service_that_is_dropped_leaves_no_house(tmp_path: Path, sqlite_config: Path) -> None:
    sessions = SessionService(tmp_path / "data", config=sqlite_config)
    sessions.create_session("x")
    assert loops() == 1
    del sessions
    gc.collect()
    ends_s = time.monotonic() + 20
    while loops():
        assert time.monotonic() < ends_s
        time.sleep(0.02)


def test_a_program_that_closes_nothing_ends_well(tmp_path: Path) -> None:
    """In the middle of an answer: it is kept, as interrupted, and nothing is printed."""
    (tmp_path / "roundhouse.toml").write_text(
        '[engine]\ndiscover = false\n[[providers]]\nname = "endless"\nkind = "fake"\nmodels = ["m"]\n'
        "[providers.options]\nendless = true\ndelay_s = 0.01\n"
    )
    code = (
        "import asyncio\nfrom roundhouse.studio import ChatHistoryService, ChatService, LLMService, SessionService\n"
        "llm, sessions, history = LLMService(), SessionService(), ChatHistoryService()\n"
        "chat = ChatService(llm, sessions, history)\n"
        "session = sessions.create_session(model_id='endless/m')\n"
        "async def main():\n"
        "    async for piece in chat.stream_message(session.id, 'Hello'):\n"
        "        break\n"
        "asyncio.run(main())\n"
        "print(session.id)\n"
    )
    ended = script(code, tmp_path)
    assert (ended.stderr, ended.returncode) == ("", 0)
    with Studio() as studio:
        kept = studio.history.get_session_messages(ended.stdout.strip())[-1]
    assert (kept.state, bool(kept.content)) == ("interrupted", True)


def test_what_a_killed_program_left_is_ended_by_the_next(
    tmp_path: Path,
    sqlite_config: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = (
        "import os, sys\nfrom roundhouse.studio import Studio\n"
        f"studio = Studio({str(tmp_path / 'data')!r}, config={str(sqlite_config)!r})\n"
        "session = studio.sessions.create_session(model_id='endless/m')\n"
        "import asyncio\n"
        "async def main():\n"
        "    async for piece in studio.chat.stream_message(session.id, 'Hello'):\n"
        "        print(session.id, flush=True)\n"
        "        os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    ended = script(code, tmp_path)
    assert ended.returncode == 9
    with Studio(tmp_path / "data", config=sqlite_config) as studio:
        assert studio.history.get_session_messages(ended.stdout.strip())[-1].state == "interrupted"
    # Our log is Python's, and nothing of it is printed into somebody else's program.
    assert "event=generations_taken_over" in caplog.text
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_house_does_not_come_along_when_a_process_forks(tmp_path: Path) -> None:
    code = (
        "import os\nfrom roundhouse.core.errors import StorageUnavailable\nfrom roundhouse.studio import Studio\n"
        "studio = Studio()\nstudio.sessions.create_session('before')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n        studio.sessions.list_user_sessions()\n"
        "    except StorageUnavailable:\n        print('told', flush=True)\n"
        "    studio.close()\n"
        "    with Studio() as own:\n        print(own.sessions.list_user_sessions()[0].title, flush=True)\n"
        "else:\n"
        "    os.waitpid(child, 0)\n    print(len(studio.sessions.list_user_sessions()))\n"
    )
    ended = script(code, tmp_path)
    assert (ended.stdout.split(), ended.stderr, ended.returncode) == (["told", "before", "1"], "", 0)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        SessionService(tmp_path / "file" / "data") as sessions,
        pytest.raises(StorageUnavailable, match="folder"),
    ):
        sessions.list_user_sessions()


async def test_a_running_server_and_a_studio_see_each_other(
    tmp_path: Path, db_url: str, config: Path
) -> None:
    provider = {"name": "slow", "kind": "fake", "models": ["m"], "options": {"reply": "From the server."}}
    async with House(tmp_path / "data", db={"url": db_url}, providers=[provider]) as server:
        studio = Studio(tmp_path / "data", config=config)
        try:
            await asyncio.to_thread(_talk_before, studio)
            listed = (await server.get("/v1/sessions")).json()["data"]
            (session_id,) = [one["id"] for one in listed]
            body = {"content": "And now?", "model": "slow/m"}
            assert (await server.post(f"/v1/sessions/{session_id}/messages", body)).status == 200
            found = (await server.get("/v1/messages/search?q=quick")).json()["data"]
            assert [one["message"]["content"] for one in found] == ["A quick answer."]
            seen = await asyncio.to_thread(studio.history.get_session_messages, session_id)
            assert [one.content for one in seen] == [
                "Hello",
                "A quick answer.",
                "And now?",
                "From the server.",
            ]
            used = (await server.get("/v1/usage?group_by=key")).json()
            assert used
            await asyncio.to_thread(_stop_over_http, studio, server, asyncio.get_running_loop())
        finally:
            await asyncio.to_thread(studio.close)


def _talk_before(studio: Studio) -> None:
    session = studio.sessions.create_session("Both", model_id="quick/m")
    studio.chat.send_message(session.id, "Hello")


def _stop_over_http(studio: Studio, server: House, loop: asyncio.AbstractEventLoop) -> None:
    """An answer that this process writes is stopped by the server."""
    session = studio.sessions.create_session("Stopped", model_id="endless/m")

    async def read() -> None:
        stopped = False
        async for _ in studio.chat.stream_message(session.id, "Hello"):
            if not stopped:
                stopped = True
                path = f"/v1/sessions/{session.id}/generations"
                running = asyncio.run_coroutine_threadsafe(server.get(f"{path}?running=true"), loop)
                (one,) = (await asyncio.wrap_future(running)).json()["data"]
                stop = asyncio.run_coroutine_threadsafe(
                    server.post(f"/v1/generations/{one['id']}/stop"), loop
                )
                assert (await asyncio.wrap_future(stop)).status == 200

    asyncio.run(read())
    assert studio.chat.get_conversation_context(session.id, 1)[0].state == "stopped"
