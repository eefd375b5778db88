"""The text of `docs/reference/metrics.md`, made from the metrics' own descriptions; a test compares."""

from __future__ import annotations

from roundhouse.infra.telemetry.metrics import MOST_MODELS, Metrics

_HEAD = f"""# Metrics

Made by `roundhouse metrics --markdown` from `src/roundhouse/infra/telemetry/metrics.py`; do not edit.

`GET /metrics` gives them in Prometheus' text format, with the usual `process_…` metrics. `model` and `target` are
`provider/model` as Roundhouse chose it, never what a client wrote; after {MOST_MODELS} different ones, further ones are
counted as `other`. Each process counts for itself.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def markdown() -> str:
    """One row per metric."""
    rows = []
    for metric in Metrics.describe():
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return _HEAD + "\n".join(rows) + "\n"
