"""The page of metrics is in the repository as it would be made now, and complete."""

from pathlib import Path

from roundhouse.infra.telemetry.metrics import Metrics
from roundhouse.infra.telemetry.metrics_reference import markdown

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == markdown(), (
        "run: roundhouse metrics --markdown > docs/reference/metrics.md"
    )


def test_the_page_names_what_is_scraped() -> None:
    body, _ = Metrics().render()
    named = {line.split("`")[1] for line in markdown().splitlines() if line.startswith("| `")}
    typed = {line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE roundhouse_")}
    assert typed == named
