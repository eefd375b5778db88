"""Following a job to its end: over a server's restart, with a bar, and without stopping the job on Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from roundhouse.cli.client import Client, ServerEvent
from roundhouse.cli.exits import FAILED, Stop
from roundhouse.cli.terminal import Advance, clean, faint, progress_bar, say

_ENDINGS = frozenset({"job.completed", "job.failed", "job.cancelled"})
_PAUSE_S = 0.5
_PATIENCE_S = 60.0


def path_of(job_id: str, rest: str = "") -> str:
    """The path of a job."""
    return f"/v1/jobs/{quote(job_id, safe='')}{rest}"


def watch(client: Client, job_id: str, name: str, since: str | None = None) -> dict[str, Any]:
    """Show how a job goes until it has ended, and return it as it then is.

    Args:
        client: The server.
        job_id: The job.
        name: What a person calls it.
        since: Time of the API from which on it is shown; None = from its beginning.

    Raises:
        Stop: It does not exist, or the server stayed away.
        KeyboardInterrupt: The person had enough; the job goes on, and that was said.
    """
    try:
        with progress_bar(name) as advance:
            follow(client, job_id, advance, since)
    except KeyboardInterrupt:
        goes_on = f"{job_id} goes on. `roundhouse jobs show {job_id} --follow` looks on, "
        say(faint(f"{goes_on}`roundhouse jobs cancel {job_id}` stops it."), err=True)
        raise
    found: dict[str, Any] = client.get(path_of(job_id))
    return found


def follow(client: Client, job_id: str, advance: Advance, since: str | None = None) -> None:
    """Tell how a job goes until it has ended.

    Args:
        client: The server.
        job_id: The job.
        advance: Is told.
        since: Time of the API from which on it is told; None = from its beginning.

    Raises:
        Stop: It does not exist, or the server stayed away.
    """
    for told in events(client, job_id):
        data = told.data["data"]
        if since is None or _time(told.data["at"]) >= _time(since):
            advance(_text(client, job_id, told.type, data), data["progress"])


def check_ended_well(job: dict[str, Any]) -> None:
    """Raise Stop if an ended job did not do what it was to do."""
    if job["state"] == "failed":
        told = job["error"] or {}
        fix = f"`roundhouse jobs show {job['id']}` shows all attempts, `roundhouse jobs retry {job['id']}` tries again."
        message = clean(str(told.get("message", "The job failed.")))
        raise Stop(f"{message} [{clean(str(told.get('code')))}, {job['id']}]", code=FAILED, fix=fix)
    if job["state"] == "cancelled":
        raise Stop(f"The job was cancelled. [{job['id']}]", code=FAILED)


def events(
    client: Client,
    job_id: str,
    *,
    patience_s: float = _PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[ServerEvent]:
    """Every event of a job, each once, until it has ended; a server that goes away is waited for.

    Args:
        client: The server.
        job_id: The job.
        patience_s: How long without an answer of the server.
        sleep: Waits.

    Raises:
        Stop: It does not exist, or the server stayed away.
    """
    last: ServerEvent | None = None
    missed_s = 0.0
    while True:
        cut = False
        try:
            for told in client.events(path_of(job_id, "/events"), None if last is None else last.id):
                last, missed_s = told, 0.0
                yield told
        except Stop as stop:
            if not stop.passing or missed_s >= patience_s:
                raise
            cut = True
        if last is not None and last.type in _ENDINGS:
            return
        if not cut and _has_ended(client, job_id):
            # Its last event is deleted already, or came while the server stopped.
            return
        missed_s += _PAUSE_S
        sleep(_PAUSE_S)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _has_ended(client: Client, job_id: str) -> bool:
    try:
        return client.get(path_of(job_id))["ended_at"] is not None
    except Stop as stop:
        if not stop.passing:
            raise
        return False


def _text(client: Client, job_id: str, kind: str, data: dict[str, Any]) -> str:
    """What a person is told of an event."""
    if kind == "job.queued":
        return _queued(client, job_id) if data["attempts"] else "queued"
    if kind == "job.waiting":
        return f"waits for {data.get('waiting_for')}"
    if kind == "job.cancel_requested":
        return "stopping"
    return str(data["message"] or data["stage"] or data["state"])


def _queued(client: Client, job_id: str) -> str:
    """Why a job that has been tried is in the queue again."""
    try:
        history = client.get(path_of(job_id))["history"]
    except Stop:
        return "queued again"
    failed = [one for one in history if one["error"]]
    return f"to be tried again: {failed[-1]['error']['message']}" if failed else "queued again"
