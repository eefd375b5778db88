"""Templates: those of the house in four languages, what a user's may be, and where quotes come from."""

from __future__ import annotations

from typing import Any

import pytest

from features.audio.house import ANN, BOB, EVE, AudioHouse
from roundhouse.core.errors import Conflict, NotAllowed, NotFound, SummaryInvalid, Unprocessable
from roundhouse.features.audio.asking import Reply
from roundhouse.features.audio.model import LANGUAGES, Said
from roundhouse.features.audio.schemas import TemplateCreate, TemplatePatch
from roundhouse.features.audio.templating.filling import Material, fill, tokens_of
from roundhouse.features.audio.templating.house import house_templates
from roundhouse.features.audio.templating.quoting import Sources
from roundhouse.features.audio.templating.rendering import check_prompt, render
from roundhouse.features.audio.templating.schemas import asked_schema, check_schema, emptiest, faults

OWN = {
    "name": "standup",
    "schema": {
        "type": "object",
        "properties": {"summary": {"type": "string"}, "done": {"type": "array", "items": {"type": "string"}}},
        "required": ["summary", "done"],
    },
    "prompt": "What was done?",
    "example": {"summary": "All well.", "done": ["tests"]},
}


@pytest.mark.parametrize("name", ["call", "interview", "lecture", "medical_note", "meeting_notes"])
def test_templates_of_the_house_are_whole_in_four_languages(name: str) -> None:
    one = house_templates()[name]
    assert check_schema(one.schema) == one.schema
    assert faults(one.schema, emptiest(one.schema)) == []
    assert "x-" not in str(asked_schema(one.schema))
    for texts in (one.title, one.description, one.prompt, one.example):
        assert set(texts) == set(LANGUAGES)
    for language in LANGUAGES:
        assert faults(one.schema, one.example[language]) == []
        check_prompt(one.prompt[language])


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {"type": "string"},
        {"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}},
        {"type": "object", "properties": {"a": {"$ref": "https://example.org/x.json"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}},
        {"type": "object", "$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"a": {"$ref": "#/$defs/a"}}},
        {"type": "object", "properties": {"a": {"type": "no type"}}},
        {"type": "object", "properties": {"a": 3}},
        {
            "type": "object",
            "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
            | {"d30": {}},
            "properties": {"a": {"$ref": "#/$defs/d0"}},
        },
    ],
)
def test_schemas_that_no_template_may_have(schema: Any) -> None:
    with pytest.raises(Unprocessable):
        check_schema(schema)


@pytest.mark.parametrize(
    "prompt",
    [
        "{{ transcript.ljust(10) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' * 999999999 }}",
        "{{ '%9999999d' % 1 }}",
        "{{ transcript | center(999999) }}",
        "{% for a in segments %}{% for b in segments %}x{% endfor %}{% endfor %}",
        "{% for a in segments %}{% if a %}{% for b in segments %}x{% endfor %}{% endif %}{% endfor %}",
        "{% include 'x' %}",
        "{% macro a() %}{% endmacro %}",
        "{{ secrets }}",
        "{% if",
        "   ",
    ],
)
def test_prompts_that_no_template_may_have(prompt: str) -> None:
    with pytest.raises(Unprocessable):
        check_prompt(prompt)


def test_prompts_reach_nothing() -> None:
    values = {"transcript": "T", "segments": [{"text": "a"}], "title": "", "speakers": ["Ann"]}
    assert render("{{ transcript.__class__ }}{{ transcript }}", values) == "T"
    assert render("{% for one in segments %}{{ loop.index }}{{ one.text }}{% endfor %}", values) == "1a"
    assert render("By {{ speakers | join(', ') }}", values) == "By Ann\n\nT"


async def test_templates_of_ones_own(house: AudioHouse) -> None:
    made = await house.templates.create(ANN, TemplateCreate.model_validate(OWN))
    with pytest.raises(Conflict):
        await house.templates.create(ANN, TemplateCreate.model_validate(OWN))
    with pytest.raises(Conflict):
        await house.templates.create(ANN, TemplateCreate.model_validate({**OWN, "name": "call"}))
    assert (await house.templates.get(ANN, "standup", version=None, language=None)).id == made.id
    for stranger in (BOB, EVE):
        with pytest.raises(NotFound):
            await house.templates.get(stranger, made.id, version=None, language=None)

    patch = TemplatePatch(prompt="What was done today?", version=1)
    changed = await house.templates.change(ANN, made.id, patch)
    assert (changed.version, changed.prompt) == (2, "What was done today?")
    with pytest.raises(Conflict):
        await house.templates.change(ANN, made.id, patch)
    assert [one.version for one in (await house.templates.versions(ANN, made.id)).data] == [2, 1]
    assert (await house.templates.get(ANN, made.id, version=1, language=None)).prompt == "What was done?"

    page = await house.templates.page(ANN, cursor=None, limit=10, language="vi")
    assert [one.name for one in page.data][-1] == "standup"
    assert page.data[-2].title == "Biên bản họp"
    with pytest.raises(NotAllowed):
        await house.templates.delete(ANN, "meeting_notes")
    await house.templates.delete(ANN, "standup")
    with pytest.raises(NotFound):
        await house.templates.schema(ANN, "standup")


async def test_an_example_that_does_not_fit_is_refused(house: AudioHouse) -> None:
    with pytest.raises(Unprocessable):
        await house.templates.create(ANN, TemplateCreate.model_validate({**OWN, "example": {"summary": 3}}))


async def test_a_template_that_only_a_model_can_fill_fails_without_one(house: AudioHouse) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    await house.templates.create(
        ANN, TemplateCreate.model_validate({**OWN, "name": "mood", "schema": schema, "example": None})
    )
    done = await house.done(("features", "summary"), ("template_id", "mood"))
    assert done.error is not None and done.error["code"] == "summary_invalid"


SAID = [
    Said(
        number=1,
        track="mix",
        start_s=1.0,
        end_s=2.0,
        text="um we decided to hire two engineers",
        speaker="left",
    ),
    Said(number=2, track="mix", start_s=3.0, end_s=4.0, text="and to send the report", speaker="right"),
]


def test_quotes_get_the_time_at_which_they_were_said() -> None:
    sources = Sources(SAID, "en")
    whole = sources.find("We decided to hire two engineers.")
    assert whole is not None and (whole.start_s, whole.end_s, whole.speaker) == (1.0, 2.0, "left")
    across = sources.find("hire two engineers and to send the report")
    assert across is not None and (across.start_s, across.end_s, across.speaker) == (1.0, 4.0, None)
    nearly = sources.find("They decided to hire two engineers")
    assert nearly is not None and nearly.text == SAID[0].text
    assert sources.find("We fire everybody at once") is None
    assert sources.find("…") is None
    assert Sources([], "en").find("anything") is None


async def test_a_long_transcript_is_read_in_parts() -> None:
    template = house_templates()["lecture"]
    calls: list[str] = []

    async def ask(messages, response_format=None):
        calls.append(messages[-1]["content"])
        assert tokens_of(str(messages)) < 4000
        if "JSON Schema" not in messages[0]["content"]:
            return Reply("notes", "a/b", cut=False)
        import msgspec

        return Reply(msgspec.json.encode(emptiest(template.schema)).decode(), "a/b", cut=False)

    lines = [f"sentence number {number} of a long talk about plants and light" for number in range(600)]
    told = await fill(ask, template, Material(SAID, lines, "en", "en", {}), 3000)
    assert told.parts == len(calls) - 1 > 2
    assert any("parts" in text for text in told.warnings)


async def test_an_answer_that_never_fits_is_an_error_with_the_reason() -> None:
    async def ask(messages, response_format=None):
        return Reply("{}", "a/b", cut=False)

    with pytest.raises(SummaryInvalid, match="'summary' is a required property"):
        await fill(ask, house_templates()["call"], Material(SAID, ["x"], "en", "en", {}), 8192)
