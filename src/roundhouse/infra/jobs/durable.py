"""Recorded steps over DBOS Transact: the only file that knows it, and only once `start` was called.

DBOS is used for one thing: a run is a DBOS workflow that is started here, its steps are recorded by DBOS under the
ownership of that start, and `fence` (DBOS: cancel) takes the ownership away in the same row that each recording locks.
Nothing else of DBOS runs: its queue, scheduler and background threads are stopped right after launch, and it recovers
nothing, for it looks for workflows of its own executor id only and that is new at every start.

DBOS replaces the default thread pool of the loop it is called in and breaks it when it is destroyed; so it has a loop
of its own. The pipeline's code stays in the caller's loop, in the caller's task: a workflow there does nothing but hold
the context in which DBOS records, until the run ends.

Source:
    DBOS Transact 3.4: `_core.py` (ownership, parking), `_sys_db.py` (`db_retry`), `_dbos.py` (`_destroy`).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from roundhouse.core.errors import RoundhouseError, StorageFull, StorageUnavailable
from roundhouse.infra.jobs.durable_engine import make_engine
from roundhouse.infra.jobs.model import Record, RunLost
from roundhouse.infra.side_loop import SideLoop

if TYPE_CHECKING:
    import sqlalchemy as sa

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

_APP_NAME = "roundhouse"
_APP_VERSION = "1"
"""Which code a job belongs to is told by `jobs.revision`, never by DBOS."""

_THREADS = 8
_LISTENER_POLL_S = 0.1
"""DBOS wakes so often to look into three empty dictionaries; its end has to wait for that."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_LEAVE_S = 2.0
_CHUNK = 500


class _Run:
    """A run in the loop of DBOS."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.begun: asyncio.Future[contextvars.Context] | None = None
        self.fresh = True
        self.ending: asyncio.Future[None] | None = None
        self.workflow: asyncio.Task[Any] | None = None
        self.writes: set[asyncio.Task[Any]] = set()


class DbosDurable:
    """Implements `Durable`. One at a time per process: DBOS is a singleton.

    A process in which one was started should end by `os._exit`: a thread that waits for a frozen database server cannot
    be stopped, and Python waits for it at its end.

    Args:
        url: The database's URL as in the settings. SQLite: the same file as ours; PostgreSQL: schema `dbos`, which the
            database user must be allowed to create.
        executor_id: Told in the rows, for people; need not be unique.
        patience_s: A finished step is tried to be recorded for so long before it is given up.
        busy_timeout_s: One try waits so long for a lock or a connection.
    """

    def __init__(
        self, url: str, executor_id: str, *, patience_s: float = 30.0, busy_timeout_s: float = 5.0
    ) -> None:
        self._url = url
        # DBOS recovers what an executor of the same id left behind: there must never have been one.
        self._executor_id = f"{executor_id}.{secrets.token_hex(4)}"
        self._patience_s = patience_s
        self._busy_timeout_s = busy_timeout_s
        self._engine: sa.Engine | None = None
        self._side: SideLoop | None = None
        self._opening: dict[str, _Run] = {}
        self._workflows: dict[str, Callable[[str], Coroutine[Any, Any, None]]] = {}

    async def start(self) -> None:
        """Make the tables if need be.

        Raises:
            StorageUnavailable: The database does not answer, or does not let us make tables.
            RoundhouseError: Another one is open in this process.
            BadInput: The URL is not one we can use.
        """
        await asyncio.to_thread(self._launch)
        self._side = SideLoop("durable runs", _engine_closed)

    async def run(self, run_id: str, name: str, body: Callable[[Record], Awaitable[Any]]) -> Any:
        """Run `body` as a durable run (see `Durable`).

        `record` returns what a later run would get from `finished`: the function's output after a walk through JSON.
        DBOS is told no outcome: that the job is over is told by our own table, and finished steps are found whatever
        DBOS thinks of their run. Cancelling waits for a recording that is on its way, two
        seconds at most; after that it can still arrive, unless the run is fenced.

        Raises:
            RunLost: The run was fenced or deleted, or its id was used before.
            StorageUnavailable, StorageFull: Not to be recorded within `patience_s`; or closed.
        """
        run = _Run(run_id)
        try:
            await self._answer(self._open(run, name))
            return await body(partial(self._record, run))
        finally:
            await self._leave(run)

    async def finished(self, run_ids: Sequence[str]) -> dict[str, Any]:
        """Outputs by step name of all steps that these runs finished; a later run's output wins.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        return await self._answer(_steps(run_ids))

    async def fence(self, run_ids: Sequence[str]) -> None:
        """From now on these runs record nothing.

        Raises:
            StorageUnavailable, StorageFull: Not, or not all, fenced.
        """
        await self._answer(_fence(run_ids))

    async def delete(self, run_ids: Sequence[str]) -> None:
        """Forget these runs and their outputs.

        Raises:
            StorageUnavailable, StorageFull: Not, or not all, deleted.
        """
        await self._answer(_delete(run_ids))

    async def close(self) -> None:
        """Leave every run without a trace and release everything, within about a second."""
        side, self._side = self._side, None
        if side is not None:
            await asyncio.to_thread(self._shut_down, side)

    # In a thread

    def _launch(self) -> None:
        from dbos import DBOS, error

        _silence()
        engine = make_engine(self._url, _THREADS, self._busy_timeout_s)
        dbos = DBOS(
            config={
                "name": _APP_NAME,
                "application_version": _APP_VERSION,
                "executor_id": self._executor_id,
                "system_database_engine": engine,
                "serializer": cast("Any", _Json()),
                "log_level": "CRITICAL",
                "use_listen_notify": False,
                "max_executor_threads": _THREADS,
                "notification_listener_polling_interval_sec": _LISTENER_POLL_S,
            }
        )
        if DBOS.executor_id != self._executor_id:
            raise RoundhouseError("DBOS is a singleton: close the other DbosDurable of this process first.")
        try:
            DBOS.launch()
            self._engine = engine
        except (DBAPIError, error.DBOSException) as failed:
            raise StorageUnavailable("The job engine could not make its tables.") from failed
        finally:
            if self._engine is None:
                DBOS.destroy(destroy_registry=True)
                engine.dispose()
        # Its queue, scheduler and sweeper ask the database every second for what there never is.
        for event in (*dbos.background_thread_stop_events, dbos._background_jobs_stop_event):
            event.set()

    def _shut_down(self, side: SideLoop) -> None:
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)
        side.close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    # In the caller's loop

    async def _record(self, run: _Run, step: str, function: Callable[[], Awaitable[Any]]) -> Any:
        if not run.fresh:
            await self._patiently(lambda: _check(run))
        # Just begun, it was written as ours.
        run.fresh = False
        output = msgspec.json.encode(await function())
        await self._patiently(lambda: _write(run, step, output))
        return msgspec.json.decode(output)

    async def _leave(self, run: _Run) -> None:
        if self._side is not None:
            with suppress(StorageUnavailable):
                await self._side.call(_leave(run))

    async def _answer(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._call(work)
        except TimeoutError:
            raise StorageUnavailable("The database did not answer in time.") from None

    async def _patiently(self, attempt: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Try again while the storage is away or full: the work of hours is not thrown away for a restart of it."""
        failed: RoundhouseError = StorageUnavailable("The database did not answer in time.")
        pause_s = _FIRST_PAUSE_S
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    try:
                        return await self._call(attempt())
                    except (StorageUnavailable, StorageFull) as error:
                        if self._side is None:
                            raise
                        failed = error
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        except TimeoutError:
            raise failed from None

    async def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._side is None:
            work.close()
            raise StorageUnavailable("The job engine is not open.")
        return await self._side.call(work)

    # In the loop of DBOS

    async def _open(self, run: _Run, name: str) -> None:
        from dbos import DBOS, SetWorkflowID, error

        if run.id in self._opening:
            raise RunLost(run.id)
        loop = asyncio.get_running_loop()
        run.begun, run.ending = loop.create_future(), loop.create_future()
        self._opening[run.id] = run
        try:
            with SetWorkflowID(run.id, workflow_id_reuse_policy="reject"):
                await DBOS.start_workflow_async(self._workflow(name), run.id)
            await run.begun
        except error.DBOSWorkflowIDInUseError:
            raise RunLost(run.id) from None
        finally:
            del self._opening[run.id]

    def _workflow(self, name: str) -> Callable[[str], Coroutine[Any, Any, None]]:
        from dbos import DBOS

        async def workflow(run_id: str) -> None:
            run = self._opening.get(run_id)
            if run is None or run.begun is None or run.ending is None:
                # Nobody's: a cancelled workflow is left as it is.
                raise asyncio.CancelledError
            run.workflow = asyncio.current_task()
            run.begun.set_result(contextvars.copy_context())
            await run.ending

        if name not in self._workflows:
            self._workflows[name] = DBOS.workflow(name=name)(workflow)
        return self._workflows[name]


async def _check(run: _Run) -> None:
    """Whether it may still record; asked before the work of a step."""
    from dbos import DBOS

    status = await DBOS.get_workflow_status_async(run.id)
    if status is None or status.status != "PENDING":
        raise RunLost(run.id)


async def _write(run: _Run, step: str, output: bytes) -> None:
    """Record one step; a try that failed may leave an error of DBOS's own behind, which `_steps` passes over."""
    from dbos import DBOS, error

    async def give() -> msgspec.Raw:
        if DBOS.workflow_id != run.id or DBOS.step_id is None:
            # The run is over. DBOS calls a step outside of its workflow like any function, and records nothing.
            raise RunLost(run.id)
        return msgspec.Raw(output)

    if run.begun is None:
        raise RunLost(run.id)
    # A copy each: DBOS notes in it which step runs, and there may be several at a time.
    context = run.begun.result().copy()
    writing = asyncio.create_task(DBOS.run_step_async({"name": step}, give), context=context)
    run.writes.add(writing)
    writing.add_done_callback(run.writes.discard)
    try:
        await writing
    except (error.DBOSWorkflowCancelledError, error.DBOSWorkflowConflictIDError):
        raise RunLost(run.id) from None
    except (error.DBOSException, AssertionError) as failed:
        await _check(run)
        raise StorageUnavailable("The step could not be recorded.") from failed


async def _leave(run: _Run) -> None:
    """Drop the workflow: nothing of it is left running, polling or writing."""
    if run.writes:
        await asyncio.wait(run.writes, timeout=_LEAVE_S)
    if run.ending is not None:
        run.ending.cancel()
    if run.workflow is not None and not run.workflow.done():
        run.workflow.cancel()
        await asyncio.wait({run.workflow}, timeout=_LEAVE_S)


async def _steps(run_ids: Sequence[str]) -> dict[str, Any]:
    from dbos import DBOS

    found: dict[str, Any] = {}
    for run_id in run_ids:
        for step in await DBOS.list_workflow_steps_async(run_id):
            if step["error"] is None:
                found[step["function_name"]] = step["output"]
    return found


async def _fence(run_ids: Sequence[str]) -> None:
    from dbos import DBOS

    for chunk in _chunks(run_ids):
        await DBOS.cancel_workflows_async(chunk)


async def _delete(run_ids: Sequence[str]) -> None:
    from dbos import DBOS

    for chunk in _chunks(run_ids):
        await DBOS.delete_workflows_async(chunk)


def _chunks(run_ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(run_ids), _CHUNK):
        yield list(run_ids[start : start + _CHUNK])


class _Json:
    """A serializer of DBOS: JSON, never pickle; of an error its class alone."""

    def name(self) -> str:
        return "roundhouse_json"

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            data = {"error": type(data).__name__}
        return msgspec.json.encode(data).decode()

    def deserialize(self, serialized_data: str) -> Any:
        return msgspec.json.decode(serialized_data)


def _silence() -> None:
    """What matters is raised to us; with a handler of ours DBOS adds none of its own, which would print."""
    logger = logging.getLogger("dbos")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _engine_closed() -> StorageUnavailable:
    return StorageUnavailable("The job engine is closed.")
