"""Prometheus metrics of one application.

Counting is a few dictionary look-ups and costs about two microseconds per request; prometheus_client is loaded at
the first scrape and turns the plain numbers into its text format.

Source:
    Prometheus, metric and label naming (2025).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import UsageRecord

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

MOST_MODELS = 500
"""Distinct values of a `model` or `target` label; further ones are counted together as `other`."""

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

Kind = Literal["counter", "gauge", "histogram"]
Values = Mapping[tuple[str, ...], float]
"""Numbers by the values of the labels, in the order of the description."""


class MetricDescription(msgspec.Struct, frozen=True):
    """One metric as it is documented."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = MetricDescription(
    "roundhouse_requests_total", "counter", "Requests to models.", ("operation", "model", "status")
)
DURATION = MetricDescription(
    "roundhouse_request_duration_seconds",
    "histogram",
    "Time from a request to the end of its answer.",
    ("operation", "model"),
)
FIRST_BYTE = MetricDescription(
    "roundhouse_time_to_first_byte_seconds",
    "histogram",
    "Time from a streaming request to the first piece of its answer.",
    ("operation", "model"),
)
TOKENS = MetricDescription(
    "roundhouse_tokens_total",
    "counter",
    "Tokens as the backends counted them; direction is `prompt` or `completion`.",
    ("direction", "model"),
)
IN_FLIGHT = MetricDescription("roundhouse_requests_in_flight", "gauge", "Requests being answered now.")
ATTEMPTS = MetricDescription(
    "roundhouse_upstream_attempts_total",
    "counter",
    "Tries at a model server; outcome is `ok` or the code of the error.",
    ("target", "outcome"),
)
CACHE = MetricDescription(
    "roundhouse_cache_requests_total",
    "counter",
    "Requests that looked into the response cache; outcome is `hit` or `miss`.",
    ("outcome",),
)
BREAKER = MetricDescription(
    "roundhouse_breaker_open",
    "gauge",
    "1 while a target's circuit is open and it is not called.",
    ("target",),
)
USAGE_DROPPED = MetricDescription(
    "roundhouse_usage_dropped_total",
    "counter",
    "Usage records lost because the database was away for too long.",
)
MODEL_MEMORY = MetricDescription(
    "roundhouse_model_memory_mib", "gauge", "Memory that a loaded model holds, in MiB.", ("target", "device")
)

JOBS = MetricDescription(
    "roundhouse_jobs",
    "gauge",
    "Jobs that have not ended, by the database: every process tells the same, so take the maximum, not the sum.",
    ("queue", "state"),
)
JOBS_ENDED = MetricDescription(
    "roundhouse_jobs_ended_total",
    "counter",
    "Jobs that ended since this process started; every API process hears of all, so take the maximum, not the sum.",
    ("kind", "outcome"),
)
JOB_DURATION = MetricDescription(
    "roundhouse_job_duration_seconds",
    "histogram",
    "Time of the last run of jobs that ended; counted like `roundhouse_jobs_ended_total`.",
    ("kind",),
)
EXECUTORS = MetricDescription(
    "roundhouse_executors",
    "gauge",
    "Living processes that run jobs, by the database: every process tells the same, so take the maximum.",
)
WATCHED_FILES = MetricDescription(
    "roundhouse_watched_files",
    "gauge",
    "Files of watched folders, by the database: every process tells the same, so take the maximum, not the sum.",
    ("state",),
)
WEBHOOK_TRIES = MetricDescription(
    "roundhouse_webhook_tries_total",
    "counter",
    "Tries to deliver to webhooks, since the beginning and by the database: `taken`, `refused`; `given_up` counts "
    "deliveries whose last try was refused. Every process tells the same, so take the maximum, not the sum.",
    ("outcome",),
)
WEBHOOK_BACKLOG = MetricDescription(
    "roundhouse_webhook_backlog",
    "gauge",
    "Deliveries to webhooks that wait for a try, by the database: every process tells the same, so take the maximum.",
)

_COUNTED = (REQUESTS, DURATION, FIRST_BYTE, TOKENS, ATTEMPTS, CACHE)
_WATCHED = (
    IN_FLIGHT,
    BREAKER,
    USAGE_DROPPED,
    MODEL_MEMORY,
    JOBS,
    JOBS_ENDED,
    JOB_DURATION,
    EXECUTORS,
    WATCHED_FILES,
    WEBHOOK_TRIES,
    WEBHOOK_BACKLOG,
)


class Durations:
    """A histogram of seconds.

    Args:
        bounds_s: Upper ends of its buckets, rising.
    """

    __slots__ = ("_bounds_s", "_counts", "sum_s")

    def __init__(self, bounds_s: tuple[float, ...] = _BUCKETS_S) -> None:
        self._bounds_s = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds_s, duration_s)] += 1
        self.sum_s += duration_s

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulated, as the text format wants them."""
        total = 0
        found: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self._bounds_s), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, total))
        return found


class _Line:
    """What is counted for one operation of one model."""

    __slots__ = ("durations", "first_bytes", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.durations = Durations()
        self.first_bytes = Durations()


class Metrics:
    """Counts, and renders on request. It belongs to one event loop.

    It is the `Observer` of requests and the `Attempts` of the engine; what others count themselves is read by
    `watch` at the moment of the scrape.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], _Line] = {}
        self._tokens: dict[str, list[int]] = {}
        self._attempts: dict[tuple[str, str], int] = {}
        self._cache = {"hit": 0, "miss": 0}
        self._models: set[str] = set()
        self._watched: dict[str, Callable[[], Values]] = {}
        self._histograms: dict[str, Mapping[tuple[str, ...], Durations]] = {}
        self._preparing: list[Callable[[], Awaitable[None]]] = []
        self._registry: CollectorRegistry | None = None

    def observe(self, record: UsageRecord) -> None:
        """Count one request that ended."""
        model = self._bounded(record.target)
        line = self._lines.get((record.operation, model))
        if line is None:
            line = self._lines[record.operation, model] = _Line()
        line.statuses[record.status] = line.statuses.get(record.status, 0) + 1
        line.durations.add(record.duration_ms / 1000)
        if record.stream and record.first_byte_ms:
            line.first_bytes.add(record.first_byte_ms / 1000)
        tokens = self._tokens.get(model)
        if tokens is None:
            tokens = self._tokens[model] = [0, 0]
        tokens[0] += record.prompt_tokens
        tokens[1] += record.completion_tokens
        if record.cache in self._cache:
            self._cache[record.cache] += 1

    def attempted(self, target: str, error: RoundhouseError | None) -> None:
        """Count one try at a model server."""
        key = (self._bounded(target), "ok" if error is None else error.code)
        self._attempts[key] = self._attempts.get(key, 0) + 1

    def watch(self, metric: MetricDescription, read: Callable[[], Values]) -> None:
        """Have `read` called at every scrape.

        Args:
            metric: A counter or a gauge that others count.
            read: Gives all its values; must not wait.
        """
        self._watched[metric.name] = read

    def watch_durations(
        self, metric: MetricDescription, histograms: Mapping[tuple[str, ...], Durations]
    ) -> None:
        """Have a histogram read at every scrape, by the values of its labels."""
        self._histograms[metric.name] = histograms

    def before_scrape(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have `work` awaited before each scrape; it must be quick and must not raise."""
        self._preparing.append(work)

    async def prepare(self) -> None:
        """Do what must be done before `render`."""
        for work in self._preparing:
            await work()

    def render(self) -> tuple[bytes, str]:
        """The text format and its content type."""
        # Loaded here: a process that is never scraped does not pay for it.
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_LATEST

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=self._registry)
            self._registry.register(_Adapter(self))
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    @staticmethod
    def describe() -> tuple[MetricDescription, ...]:
        """Every metric of ours; those of the process (`process_…`) come on top."""
        return (*_COUNTED, *_WATCHED)

    def values(self, metric: MetricDescription) -> Values:
        """What is counted for a counter or a gauge now."""
        if metric.name in self._watched:
            return self._watched[metric.name]()
        if metric is REQUESTS:
            return {
                (operation, model, str(status)): count
                for (operation, model), line in self._lines.items()
                for status, count in line.statuses.items()
            }
        if metric is TOKENS:
            return {
                (direction, model): counts[place]
                for model, counts in self._tokens.items()
                for place, direction in enumerate(("prompt", "completion"))
            }
        if metric is ATTEMPTS:
            return {(target, outcome): count for (target, outcome), count in self._attempts.items()}
        if metric is CACHE:
            return {(outcome,): count for outcome, count in self._cache.items()}
        return {}

    def durations(
        self, metric: MetricDescription
    ) -> Iterator[tuple[tuple[str, ...], list[tuple[str, float]], float]]:
        """Labels, cumulated buckets and sum of a histogram."""
        if metric.name in self._histograms:
            for labels, histogram in self._histograms[metric.name].items():
                yield labels, histogram.buckets(), histogram.sum_s
        if metric not in (DURATION, FIRST_BYTE):
            return
        for labels, line in self._lines.items():
            found = line.durations if metric is DURATION else line.first_bytes
            buckets = found.buckets()
            if buckets[-1][1]:
                yield labels, buckets, found.sum_s

    def _bounded(self, model: str) -> str:
        if model in self._models:
            return model
        if not model:
            # The name a client wrote is never a label: it is the client's to choose.
            return "none"
        if len(self._models) >= MOST_MODELS:
            return "other"
        self._models.add(model)
        return model


class _Adapter:
    """Gives prometheus_client the numbers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        for metric in Metrics.describe():
            family: Any
            if metric.kind == "histogram":
                family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
                for labels, buckets, sum_s in self._metrics.durations(metric):
                    family.add_metric(labels, buckets=buckets, sum_value=sum_s)
            else:
                make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                family = make(metric.name, metric.help, labels=metric.labels)
                for labels, value in self._metrics.values(metric).items():
                    family.add_metric(labels, value)
            yield family
