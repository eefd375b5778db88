"""Clean text by a language model, paragraph by paragraph. What it changes too much of, the rules clean instead."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.features.audio.cleaning.guard import Verdict, compare
from roundhouse.features.audio.cleaning.joining import blank, by_rules, paragraphs
from roundhouse.features.audio.cleaning.orders import ORDERS
from roundhouse.features.audio.model import Paragraph, Said

Ask = Callable[[str, str], Awaitable[str]]
"""Answers a text under an order; raises the errors of the engine."""

_FENCE = re.compile(r"^```[a-z]*\s*\n(.*?)\n?```$", re.DOTALL)
_THOUGHT = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
_MOST_FAILURES = 3


class Cleaned(msgspec.Struct, frozen=True):
    """A text that was cleaned.

    Attributes:
        paragraphs: It.
        edits: Words that were changed, fillers not counted.
        words: Words that there were.
        refused: How often the model's text was not taken, by reason.
    """

    paragraphs: list[Paragraph]
    edits: int
    words: int
    refused: dict[str, int]

    @property
    def text(self) -> str:
        """All of it; a line between paragraphs."""
        return "\n\n".join(one.text for one in self.paragraphs if one.text)

    @property
    def edit_rate(self) -> float:
        """Share of the words that were changed."""
        return self.edits / self.words if self.words else 0.0


async def clean_segments(
    said: Sequence[Said],
    language: str | None,
    *,
    ask: Ask | None = None,
    most_rate: float = 0.25,
    names: Sequence[str] = (),
    on_progress: Callable[[float, str], None] = lambda _share, _text: None,
) -> Cleaned:
    """Clean what was said. A model that fails is not asked for long: what it does not clean, the rules do.

    Args:
        said: By time.
        language: Of most of it.
        ask: The model; None = rules alone.
        most_rate: Largest share of the words of a paragraph that the model may change.
        names: Words that must survive.
        on_progress: Is told how far it is, 0 to 1.
    """
    groups = paragraphs(said, language)
    kept: list[Paragraph] = []
    edits = words = failures = 0
    refused: Counter[str] = Counter()
    for place, group in enumerate(groups):
        before, ruled = blank(group), by_rules(group, language)
        chosen = ruled
        if ask is not None and failures < _MOST_FAILURES:
            try:
                answer = _bare(await ask(ORDERS.get(language or "", ORDERS["en"]), before.text))
            except RoundhouseError as error:
                failures += 1
                refused[error.code] += 1
            else:
                failures = 0
                verdict = await _compare(before.text, answer, language, most_rate, names)
                if verdict.reason is None:
                    chosen = msgspec.structs.replace(before, text=answer, by="model")
                else:
                    refused[verdict.reason] += 1
        last = await _compare(before.text, chosen.text, language, 1.0, ())
        edits, words = edits + last.edits, words + last.words
        kept.append(chosen)
        on_progress((place + 1) / len(groups), f"paragraph {place + 1} of {len(groups)}")
    return Cleaned(kept, edits, words, dict(refused))


async def _compare(
    before: str, after: str, language: str | None, most_rate: float, names: Sequence[str]
) -> Verdict:
    # Some tenths of a second for a long paragraph: not in the event loop.
    return await asyncio.to_thread(compare, before, after, language, most_rate=most_rate, names=names)


def _bare(answer: str) -> str:
    """What the model wrote without what some wrap around it."""
    text = _THOUGHT.sub("", answer).strip()
    fenced = _FENCE.match(text)
    return " ".join((fenced[1] if fenced else text).split())
