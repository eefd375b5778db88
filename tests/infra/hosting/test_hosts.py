"""Models in real processes, and their deaths."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from roundhouse.core.errors import BackendDown, BackendFailed, BackendTimeout, NotSupported, RoundhouseError
from roundhouse.infra.hosting.hosts import Hosts

HERE = Path(__file__).parent
COUNTER = "hosted_models:Counter"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
async def hosts(tmp_path):
    made = Hosts(tmp_path / "hosts", ("hosted_models",))
    yield made
    await made.close()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def eventually(condition, within_s=5.0):
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s
        await asyncio.sleep(0.01)


async def count(host, n=3, idle_s=30.0, **request):
    work = await host.work({"n": n, **request}, idle_s=idle_s)
    return [number async for number in work], work.result


async def test_one_process_serves_all_who_ask_and_is_gone_when_it_is_stopped(hosts, tmp_path):
    host = hosts.host("p/counter", COUNTER, {"color": "red"})
    assert await host.look() is None
    state = await host.start()
    assert state.about["color"] == "red"
    assert state.pid != os.getpid()
    assert state.ram_mib > 5
    others = Hosts(tmp_path / "hosts", ("hosted_models",))
    other = others.host("p/counter", COUNTER, {"color": "red"})
    assert (await other.start()).pid == state.pid
    assert await count(other) == ([0, 1, 2], {"counted": 3})
    # Who did not start it ends it as well.
    await other.stop()
    assert gone(state.pid)
    assert await host.look() is None
    await host.stop()
    assert await count(host, 2) == ([0, 1], {"counted": 2})


async def test_one_piece_of_work_at_a_time_and_who_hangs_up_is_not_waited_for(hosts):
    host = hosts.host("counter", COUNTER, {})
    endless = await host.work({"n": 100_000, "step_s": 0.01}, idle_s=30)
    pieces = aiter(endless)
    assert await anext(pieces) == 0
    waiting = [asyncio.create_task(count(host)) for _ in range(3)]
    dropped = await host.work({"n": 100_000, "step_s": 0.01}, idle_s=30)
    await eventually(lambda: not any(one.done() for one in waiting))
    for _ in range(500):
        if (await host.look()).waiting == 4:
            break
        await asyncio.sleep(0.01)
    assert (await host.look()).waiting == 4
    await dropped.aclose()
    await endless.aclose()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [([0, 1, 2], {"counted": 3})] * 3
    about = (await host.start()).about
    assert (about["most"], about["left"]) == (1, 1)


async def test_errors_keep_their_class_and_the_process_goes_on(hosts):
    host = hosts.host("counter", COUNTER, {})
    with pytest.raises(NotSupported, match="Not this") as caught:
        await count(host, refuse=True)
    assert caught.value.param == "n"
    with pytest.raises(BackendFailed, match="ValueError"):
        await count(host, fail=True)
    assert (await count(host))[0] == [0, 1, 2]


async def test_a_process_that_is_killed_is_backend_down_and_the_next_call_starts_another(hosts):
    host = hosts.host("counter", COUNTER, {})
    first = (await host.start()).pid
    work = await host.work({"n": 1, "die": True}, idle_s=30)
    heard = []
    with pytest.raises(BackendDown) as caught:
        async for piece in work:
            heard.append(piece)
    assert (heard, caught.value.retryable) == (["last words"], True)
    assert (await count(host))[0] == [0, 1, 2]
    second = (await host.start()).pid
    assert second != first
    os.kill(second, signal.SIGSTOP)
    try:
        # It hears nothing any more: it is killed.
        await host.stop()
    finally:
        if not gone(second):
            os.kill(second, signal.SIGCONT)
    assert gone(second)


async def test_a_model_that_cannot_be_loaded_says_why_and_leaves_no_process(hosts):
    with pytest.raises(NotSupported, match="cannot be loaded"):
        await hosts.host("broken", COUNTER, {"broken": True}).start()
    with pytest.raises(BackendFailed, match="KeyError"):
        await count(hosts.host("faulty", COUNTER, {"faulty": True}))
    with pytest.raises(BackendFailed):
        await hosts.host("missing", "hosted_models:Nobody", {}).start()
    with pytest.raises(RoundhouseError, match="not one of the models"):
        await hosts.host("foreign", "os:system", {}).start()


async def test_who_calls_while_it_loads_waits_for_it(hosts, tmp_path):
    host = hosts.host("slow", COUNTER, {"load_s": 0.4})
    first, second = await asyncio.gather(host.start(), hosts.host("slow", COUNTER, {"load_s": 0.4}).start())
    assert first.pid == second.pid


async def test_another_argument_replaces_the_process(hosts):
    first = await hosts.host("counter", COUNTER, {"color": "red"}).start()
    second = await hosts.host("counter", COUNTER, {"color": "blue"}).start()
    assert second.about["color"] == "blue"
    assert gone(first.pid)


async def test_one_that_tells_nothing_for_too_long_is_ended(hosts):
    host = hosts.host("counter", COUNTER, {})
    pid = (await host.start()).pid
    with pytest.raises(BackendTimeout, match="told nothing"):
        await count(host, step_s=3.0, idle_s=0.2)
    assert gone(pid)


async def test_it_ends_with_the_process_that_started_it(tmp_path):
    owner = textwrap.dedent(f"""
        import asyncio, sys
        from pathlib import Path
        from roundhouse.infra.hosting.hosts import Hosts
        async def main():
            hosts = Hosts(Path({str(tmp_path / "hosts")!r}), ("hosted_models",))
            print((await hosts.host("counter", {COUNTER!r}, {{}}).start()).pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """)
    command = [sys.executable, "-c", owner]
    process = await asyncio.to_thread(subprocess.Popen, command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(await asyncio.to_thread(process.stdout.readline))
    assert not gone(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    await eventually(lambda: gone(pid))
    # What it left does not hinder the next.
    hosts = Hosts(tmp_path / "hosts", ("hosted_models",))
    assert (await count(hosts.host("counter", COUNTER, {})))[0] == [0, 1, 2]
    await hosts.close()


@pytest.fixture
def other_python(tmp_path):
    """An environment with the two libraries that a model's process needs, and no others."""
    home = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    for module in (msgspec, psutil):
        (packages / module.__name__).symlink_to(Path(module.__file__).parent)
    return home


async def test_a_process_under_another_python_has_that_ones_libraries_and_none_of_ours(hosts, other_python):
    argument = {"imports": ["structlog", "pydantic"]}
    host = hosts.host("counter", COUNTER, argument, str(other_python / "bin" / "python"))
    about = (await host.start()).about
    assert about["prefix"] == str(other_python)
    assert about["importable"] == []
    assert await count(host) == ([0, 1, 2], {"counted": 3})
    with pytest.raises(NotSupported, match="Not this"):
        await count(host, refuse=True)
    # Ours has them, and takes the other one's place.
    about = (await hosts.host("counter", COUNTER, argument).start()).about
    assert about["prefix"] == sys.prefix
    assert about["importable"] == ["structlog", "pydantic"]


async def test_a_python_that_is_not_there_is_told(hosts, tmp_path):
    with pytest.raises(BackendDown, match="cannot be started"):
        await hosts.host("counter", COUNTER, {}, str(tmp_path / "python")).start()
