import pytest

from roundhouse.core.settings import PriceSettings
from roundhouse.core.types import Usage
from roundhouse.features.access.prices import PriceTable

TABLE = PriceTable(
    [
        PriceSettings(model="openai/gpt-4o-mini", input_usd_per_mtok=0.15, output_usd_per_mtok=0.6),
        PriceSettings(
            model="openai/*", input_usd_per_mtok=2.5, output_usd_per_mtok=10, cached_usd_per_mtok=1.25
        ),
        PriceSettings(model="free/*"),
    ]
)


@pytest.mark.parametrize(
    ("target", "usage", "cost_usd"),
    [
        ("openai/gpt-4o", Usage(1_000_000, 1_000_000), 12.5),
        ("openai/gpt-4o", Usage(1_000_000, 0, cached_tokens=400_000), 0.6 * 2.5 + 0.4 * 1.25),
        ("openai/gpt-4o", Usage(10, 0, cached_tokens=50), 10 * 1.25e-6),
        ("openai/gpt-4o-mini", Usage(1000, 0, cached_tokens=1000), 0.15e-3),
        ("free/x", Usage(1000, 1000), 0.0),
        ("desk/llama", Usage(1000, 1000), 0.0),
        ("", Usage(), 0.0),
    ],
)
def test_the_first_entry_that_matches_counts(target, usage, cost_usd):
    assert TABLE.cost_usd(target, usage) == pytest.approx(cost_usd)
    assert TABLE.cost_usd(target, usage) == pytest.approx(cost_usd)
