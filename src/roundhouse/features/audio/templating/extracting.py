"""A template filled in without a language model: by sentences of the transcript, word for word.

Nothing is invented: what cannot be filled in so stays empty, as far as the schema allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import SummaryInvalid
from roundhouse.features.audio.cleaning.rules import joined
from roundhouse.features.audio.model import Template
from roundhouse.features.audio.templating.filling import Ask, Filled, Material
from roundhouse.features.audio.templating.quoting import QUOTE, Source, Sources
from roundhouse.features.audio.templating.schemas import emptiest, expanded, faults

FILL = "x-fill"
"""Marks what is filled in: `summary`, a text, or `quotes`, a list of quotes or texts."""

BY = "extractive"

# The words by which the built-in model knows what it is to do; it answers in the language of the text.
_ORDER = "Summarize the text below in {count} sentences.\n\nText: {text}"
_NAMES = {
    "summary": ("summary", "abstract", "overview", "tldr"),
    "quotes": ("quotes", "key_quotes", "key_points", "highlights"),
}
_SENTENCES = 6
_MARKS = "-•* "


async def extract(ask: Ask, template: Template, material: Material, text: str) -> Filled:
    """Fill in a template with what the extractive model quotes.

    Args:
        ask: The built-in model.
        template: Checked.
        material: What was said.
        text: The clean text, whose sentences are chosen from.

    Raises:
        SummaryInvalid: The schema demands what only a language model could write.
        RoundhouseError: What the engine raises.
    """
    schema = expanded(template.schema)
    chosen = await _chosen(ask, text, Sources(material.said, material.spoken))
    value = emptiest(schema)
    properties = schema.get("properties", {})
    for name, of in properties.items():
        kind = _kind(name, of)
        if kind == "summary" and "string" in _types(of):
            value[name] = joined(one.text for one in chosen)
        elif kind == "quotes" and "array" in _types(of):
            value[name] = _listed(of, chosen)
    wrong = faults(schema, value)
    if wrong:
        raise SummaryInvalid(
            f"Without a language model the template {template.name!r} cannot be filled in ({wrong[0]}). Add one "
            "(`roundhouse models discover`), or allow null and empty lists in the schema. The transcript is kept."
        )
    warnings = [
        "No language model is configured: the summary quotes the most central sentences, what would have to be "
        "written is empty."
    ]
    return Filled(value, BY, 1, 1, warnings)


async def _chosen(ask: Ask, text: str, sources: Sources) -> list[Source]:
    if not text.strip():
        return []
    order = _ORDER.format(count=_SENTENCES, text=text)
    reply = await ask([{"role": "user", "content": order}])
    found = []
    for line in reply.text.splitlines():
        # Its own words around the quotes are found nowhere in what was said.
        quote = line.strip().lstrip(_MARKS)
        source = sources.find(quote) if quote and quote in text else None
        if source is not None:
            found.append(msgspec.structs.replace(source, text=quote))
    return found


def _kind(name: str, schema: Any) -> str | None:
    told = schema.get(FILL) if isinstance(schema, dict) else None
    if told is not None:
        return str(told)
    return next((kind for kind, names in _NAMES.items() if name in names), None)


def _types(schema: dict[str, Any]) -> Sequence[str]:
    told = schema.get("type", ())
    return (told,) if isinstance(told, str) else told


def _listed(schema: dict[str, Any], chosen: Sequence[Source]) -> list[Any]:
    items = schema.get("items", {})
    kept = chosen[: schema.get("maxItems", len(chosen))]
    if not isinstance(items, dict):
        return []
    if "string" in _types(items):
        return [one.text for one in kept]
    if items.get(QUOTE) is not True:
        return []
    known = items.get("properties", {})
    return [
        emptiest(items) | {name: told for name, told in msgspec.structs.asdict(one).items() if name in known}
        for one in kept
    ]
