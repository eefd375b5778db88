"""News among the processes of the house: of no tenant, and told to nobody outside."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, text

_BY: Schema = fields("by", by=text("The executor that tells it."))


def _news(kind: str, about: str, topic: str, data: Schema) -> EventKind:
    return EventKind(kind, about, topic, "admin", data, "never")


HOUSE = (
    _news("executor.joined", "A process that runs jobs has begun.", "the executor", _BY),
    _news("executor.left", "A process that runs jobs has ended, or was found dead.", "the executor", _BY),
    _news("generator.alive", "A process that answers lives.", "the process", fields()),
    _news(
        "generator.took_over",
        "A process ended the answers of one that died.",
        "the process",
        fields("from", **{"from": text("The one that died.")}),
    ),
)
