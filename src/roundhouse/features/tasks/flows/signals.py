"""Signals: what comes from outside to a step that waits for it, as the task's job keeps it.

A job keeps one signal of a name. What is kept of one that came is never None, for that stands for a wait that ended
without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import NotFound, TooLarge
from roundhouse.features.tasks.attempts.keeping import LARGEST_BYTES
from roundhouse.features.tasks.attempts.redacting import without_credentials
from roundhouse.features.tasks.flows.facts import Said
from roundhouse.features.tasks.flows.reading import Flow
from roundhouse.infra.moments import moment

_NAMED = "signal."
"""Nobody can signal what is another's to say, such as the answer of a person: that is waited for by another name."""


def waited(name: str) -> str:
    """What a job waits for that waits for a signal."""
    return f"{_NAMED}{name}"


def brought(flow: Flow, name: str, payload: Any, by: str, now_s: float) -> dict[str, Any]:
    """What a job keeps of a signal that came.

    Args:
        flow: What the job runs.
        name: Of the signal.
        payload: JSON value.
        by: Who sent it, as histories name callers.
        now_s: Unix time.

    Raises:
        NotFound: No step waits for it, now or ever.
        TooLarge: The payload has more than 64 KiB.
    """
    names = [one.signal for one in flow.spec.steps if one.signal is not None]
    if name not in names:
        known = f"it has {', '.join(names)}" if names else "it has none"
        raise NotFound(f"No step of this flow waits for the signal {name!r}: {known}.", param="name")
    if len(msgspec.json.encode(payload)) > LARGEST_BYTES:
        raise TooLarge(
            f"The payload of a signal has at most {LARGEST_BYTES} bytes: bring the id of a file.",
            param="payload",
        )
    return {"payload": payload, "by": by, "at_s": now_s}


def said_by(flow: Flow, signals: Mapping[str, Any]) -> dict[str, Said]:
    """What a job's signals are to the steps of its flow."""
    found = {}
    for step in flow.spec.steps:
        if step.signal is not None and (key := waited(step.signal)) in signals:
            kept = signals[key]
            came = kept is not None
            found[step.id] = (
                Said("answered", kept["payload"], f"signal:{kept['by']}") if came else Said("expired")
            )
    return found


def told(flow: Flow, signals: Mapping[str, Any], waiting_for: str | None) -> list[dict[str, Any]]:
    """Signals as a trace shows them: those that came, that did not come in time, and the one that is waited for."""
    shown = []
    for step in flow.spec.steps:
        if step.signal is None:
            continue
        key = waited(step.signal)
        one: dict[str, Any] = {
            "step": step.id,
            "name": step.signal,
            "state": "waiting",
            "by": None,
            "at": None,
        }
        if signals.get(key) is not None:
            kept = signals[key]
            payload = without_credentials(kept["payload"])
            one |= {"state": "came", "payload": payload, "by": kept["by"], "at": moment(kept["at_s"])}
        elif key in signals:
            one["state"] = "expired"
        elif key != waiting_for:
            continue
        shown.append(one)
    return shown
