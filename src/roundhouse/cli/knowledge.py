"""`roundhouse knowledge …`: how well the vector stores of a running server are searched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, talks
from roundhouse.cli.exits import USAGE, Stop
from roundhouse.cli.terminal import clean, faint, progress_bar, say, show_json, show_table

if TYPE_CHECKING:
    from roundhouse.features.knowledge.evaluating.questions import Question
    from roundhouse.features.knowledge.evaluating.report import Outcome

commands = typer.Typer(help="Vector stores: how well they are searched.", no_args_is_help=True)

_MODES = ("hybrid", "dense", "lexical")


@commands.callback()
def _group() -> None:
    """Vector stores: how well they are searched."""


@commands.command("eval")
@talks
def evaluate(
    client: Client,
    store: Annotated[str, typer.Argument(help="Its id, vs_…")],
    questions: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help='JSON lines: {"question", "answer" or "file" or "text", "language"?}. Without it, questions are '
            "made of the store's own passages.",
        ),
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Passages that are looked at.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Measure a store's search: recall, nDCG, MRR and times, by language, beside words and vectors alone."""
    path = f"/v1/vector_stores/{quote(store, safe='')}"
    if questions is None:
        _show_own(client.call("POST", f"{path}/evaluate", {}), as_json)
        return
    # Not at the top: other commands need none of it.
    from roundhouse.features.knowledge.evaluating.report import COLUMNS, cells, rows_of, worst
    from roundhouse.features.knowledge.evaluating.report import as_json as told

    outcomes = _ask(client, path, _read(questions), limit)
    if as_json:
        show_json(told(outcomes))
        return
    show_table(COLUMNS, [cells(row) for row in rows_of(outcomes)], empty="There are no questions.")
    missed = list(worst(outcomes, _MODES[0]))
    if missed:
        say()
        say(faint("The questions that went worst:"))
        for line in missed:
            say(clean(line))


def _read(path: Path) -> list[Question]:
    from roundhouse.core.errors import BadInput
    from roundhouse.features.knowledge.evaluating.questions import read_questions

    try:
        return read_questions(path.read_text("utf-8").splitlines())
    except UnicodeDecodeError:
        raise Stop(f"{path} is not UTF-8.", code=USAGE) from None
    except BadInput as error:
        raise Stop(f"{path}: {error.detail}", code=USAGE) from None


def _ask(client: Client, path: str, questions: list[Question], limit: int) -> list[Outcome]:
    from roundhouse.features.knowledge.chunking.languages import language_of
    from roundhouse.features.knowledge.evaluating.questions import rank_of_right
    from roundhouse.features.knowledge.evaluating.report import Outcome

    found: list[Outcome] = []
    with progress_bar("questions") as advance:
        for place, one in enumerate(questions):
            for mode in _MODES:
                body = {"query": one.question, "max_num_results": limit, "mode": mode}
                began_s = time.monotonic()
                answer: dict[str, Any] = client.call("POST", f"{path}/search", body)
                latency_ms = 1000 * (time.monotonic() - began_s)
                data = answer["data"]
                rank = rank_of_right(one, data)
                instead = ""
                if rank != 1 and data:
                    instead = f"{data[0]['filename']}: {data[0]['content'][0]['text']}"
                language = one.language or language_of(one.question)
                found.append(Outcome(one.question, language, mode, rank, latency_ms, instead))
            advance(f"{place + 1} of {len(questions)}", (place + 1) / len(questions))
    return found


def _show_own(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    fields = ("questions", "recall_at_1", "recall_at_5", "recall_at_10", "ndcg_at_10", "mrr_at_10")
    rows = [
        [language, mode, *(_number(figures[field]) for field in fields)]
        for language, modes in answer["results"].items()
        for mode, figures in modes.items()
    ]
    columns = ("language", "search", "questions", "R@1", "R@5", "R@10", "nDCG@10", "MRR@10")
    show_table(columns, rows, empty="There are no questions.")
    say(
        faint(
            f"Questions made of the store's own passages, asked among {answer['passages']} of them: a sentence was "
            f"taken out of its passage, and a part of it asked. Vectors count {answer['alpha']:.2f}."
        )
    )


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"
