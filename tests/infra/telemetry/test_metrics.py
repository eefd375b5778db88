"""Metrics: counted right, bounded, and in a form that the official parser reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from roundhouse.core.errors import BackendTimeout
from roundhouse.core.types import UsageRecord
from roundhouse.infra.telemetry.metrics import (
    ATTEMPTS,
    BREAKER,
    IN_FLIGHT,
    MODEL_MEMORY,
    MOST_MODELS,
    REQUESTS,
    TOKENS,
    USAGE_DROPPED,
    Metrics,
)

RECORD = UsageRecord(
    request_id="req_1",
    at_s=0.0,
    key_id="key_1",
    site_id="default",
    user_id=None,
    app_id=None,
    operation="chat",
    requested_model="gpt",
    target="ollama/llama2:7b",
    reason="direct",
    attempts=1,
    cache="miss",
    status=200,
    error_code=None,
    prompt_tokens=10,
    completion_tokens=20,
    cost_usd=0.0,
    first_byte_ms=30,
    duration_ms=700,
    stream=True,
)


def but(**changes: object) -> UsageRecord:
    return msgspec.structs.replace(RECORD, **changes)


def scraped(metrics: Metrics) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    body, kind = metrics.render()
    assert kind.startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"roundhouse_{name}", frozenset(labels.items())


MODEL = "ollama/llama2:7b"


def test_requests() -> None:
    metrics = Metrics()
    metrics.observe(RECORD)
    metrics.observe(but(cache="hit", duration_ms=3, stream=False))
    metrics.observe(
        but(status=429, prompt_tokens=0, completion_tokens=0, duration_ms=10_000_000, cache="off")
    )
    metrics.observe(but(operation="embeddings", completion_tokens=0))
    values = scraped(metrics)
    assert values[key("requests_total", operation="chat", model=MODEL, status="200")] == 2
    assert values[key("requests_total", operation="chat", model=MODEL, status="429")] == 1
    assert values[key("tokens_total", direction="prompt", model=MODEL)] == 30
    assert values[key("tokens_total", direction="completion", model=MODEL)] == 40
    assert values[key("cache_requests_total", outcome="hit")] == 1
    assert values[key("cache_requests_total", outcome="miss")] == 2
    duration = {"operation": "chat", "model": MODEL}
    assert values[key("request_duration_seconds_bucket", le="0.005", **duration)] == 1
    assert values[key("request_duration_seconds_bucket", le="0.5", **duration)] == 1
    assert values[key("request_duration_seconds_bucket", le="1.0", **duration)] == 2
    assert values[key("request_duration_seconds_bucket", le="300.0", **duration)] == 2
    assert values[key("request_duration_seconds_bucket", le="+Inf", **duration)] == 3
    assert values[key("request_duration_seconds_count", **duration)] == 3
    assert values[key("request_duration_seconds_sum", **duration)] == pytest.approx(10_000.703)
    assert values[key("time_to_first_byte_seconds_count", **duration)] == 2


def test_attempts() -> None:
    metrics = Metrics()
    metrics.attempted("a/b", None)
    metrics.attempted("a/b", BackendTimeout())
    metrics.attempted("a/b", BackendTimeout())
    assert metrics.values(ATTEMPTS) == {("a/b", "ok"): 1, ("a/b", "backend_timeout"): 2}


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    for number in range(MOST_MODELS + 100):
        metrics.observe(but(target=f"p/{number}"))
        metrics.attempted(f"p/{number}", None)
    metrics.observe(but(target="", requested_model="whatever a client writes"))
    values = scraped(metrics)
    models = {dict(labels)["model"] for name, labels in values if name == "roundhouse_requests_total"}
    assert len(models) == MOST_MODELS + 2
    assert {"other", "none"} <= models
    assert values[key("requests_total", operation="chat", model="other", status="200")] == 100
    assert sum(metrics.values(TOKENS).values()) == (MOST_MODELS + 101) * 30
    assert sum(metrics.values(REQUESTS).values()) == MOST_MODELS + 101


def test_label_values_are_escaped() -> None:
    metrics = Metrics()
    metrics.observe(but(target='p/"a\\b\nroundhouse_fake 1'))
    assert [labels for name, labels in scraped(metrics) if name == "roundhouse_requests_total"] == [
        frozenset({("operation", "chat"), ("model", 'p/"a\\b\nroundhouse_fake 1'), ("status", "200")})
    ]


def test_what_others_count_is_read_at_the_scrape() -> None:
    metrics = Metrics()
    running = 0
    metrics.watch(IN_FLIGHT, lambda: {(): running})
    metrics.watch(BREAKER, lambda: {("a/b",): 1.0})
    metrics.watch(USAGE_DROPPED, lambda: {(): 4})
    metrics.watch(MODEL_MEMORY, lambda: {("a/b", "cuda:0"): 4096.0})
    running = 7
    values = scraped(metrics)
    assert values[key("requests_in_flight")] == 7
    assert values[key("breaker_open", target="a/b")] == 1
    assert values[key("usage_dropped_total")] == 4
    assert values[key("model_memory_mib", target="a/b", device="cuda:0")] == 4096


def test_all_that_is_described_is_rendered_and_only_that() -> None:
    metrics = Metrics()
    described = {metric.name: metric for metric in metrics.describe()}
    metrics.observe(RECORD)
    families = {
        family.name: family for family in text_string_to_metric_families(metrics.render()[0].decode())
    }
    ours = {name for name in families if name.startswith("roundhouse_")}
    assert ours == {
        name.removesuffix("_total") if metric.kind == "counter" else name
        for name, metric in described.items()
    }
    for name, metric in described.items():
        family = families[name.removesuffix("_total") if metric.kind == "counter" else name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
    if sys.platform == "linux":
        assert "process_resident_memory_bytes" in families


def test_two_applications_do_not_share_numbers() -> None:
    one, two = Metrics(), Metrics()
    one.observe(RECORD)
    assert two.values(REQUESTS) == {}
    assert scraped(two)[key("cache_requests_total", outcome="miss")] == 0


def test_counting_does_not_load_prometheus() -> None:
    program = (
        "import sys; from roundhouse.infra.telemetry.metrics import Metrics; Metrics().attempted('a', None);"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
