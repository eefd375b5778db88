"""What questions of sessions are given of documents."""

import pytest

from features.knowledge.answering.voices import ANN, BRIDGE, Setting
from roundhouse.features.knowledge.answering.wording import NOT_FOUND

OPENED = "When was the Iron Bridge opened?"
BOTH = "What do tree frogs eat, and when was the Iron Bridge opened?"


def said(*texts: str) -> list[dict]:
    return [
        {"role": "user" if place % 2 == 0 else "assistant", "content": text}
        for place, text in enumerate(texts)
    ]


async def prepare(setting: Setting, messages, model: str = "say/m", stores=("vs_1",), earlier=()):
    return await setting.grounder.prepare(ANN, list(stores), messages, model, list(earlier), "req_1")


async def test_a_model_is_told_the_passages_before_the_question():
    grounding = await prepare(Setting("x"), said(OPENED))
    rules, question = grounding.told(said(OPENED))
    assert rules["role"] == "system" and "square brackets" in rules["content"]
    assert BRIDGE in question["content"] and question["content"].endswith(OPENED)
    assert (grounding.found, grounding.answer, grounding.warnings) == (True, None, ())
    assert [one["number"] for one in grounding.citations] == list(range(1, len(grounding.citations) + 1))


async def test_rules_and_pictures_of_the_session_stay():
    grounding = await prepare(Setting("x"), said(OPENED))
    given = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": OPENED}, {"type": "image_url", "image_url": {}}],
        },
    ]
    told = grounding.told(given)
    assert told[0]["content"].startswith("Be brief.\n\n")
    assert [part["type"] for part in told[1]["content"]] == ["text", "text", "image_url"]
    assert given[0]["content"] == "Be brief."


async def test_the_built_in_model_answers_at_once():
    setting = Setting("never")
    grounding = await prepare(setting, said(OPENED), "extractive")
    assert grounding.answer is not None and "1781" in grounding.answer
    (cited,) = grounding.cited(grounding.answer)
    assert cited["quotes"][0]["text"] in BRIDGE
    assert grounding.unsupported(grounding.answer) == []
    assert setting.engine.requests == [] and setting.counted.admitted == 0


@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        (said("Who won the chess championship of 1972?"), NOT_FOUND["en"]),
        (said("谁发明了电话？"), NOT_FOUND["zh"]),
        # What the conversation itself answers, or is about the user, is for the conversation.
        (said("What is my name?"), None),
        (said("Our dog Bello eats carrots.", "I see.", "What does our dog Bello eat?"), None),
    ],
)
async def test_the_built_in_model_says_that_documents_do_not_say(messages, answer):
    grounding = await prepare(Setting("never"), messages, "extractive")
    assert (grounding.answer, grounding.found, grounding.citations) == (answer, False, [])


async def test_a_model_is_told_that_nothing_was_found():
    grounding = await prepare(Setting("x"), said("Zzz qqq?"), stores=("vs_empty",))
    assert not grounding.found and grounding.citations == []
    told = grounding.told(said("Zzz qqq?"))
    assert "No passage" in told[0]["content"] and told[1]["content"] == "Zzz qqq?"


async def test_stores_that_are_gone_are_warned_of():
    grounding = await prepare(Setting("x"), said(OPENED), stores=("vs_9", "vs_1"))
    assert grounding.warnings == ("vector_store_gone:vs_9",) and grounding.found
    none = await prepare(Setting("x"), said(OPENED), stores=("vs_9",))
    assert none.warnings == ("vector_store_gone:vs_9",) and none.told(said(OPENED)) == said(OPENED)
    assert none.feed("Plain [1].") + none.end() == "Plain."


async def test_an_answer_that_goes_on_keeps_its_numbers():
    setting = Setting("x")
    first = await prepare(setting, said(BOTH))
    numbers = {one["passage_id"]: one["number"] for one in first.citations}
    assert len(numbers) == 2
    kept = [{**one, "number": 7} for one in first.citations if one["passage_id"] == "psg_2"]
    gone = {**kept[0], "passage_id": "psg_99", "number": 1, "text": "Gone since."}
    again = await prepare(setting, said(BOTH), earlier=[*kept, gone])
    found = {one["passage_id"]: one["number"] for one in again.citations}
    assert (found["psg_2"], found["psg_99"]) == (7, 1)
    assert len(set(found.values())) == len(found) == 3


async def test_a_long_conversation_leaves_room_for_passages():
    setting = Setting(OPENED, window_tokens=800)
    grounding = await prepare(setting, said(*(["word " * 120] * 4), OPENED))
    assert grounding.citations and "Iron Bridge" in grounding.told(said(OPENED))[-1]["content"]


async def test_sentences_that_no_passage_supports():
    grounding = await prepare(Setting("x"), said(OPENED))
    text = "It was opened in 1781 [1]. It was sold to Japan in 1999 [1]."
    assert [one["sentence"] for one in grounding.unsupported(text)] == ["It was sold to Japan in 1999 [1]."]
