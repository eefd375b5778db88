"""Where a quote stands in what was said: a model writes sentences, the times are ours.

A quote that nobody said is taken out; one that was said almost so is put right. What is left can be listened to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec

from roundhouse.features.audio.cleaning.guard import words_of
from roundhouse.features.audio.model import Said

QUOTE = "x-quote"
"""Marks the schema of an object that quotes: `text`, `start_s`, `end_s`, `speaker`."""

MOST_QUOTED_CHARS = 600
_LEAST_WORDS = 3
_LEAST_SHARE = 0.6


class Source(msgspec.Struct, frozen=True):
    """Where something was said, and by whom.

    Attributes:
        text: Word for word.
        start_s: Seconds from the start; None = a text without times.
        end_s: Likewise.
        speaker: None = not known, or several.
    """

    text: str
    start_s: float | None
    end_s: float | None
    speaker: str | None


class Sources:
    """What was said, to look quotes up in.

    Args:
        said: By time.
        language: Of most of it.
    """

    def __init__(self, said: Sequence[Said], language: str | None) -> None:
        self._said = said
        self._language = language
        self._words: list[str] = []
        self._starts: list[int] = []
        for one in said:
            self._starts.append(len(self._words))
            self._words += words_of(one.text, language)
        self._matcher = SequenceMatcher(autojunk=False)
        self._matcher.set_seq2(self._words)

    def find(self, quote: str) -> Source | None:
        """Where a quote was said; None = nowhere."""
        words = words_of(quote[: MOST_QUOTED_CHARS * 2], self._language)
        if not words:
            return None
        self._matcher.set_seq1(words)
        block = self._matcher.find_longest_match(0, len(words), 0, len(self._words))
        if block.size == len(words):
            return self._source(block.b, block.size, quote.strip())
        if block.size >= max(_LEAST_WORDS, _LEAST_SHARE * len(words)):
            return self._source(block.b, block.size, None)
        return None

    def _source(self, first_word: int, count: int, text: str | None) -> Source:
        first = bisect_right(self._starts, first_word) - 1
        last = bisect_right(self._starts, first_word + count - 1) - 1
        said = self._said[first : last + 1]
        speakers = {one.speaker for one in said}
        if text is None:
            # Not word for word: then what was said, as far as it was meant.
            text = " ".join(one.text for one in said)[:MOST_QUOTED_CHARS]
        return Source(text, said[0].start_s, said[-1].end_s, speakers.pop() if len(speakers) == 1 else None)


def sourced(schema: Any, value: Any, sources: Sources) -> tuple[Any, int]:
    """A value with its quotes put right, and how many were taken out because nobody said them.

    Args:
        schema: Of the value, without references.
        value: That fits it.
        sources: What was said.
    """
    lost = 0

    def walk(node: Any, of: Any) -> Any:
        nonlocal lost
        quote = _quote_of(of)
        if quote is not None and isinstance(node, dict) and isinstance(node.get("text"), str):
            source = sources.find(node["text"])
            if source is None:
                lost += 1
                return None
            return node | {
                name: told
                for name, told in msgspec.structs.asdict(source).items()
                if name in quote.get("properties", {}) and (told is not None or name != "speaker")
            }
        if isinstance(node, dict):
            properties = of.get("properties", {}) if isinstance(of, dict) else {}
            return {name: walk(inner, properties.get(name, {})) for name, inner in node.items()}
        if isinstance(node, list):
            items = of.get("items", {}) if isinstance(of, dict) else {}
            walked = [walk(inner, items) for inner in node]
            return [one for one, was in zip(walked, node, strict=True) if one is not None or was is None]
        return node

    return walk(value, schema), lost


def _quote_of(schema: Any) -> dict[str, Any] | None:
    if not isinstance(schema, dict):
        return None
    if schema.get(QUOTE) is True:
        return schema
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return next((one for one in options if isinstance(one, dict) and one.get(QUOTE) is True), None)
