"""The page of errors is in the repository as it would be made now, and complete."""

from pathlib import Path

from roundhouse.core.errors import tree
from roundhouse.core.errors_reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == markdown(), (
        "run: roundhouse errors --markdown > docs/reference/errors.md"
    )


def test_every_code_has_one_row() -> None:
    rows = [line.split("`")[1] for line in markdown().splitlines() if line.startswith("| `")]
    assert rows == [kind.code for kind in tree()]
    assert len(set(rows)) == len(rows)
