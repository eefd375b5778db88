from features.chat.context.making import message, talk, words
from roundhouse.engine.tokens import MESSAGE_TOKENS
from roundhouse.features.chat.context.settings import ContextSettings
from roundhouse.features.chat.context.summary import plan
from roundhouse.features.chat.context.window import UNTIL

SETTINGS = ContextSettings(strategy="summary")
COST = MESSAGE_TOKENS + 2


def due(history, budget=30 * COST, writer=10_000, settings=SETTINGS):
    return plan(history, settings=settings, count=words, budget_tokens=budget, writer_tokens=writer)


def test_nothing_is_due_while_all_fits():
    # Two thirds of the window are the conversation's.
    assert due(talk(20)) is None
    assert due(talk(21)) is not None


def test_nothing_is_due_for_other_strategies():
    assert due(talk(100), settings=ContextSettings()) is None


def test_the_older_part_is_summarised_and_the_newer_stays():
    found = due(talk(30))
    assert found is not None
    assert (found.until_depth, found.until_id) == (19, "msg_19")
    (asked,) = found.messages
    assert asked["role"] == "user"
    assert "User: user 0\n\nAssistant: assistant 1" in asked["content"]
    assert asked["content"].endswith("Assistant: assistant 19")


def test_what_a_summary_covers_is_not_summarised_again():
    history = [*talk(30), message(30, "system", "Early days.", kind="summary", metadata={UNTIL: 19})]
    assert due(history) is None
    more = [message(depth, "user" if depth % 2 else "assistant") for depth in range(31, 50)]
    found = due([*history, *more])
    assert found is not None
    assert found.until_depth == 39
    text = found.messages[0]["content"]
    assert "Earlier: Early days." in text
    assert "user 18" not in text
    assert "user 20" in text


def test_more_than_the_writer_takes_is_summarised_in_several_steps():
    found = due(talk(40), writer=60)
    assert found is not None
    assert 0 <= found.until_depth < 29
    assert words(found.messages[0]["content"]) <= 60 + 1


def test_one_message_that_is_too_long_for_the_writer_is_cut_in_the_middle():
    history = [message(0, content="start " + "word " * 1000 + "end"), *talk(30)[1:]]
    found = due(history, writer=100)
    assert found is not None
    assert found.until_depth == 0
    text = found.messages[0]["content"]
    assert "User: start word" in text
    assert text.endswith("end")
    assert " … " in text
    assert words(text) < 120
