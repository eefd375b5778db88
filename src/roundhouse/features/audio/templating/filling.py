"""A template filled in by a language model: asked for by schema where that can be, checked always, mended if need be.

Servers misreport what they can: some ignore a schema, some fail on it. So the schema is in the prompt as well, every
answer is validated, and what does not fit is sent back with the validator's words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from roundhouse.core.errors import BackendFailed, ContextTooLong, NotSupported, SummaryInvalid
from roundhouse.features.audio.asking import Message, Reply
from roundhouse.features.audio.model import Said, Template
from roundhouse.features.audio.templating import orders
from roundhouse.features.audio.templating.quoting import Sources, sourced
from roundhouse.features.audio.templating.schemas import asked_schema, expanded, faults

TRIES = 4
"""Answers of the model in all, of which one has to fit."""

_ANSWER_SHARE = 4
_LEAST_PART_TOKENS = 200
_LATIN_CHARS_PER_TOKEN = 3
_ECHO_CHARS = 8000


class Ask(Protocol):
    """One answer of the model."""

    def __call__(
        self, messages: Sequence[Message], response_format: dict[str, Any] | None = None
    ) -> Awaitable[Reply]:
        """Raises the errors of the engine."""
        ...


class Material(msgspec.Struct, frozen=True):
    """What a template is filled in from.

    Attributes:
        said: Segments by time, for quotes.
        lines: The transcript as the model reads it.
        language: Of the summary.
        spoken: Of most of what was said.
        values: For the prompt: see `rendering.VARIABLES`.
    """

    said: Sequence[Said]
    lines: Sequence[str]
    language: str | None
    spoken: str | None
    values: dict[str, Any]


class Filled(msgspec.Struct, frozen=True):
    """A summary.

    Attributes:
        value: Fits the schema.
        by: `provider/model` that wrote it.
        tries: Answers that it took.
        parts: In how many parts the transcript was read.
        warnings: What the user should know.
    """

    value: Any
    by: str
    tries: int
    parts: int
    warnings: list[str]


async def fill(
    ask: Ask,
    template: Template,
    material: Material,
    window_tokens: int,
    on_progress: Callable[[float, str], None] = lambda _share, _text: None,
) -> Filled:
    """Have a model fill in a template.

    Args:
        ask: The model.
        template: Checked.
        material: What was said.
        window_tokens: Prompt and answer together.
        on_progress: Is told how far it is, 0 to 1.

    Raises:
        SummaryInvalid: No answer fits.
        Unprocessable: The prompt cannot be rendered.
        RoundhouseError: What the engine raises.
    """
    schema = expanded(template.schema)
    prompt = template.in_language(template.prompt, material.language)
    system = _order(orders.FILL, material.language).replace(
        "{schema}", msgspec.json.encode(asked_schema(schema)).decode()
    )
    room = window_tokens - window_tokens // _ANSWER_SHARE - tokens_of(system) - tokens_of(prompt)
    parts = _parts(material.lines, max(room, _LEAST_PART_TOKENS))
    transcript = "\n".join(material.lines)
    if len(parts) > 1:
        transcript = await _condensed(ask, parts, material.language, on_progress)
    # Not at the top: the product starts without Jinja.
    from roundhouse.features.audio.templating.rendering import render

    rendered = render(prompt, material.values | {"transcript": transcript})
    messages: list[Message] = [
        {"role": "system", "content": system},
        {"role": "user", "content": rendered},
    ]
    on_progress(0.8 if len(parts) > 1 else 0.1, "filling in the template")
    filled = await _asked(ask, messages, schema, template, material)
    if len(parts) > 1:
        filled.warnings.append(
            f"The transcript is longer than the model reads at once: it was read in {len(parts)} parts."
        )
    return msgspec.structs.replace(filled, parts=len(parts))


async def _asked(
    ask: Ask, messages: list[Message], schema: dict[str, Any], template: Template, material: Material
) -> Filled:
    form: dict[str, Any] | None = {
        "type": "json_schema",
        "json_schema": {"name": template.name, "schema": asked_schema(schema)},
    }
    sources = Sources(material.said, material.spoken)
    wrong: list[str] = []
    talk = list(messages)
    for number in range(1, TRIES + 1):
        try:
            reply = await ask(talk, form)
        except (NotSupported, BackendFailed) as error:
            if form is None or isinstance(error, ContextTooLong):
                raise
            # The server does not take a schema, or fails on it.
            form = None
            reply = await ask(talk, None)
        value, wrong = _checked(reply.text, schema, material.language)
        if not wrong:
            value, lost = sourced(schema, value, sources)
            wrong = faults(schema, value)
            if not wrong:
                told = [f"{lost} quotes were left out: nobody said them."] if lost else []
                return Filled(value, reply.target, number, 1, told)
        # What it said goes back in part only: a long wrong answer must not fill the window.
        repair = _order(orders.REPAIR, material.language).replace("{faults}", "\n".join(wrong))
        talk = [
            *messages,
            {"role": "assistant", "content": reply.text[:_ECHO_CHARS]},
            {"role": "user", "content": repair},
        ]
    raise SummaryInvalid(
        f"The model's answer did not fit the template {template.name!r} in {TRIES} tries; last: {wrong[0]}. "
        "The transcript is kept: run the stage summarise again with another model or template."
    )


def _checked(text: str, schema: dict[str, Any], language: str | None) -> tuple[Any, list[str]]:
    """The object in an answer, and why it does not fit."""
    start, end = text.find("{"), text.rfind("}")
    thought = text.rfind("</think>")
    if thought >= 0:
        start = text.find("{", thought)
    if start < 0 or end < start:
        return None, [orders.in_language(orders.NO_JSON, language)]
    try:
        value = msgspec.json.decode(text[start : end + 1].replace("\\u0000", ""))
    except (msgspec.DecodeError, RecursionError) as error:
        return None, [str(error)[:300]]
    return value, faults(schema, value)


async def _condensed(
    ask: Ask, parts: Sequence[str], language: str | None, on_progress: Callable[[float, str], None]
) -> str:
    order = _order(orders.CONDENSE, language)
    notes = []
    for number, part in enumerate(parts, start=1):
        said = await ask([{"role": "system", "content": order}, {"role": "user", "content": part}])
        # Notes longer than what they are of would never fit either.
        notes.append(said.text.strip()[: max(400, len(part) // len(parts))])
        on_progress(0.8 * number / len(parts), f"reading part {number} of {len(parts)}")
    return "\n\n".join(notes)


def _parts(lines: Sequence[str], room_tokens: int) -> list[str]:
    """The lines in as few parts as fit."""
    parts: list[list[str]] = [[]]
    used = 0
    for line in lines:
        tokens = tokens_of(line) + 1
        if parts[-1] and used + tokens > room_tokens:
            parts.append([])
            used = 0
        parts[-1].append(line)
        used += tokens
    return ["\n".join(part) for part in parts]


def tokens_of(text: str) -> int:
    """Tokens of a text, counted rather too high: a Chinese character is one, so are three others."""
    plain = sum(1 for character in text if character < "\u2e80")
    return len(text) - plain + plain // _LATIN_CHARS_PER_TOKEN + 1


def _order(texts: dict[str, str], language: str | None) -> str:
    name = orders.LANGUAGE_NAMES.get(language or "", language or "the language of the transcript")
    return orders.in_language(texts, language).replace("{language}", name)
