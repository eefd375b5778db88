"""A random walk of processes that come, lease, are killed and take over from each other; one ledger for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from engine.hall import Hall, Hands, Process, Seat, StubbornServer, track_tasks
from engine.residency_fakes import BUDGET_MIB, SIZES, FakeClock, FakeFootprints, card
from roundhouse.core.errors import BackendFailed, Busy, RoundhouseError
from roundhouse.core.settings import EngineSettings
from roundhouse.engine.residency import Residency

MOST_PROCESSES = 4


class Inline(ThreadPoolExecutor):
    """Does it here and now: every walk goes the same way whenever it is gone."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **how: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args, **how))
        return done


class User:
    """Somebody in a process who leases a model until told to stop."""

    def __init__(self, machine: SuccessionMachine, process: Process, model: str, exclusive: bool) -> None:
        self.machine, self.process, self.model, self.exclusive = machine, process, model, exclusive
        self.active = False
        self.stop = asyncio.Event()
        self.task = process.run(self._use(machine.residencies[process]))
        self.task.add_done_callback(_heard)

    async def _use(self, residency: Residency) -> None:
        async with residency.lease(f"srv/{self.model}", exclusive=self.exclusive):
            self.active = True
            self.machine.granted += 1
            try:
                await self.stop.wait()
            finally:
                self.active = False


class SuccessionMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(Inline())
        track_tasks(self.loop)
        self.hall = Hall()
        self.clock, self.probe = FakeClock(), card()
        self.server = StubbornServer(self.clock, self.probe, dict(SIZES))
        self.footprints = FakeFootprints({f"srv/{name}": mib for name, mib in SIZES.items()})
        self.processes: list[Process] = []
        self.residencies: dict[Process, Residency] = {}
        self.users: list[User] = []
        self.count = 0
        self.granted = 0
        self.start()

    @initialize(load_s=st.sampled_from([0.8, 3.0]))
    def server_is(self, load_s: float) -> None:
        self.server.load_s = load_s

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def steps(self, number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    def of(self, process: Process, work: Callable[[], None]) -> None:
        async def run() -> None:
            process.call(work)

        self.do(run())

    # Processes

    @precondition(lambda self: len(self.processes) < MOST_PROCESSES)
    @rule()
    def start(self) -> None:
        self.count += 1
        process = Process(f"p{self.count}", self.hall)

        def make() -> Residency:
            residency = Residency(
                EngineSettings(queue_timeout_s=40, keep_alive_s=6, queue_depth=50),
                self.probe,
                self.clock,
                self.footprints,
                Seat(self.hall, process),
            )
            residency.register("srv", Hands(self.server, process))
            return residency

        residency = self.residencies[process] = process.call(make)
        self.processes.append(process)

        async def begin() -> None:
            starting = process.run(residency.start())
            for _ in range(200):
                await self.clock.advance(0.05)
                if starting.done():
                    break

        self.do(begin())

    def pick(self, data: st.DataObject) -> Process:
        return data.draw(st.sampled_from(self.processes), label="process")

    @precondition(lambda self: len(self.processes) > 1)
    @rule(data=st.data(), after=st.integers(0, 12))
    def kill(self, data: st.DataObject, after: int) -> None:
        self.bury(self.pick(data), after)

    def bury(self, process: Process, after: int) -> None:
        self.processes.remove(process)
        del self.residencies[process]

        async def die() -> None:
            await self.steps(after)
            process.kill()
            await self.steps(3)

        self.do(die())
        self.users = [one for one in self.users if one.process is not process]

    @precondition(lambda self: len(self.processes) > 1)
    @rule(
        data=st.data(),
        uses=st.lists(st.tuples(st.sampled_from(sorted(SIZES)), st.booleans()), min_size=1, max_size=4),
        after=st.integers(0, 40),
    )
    def rush_and_kill_the_leader(self, data: st.DataObject, uses: list[tuple[str, bool]], after: int) -> None:
        """The leader dies in the middle of what it began for a burst of requests."""
        leader = next((one for one in self.processes if self.residencies[one]._warden is not None), None)
        if leader is None:
            return
        wanted = [(self.pick(data), *one) for one in uses]

        async def rush() -> None:
            self.users += [User(self, process, model, exclusive) for process, model, exclusive in wanted]
            await self.steps(after)

        self.do(rush())
        self.bury(leader, 0)
        self.do(self.clock.advance(2.5))

    @precondition(lambda self: len(self.processes) > 1)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        process = self.pick(data)
        self.processes.remove(process)
        residency = self.residencies.pop(process)
        mine = [one for one in self.users if one.process is process]
        self.users = [one for one in self.users if one.process is not process]

        async def end() -> None:
            for user in mine:
                user.stop.set()
            closing = process.run(residency.close())
            await self.clock.advance(0.05)
            assert closing.done()
            await asyncio.gather(*(one.task for one in mine), return_exceptions=True)

        self.do(end())

    # Work

    @rule(
        data=st.data(),
        model=st.sampled_from(sorted(SIZES)),
        exclusive=st.sampled_from([False, False, False, True]),
        after=st.integers(0, 8),
    )
    def use(self, data: st.DataObject, model: str, exclusive: bool, after: int) -> None:
        process = self.pick(data)

        async def begin() -> None:
            self.users.append(User(self, process, model, exclusive))
            await self.steps(after)

        self.do(begin())

    @rule(data=st.data(), models=st.lists(st.sampled_from(sorted(SIZES)), min_size=1, max_size=4))
    def use_for_a_while(self, data: st.DataObject, models: list[str]) -> None:
        pairs = [(self.pick(data), model) for model in models]

        async def begin() -> None:
            for process, model in pairs:
                self.users.append(User(self, process, model, False))
            await self.clock.advance(2.5)

        self.do(begin())

    @precondition(lambda self: self.users)
    @rule(data=st.data(), after=st.integers(0, 8), cancel=st.booleans())
    def leave(self, data: st.DataObject, after: int, cancel: bool) -> None:
        user = data.draw(st.sampled_from(self.users), label="user")
        self.users.remove(user)

        async def end() -> None:
            user.active = user.active and not cancel
            if cancel or not user.active:
                user.task.cancel()
            else:
                user.stop.set()
            await self.steps(after)

        self.do(end())

    @rule(data=st.data(), model=st.sampled_from(sorted(SIZES)), what=st.sampled_from(["unload", "unpin"]))
    def order(self, data: st.DataObject, model: str, what: str) -> None:
        process = self.pick(data)
        residency = self.residencies[process]

        async def tell() -> None:
            if what == "unpin":
                process.call(lambda: residency.unpin(f"srv/{model}"))
            else:
                process.run(self._unload(residency, model))

        self.do(tell())

    @staticmethod
    async def _unload(residency: Residency, model: str) -> None:
        try:
            await residency.unload(f"srv/{model}")
        except RoundhouseError:
            return

    @rule(how=st.integers(0, 5))
    def server_fails(self, how: int) -> None:
        self.server.fail_loads = BackendFailed("broken") if how == 5 else None

    @rule(seconds=st.sampled_from([7.0, 2.5, 1.0, 0.3, 0.05]))
    def time_passes(self, seconds: float) -> None:
        self.do(self.clock.advance(seconds))

    # What always holds

    @invariant()
    def one_leader_at_most(self) -> None:
        assert sum(one._warden is not None for one in self.residencies.values()) <= 1

    @invariant()
    def within_the_budget(self) -> None:
        assert sum(self.server.holding.values()) <= BUDGET_MIB, self.server.holding

    @invariant()
    def what_is_leased_is_there(self) -> None:
        going = {model for what, model in self.server.under_way if what == "unload"}
        for user in self.users:
            if user.active:
                assert user.model in self.server.holding, f"{user.model} is leased and gone"
                assert user.model not in going, f"{user.model} is leased and being sent away"
                if user.exclusive:
                    assert set(self.server.holding) == {user.model}, "not alone"
                    assert not any(what == "load" for what, _ in self.server.under_way)

    def teardown(self) -> None:
        """From here on nobody dies: everybody who waits is served or told no, and nothing stays behind."""
        self.server.fail_loads = None
        try:
            self.do(self._end_well())
        finally:
            self.do(self._stop())
            self.loop.close()

    async def _end_well(self) -> None:
        for _ in range(300):
            self.users = [one for one in self.users if not self._ended(one)]
            if not self.users:
                break
            for user in self.users:
                if user.active:
                    user.stop.set()
            await self.clock.advance(0.5)
            self.within_the_budget()
            self.what_is_leased_is_there()
        assert not self.users, [(one.model, one.exclusive, one.active) for one in self.users]
        await self.clock.advance(20)
        (leader,) = [one for one in self.residencies.values() if one._warden is not None]
        for one in leader.status():
            assert (one.leases, one.queue_length) == (0, 0), one
        # What was loaded for somebody of whom nobody alive knows is adopted: its server sends it away.
        loaded = {one.target.partition("/")[2] for one in leader.status() if one.state != "absent"}
        assert loaded == set(self.server.holding)
        assert leader.devices()[0].used_mib == sum(self.server.holding.values())
        for residency in self.residencies.values():
            assert residency.status() == leader.status() and residency.devices() == leader.devices()
            assert not residency._claims.held and not residency._claims.waiting

    @staticmethod
    def _ended(user: User) -> bool:
        if user.task.done() and not user.task.cancelled() and user.task.exception() is not None:
            assert isinstance(user.task.exception(), (BackendFailed, Busy)), user.task.exception()
        return user.task.done()

    async def _stop(self) -> None:
        for process in self.processes:
            process.kill()
        # A task that is cut off may begin another one.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.sleep(0)
        await self.loop.shutdown_default_executor()


def _heard(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


def walk(examples: int, steps: int) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    with capture_logs():
        run_state_machine_as_test(SuccessionMachine, settings=how)


def test_processes_that_come_and_die_share_one_ledger() -> None:
    walk(25, 50)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_processes_that_come_and_die_share_one_ledger_for_long() -> None:
    walk(3000, 50)
