"""Questions to a store: with a language model, with the built-in one, and what is not in the documents."""

import pytest

from features.knowledge.answering.voices import ANN, BRIDGE, FROG, Setting
from roundhouse.core.errors import BackendDown, ModelNotFound, NotFound, RateLimited
from roundhouse.features.knowledge.answering.evidence import ASKED_FROM
from roundhouse.features.knowledge.answering.model import Asked
from roundhouse.features.knowledge.answering.standalone import Turn
from roundhouse.features.knowledge.answering.voice import QUOTING_TARGET
from roundhouse.features.knowledge.answering.wording import NOT_FOUND

OPENED = "When was the Iron Bridge opened?"


async def ask(setting: Setting, question: str = OPENED, store: str = "vs_1", **told):
    return await setting.asking.ask(ANN, store, Asked(question, **told), "req_1")


async def test_a_model_answers_from_numbered_passages():
    setting = Setting("The Iron Bridge was opened in 1781 [1].")
    answered = await ask(setting)
    assert (answered.text, answered.found, answered.model) == (
        "The Iron Bridge was opened in 1781 [1].",
        True,
        "say/m",
    )
    (cited,) = answered.citations
    assert (cited.number, cited.file_id, cited.text) == (1, "file_1", BRIDGE)
    assert [one.text for one in cited.quotes] == ["It was opened in 1781."]
    assert [(one.supported, one.passages) for one in answered.checks] == [(True, (1,))]
    assert answered.usage.total_tokens == 25
    (prompt,) = setting.engine.prompts
    assert BRIDGE in prompt[-1]["content"] and prompt[-1]["content"].endswith(f"Question: {OPENED}")
    assert setting.counted.admitted == setting.counted.settled == 1
    assert [(one.target, one.request_id) for one in setting.counted.records] == [("say/m", "req_1")]


async def test_what_no_passage_says_is_marked():
    setting = Setting(
        "It was opened in 1781 [1]. It fell down in 1904 and was rebuilt in Japan [1]. It is red [9]."
    )
    answered = await ask(setting)
    assert "[9]" not in answered.text
    assert [one.supported for one in answered.checks] == [True, False, False]


async def test_the_built_in_model_quotes_and_calls_nothing():
    setting = Setting("never")
    answered = await ask(setting, model="extractive")
    assert answered.found and answered.model == QUOTING_TARGET
    assert "It was opened in 1781." in answered.text and answered.text.endswith("[1]")
    (cited,) = answered.citations
    assert all(quote.text in BRIDGE and quote.text in answered.text for quote in cited.quotes)
    assert setting.engine.requests == []
    assert [one.target for one in setting.counted.records] == [QUOTING_TARGET]


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Who won the chess championship of 1972?", "en"),
        ("Ai đã phát minh ra điện thoại đầu tiên?", "vi"),
        ("谁发明了电话？", "zh"),
        ("מי המציא את הטלפון?", "he"),
    ],
)
async def test_not_in_the_documents_is_an_answer(question, language):
    answered = await ask(Setting("never"), question, model="extractive")
    assert (answered.text, answered.found, answered.language) == (NOT_FOUND[language], False, language)
    assert answered.citations == answered.checks == ()


@pytest.mark.parametrize("said", ["NOT_IN_DOCUMENTS", " NOT_IN_DOCUMENTS.\nSorry!", '"NOT_IN_DOCUMENTS"'])
async def test_a_model_may_say_so_too(said):
    setting = Setting(said)
    answered = await ask(setting, "How long is the Iron Bridge?", language="vi")
    assert (answered.text, answered.found) == (NOT_FOUND["vi"], False)
    assert setting.engine.closed == len(setting.counted.records) == 1


async def test_a_model_is_not_asked_where_nothing_was_found():
    setting = Setting("I know it anyway.")
    for question, store in ((OPENED, "vs_empty"), ("Zzz qqq?", "vs_1")):
        answered = await ask(setting, question, store)
        assert not answered.found and answered.text == NOT_FOUND["en"]
    assert setting.engine.requests == []


async def test_a_model_is_asked_in_doubt():
    # Words do not show what is said in another language; its vectors may.
    setting = Setting("NOT_IN_DOCUMENTS")
    await ask(setting, "Which river flows below the crossing?")
    assert len(setting.engine.requests) == 1


async def test_a_follow_up_is_made_whole_by_the_model():
    setting = Setting(
        lambda messages: OPENED if "Last question" in messages[-1]["content"] else "In 1781 [1]."
    )
    history = (Turn("user", "Where is the Iron Bridge?"), Turn("assistant", "In Shropshire."))
    answered = await ask(setting, "And when was it opened?", history=history)
    assert answered.standalone == OPENED and setting.search.asked[-1].query == OPENED
    assert "it means: " + OPENED in setting.engine.prompts[-1][-1]["content"]
    assert len(setting.counted.records) == 2


@pytest.mark.parametrize("said", ["", "x" * 5000, BackendDown("away")])
async def test_a_follow_up_is_made_whole_by_rules_where_the_model_fails(said):
    setting = Setting(lambda messages: said if "Last question" in messages[-1]["content"] else "In 1781 [1].")
    history = (Turn("user", "Where is the Iron Bridge?"), Turn("assistant", "In Shropshire."))
    answered = await ask(setting, "And when was it opened?", history=history)
    assert answered.standalone == "Where is the Iron Bridge? And when was it opened?"


async def test_a_small_window_has_room_for_a_part():
    setting = Setting("It was opened in 1781 [1].", [BRIDGE * 30, FROG * 30], window_tokens=600)
    answered = await ask(setting)
    (prompt,) = setting.engine.prompts
    assert sum(len(one["content"].split()) for one in prompt) <= 300
    assert answered.citations[0].text == BRIDGE * 30


async def test_only_chosen_files_are_asked():
    setting = Setting("Frogs [1].")
    await ask(setting, "What do tree frogs eat?", file_ids=("file_2",), min_similarity=0.25, max_passages=3)
    (wanted,) = setting.search.asked
    assert (wanted.file_ids, wanted.min_similarity) == (("file_2",), 0.25)
    answered = await ask(setting, OPENED, file_ids=("file_2",), model="extractive")
    assert not answered.found


async def test_what_was_found_is_explained():
    setting = Setting("In 1781 [1].")
    setting.search.warnings = ("vectors_unavailable",)
    answered = await ask(setting, explain=True)
    assert answered.explain is not None and answered.warnings == ("vectors_unavailable",)
    assert answered.explain["evidence"]["log_odds"] > ASKED_FROM
    assert answered.explain["passages"][0]["passage_id"] == "psg_1"


async def test_refusals_have_their_types():
    setting = Setting("x")
    with pytest.raises(NotFound):
        await ask(setting, store="vs_2")
    with pytest.raises(ModelNotFound):
        await ask(setting, model="nobody")
    setting.counted.refusal = RateLimited("Later.")
    for model in ("say/m", "extractive"):
        with pytest.raises(RateLimited):
            await ask(setting, model=model)
    assert setting.counted.settled == 0


async def test_a_model_that_breaks_off_is_an_error_and_counted():
    setting = Setting(lambda _: BackendDown("gone"))
    answer = await setting.asking.begin(ANN, "vs_1", Asked(OPENED), "req_1")
    said = []
    with pytest.raises(BackendDown):
        async for piece in answer.pieces():
            said.append(piece)
    assert "".join(said).startswith("It")
    (record,) = setting.counted.records
    assert (record.error_code, setting.engine.closed) == ("backend_down", 1)


async def test_the_pieces_are_the_answer():
    setting = Setting(
        "The Iron Bridge was opened in 1781 [1], says ![x](https://evil.example/a) the document [8]."
    )
    answer = await setting.asking.begin(ANN, "vs_1", Asked(OPENED), "req_1")
    pieces = [piece async for piece in answer.pieces()]
    assert len(pieces) > 5 and "".join(pieces) == answer.ended().text
    assert FROG not in answer.ended().text
