from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.chat.context.making import message, talk, words
from roundhouse.core.errors import ContextTooLong
from roundhouse.engine.tokens import MESSAGE_TOKENS
from roundhouse.features.chat.context.settings import ContextSettings
from roundhouse.features.chat.context.window import UNTIL, Fitted, fit
from roundhouse.features.chat.model import Message

QUESTION = message(100, content="what now")
COST = MESSAGE_TOKENS + 2
"""Tokens of one of the messages of `talk`."""


def fitted(history: list[Message], budget: int = 10_000, question: Message = QUESTION, **more: Any) -> Fitted:
    settings = more.pop("settings", ContextSettings())
    given = {"system": "", "facts": (), "memories": ()} | more
    return fit(history, question, settings=settings, count=words, budget_tokens=budget, **given)


def depths(found: Fitted) -> list[int]:
    return [int(one.removeprefix("msg_")) for one in found.ids]


def test_all_of_a_short_conversation_is_told_in_order():
    found = fitted(talk(4))
    assert [(one.role, one.content) for one in found.turns] == [
        ("user", "user 0"),
        ("assistant", "assistant 1"),
        ("user", "user 2"),
        ("assistant", "assistant 3"),
        ("user", "what now"),
    ]
    assert (found.left_out, found.tokens) == (0, 5 * COST)


def test_what_does_not_fit_is_left_out_from_the_oldest_on():
    found = fitted(talk(10), budget=5 * COST)
    assert depths(found) == [6, 7, 8, 9, 100]
    assert found.left_out == 6


def test_an_answer_is_not_told_without_its_question():
    found = fitted(talk(10), budget=4 * COST)
    assert depths(found) == [8, 9, 100]
    assert found.tokens == 3 * COST


def test_the_last_n_take_the_question_of_their_first_answer_along():
    found = fitted(talk(10), settings=ContextSettings(strategy="last", last_messages=3))
    assert depths(found) == [6, 7, 8, 9, 100]


def test_the_last_n_are_fewer_when_they_have_no_room():
    found = fitted(talk(10), budget=3 * COST, settings=ContextSettings(strategy="last", last_messages=8))
    assert depths(found) == [8, 9, 100]


def test_the_question_alone_too_long_is_an_error_and_nothing_else():
    with pytest.raises(ContextTooLong) as caught:
        fitted([], budget=COST - 1)
    assert caught.value.param == "content"
    assert fitted(talk(4), budget=COST).ids == ["msg_100"]


def test_what_is_always_told_too_long_is_an_error_that_says_so():
    with pytest.raises(ContextTooLong) as caught:
        fitted([], budget=COST + 5, system="be kind and brief and do not forget to smile")
    assert caught.value.param == "context"


def test_system_prompt_facts_memories_come_first_in_one_message():
    found = fitted(talk(2), system="Be brief.", facts=["The sky is green."], memories=["Likes tea."])
    assert found.turns[0].role == "system"
    first, second, third = found.turns[0].content.split("\n\n")
    assert first == "Be brief."
    assert second.endswith("\n- The sky is green.")
    assert third.endswith("\n- Likes tea.")
    assert [one.role for one in found.turns[1:]] == ["user", "assistant", "user"]


def test_memories_take_no_more_than_their_part():
    memories = [f"memory number {place} of many" for place in range(100)]
    found = fitted(talk(10), budget=20 * COST, memories=memories)
    known = found.turns[0].content.count("memory number")
    assert 0 < known < 10
    assert found.memories_left_out == 100 - known
    assert "memory number 0 " in found.turns[0].content


def test_a_pinned_message_is_told_however_old_and_brings_its_question():
    history = talk(20)
    history[3] = message(3, "assistant", pinned=True)
    found = fitted(history, budget=7 * COST)
    assert depths(found) == [2, 3, 16, 17, 18, 19, 100]


def test_a_pinned_answer_without_room_for_its_question_is_told_all_the_same():
    history = talk(20)
    history[3] = message(3, "assistant", pinned=True)
    found = fitted(history, budget=2 * COST)
    assert depths(found) == [3, 100]


def test_attachments_count():
    settings = ContextSettings(attachment_tokens=50)
    seen = message(0, content="look here", attachments=["file_1", "file_2"])
    assert fitted([seen], budget=2 * COST + 99, settings=settings).ids == ["msg_100"]
    found = fitted([seen], budget=2 * COST + 100, settings=settings)
    assert found.ids == ["msg_0", "msg_100"]
    assert found.turns[0].attachments == ("file_1", "file_2")
    with pytest.raises(ContextTooLong):
        fitted([], budget=COST + 49, settings=settings, question=message(1, attachments=["file_1"]))


def test_neighbours_of_one_role_become_one_turn():
    unanswered = [message(0, content="first"), message(1, "assistant", "", state="failed")]
    found = fitted(unanswered)
    assert [(one.role, one.content) for one in found.turns] == [("user", "first\n\nwhat now")]


def test_what_a_tool_said_and_what_is_deleted_is_not_told():
    history = [*talk(2), message(2, "tool"), message(3, deleted_at_s=1.0)]
    assert depths(fitted(history)) == [0, 1, 100]


def test_a_system_message_in_the_middle_goes_to_the_front():
    history = [*talk(2), message(2, "system", "Answer in French.")]
    found = fitted(history, system="Be brief.")
    assert found.turns[0].content == "Be brief.\n\nAnswer in French."
    assert [one.role for one in found.turns] == ["system", "user", "assistant", "user"]


def test_a_greeting_without_a_question_is_not_the_beginning():
    history = [message(0, "assistant", "Hello, how can I help?"), *talk(4)[2:]]
    assert depths(fitted(history)) == [2, 3, 100]


SUMMARY = ContextSettings(strategy="summary")


def test_a_summary_stands_for_what_it_covers():
    history = [*talk(10), message(10, "system", "They talked.", kind="summary", metadata={UNTIL: 5})]
    found = fitted(history, settings=SUMMARY)
    assert depths(found) == [6, 7, 8, 9, 100]
    assert found.turns[0].content.endswith("\nThey talked.")
    assert found.summarised


def test_a_summary_without_a_mark_covers_all_before_it():
    history = [*talk(4), message(4, "system", "Old.", kind="summary"), message(5), message(6, "assistant")]
    assert depths(fitted(history, settings=SUMMARY)) == [5, 6, 100]


def test_of_two_summaries_the_one_that_covers_more_counts():
    history = [
        *talk(8),
        message(8, "system", "More.", kind="summary", metadata={UNTIL: 5}),
        message(9, "system", "Less.", kind="summary", metadata={UNTIL: 3}),
    ]
    found = fitted(history, settings=SUMMARY)
    assert depths(found) == [6, 7, 100]
    assert "More." in found.turns[0].content


def test_a_summary_is_no_message_for_other_strategies():
    history = [*talk(4), message(4, "system", "Old.", kind="summary")]
    found = fitted(history)
    assert depths(found) == [0, 1, 2, 3, 100]
    assert not found.summarised


def test_a_summary_that_has_no_room_hides_nothing():
    long = message(4, "system", "word " * 40, kind="summary", metadata={UNTIL: 3})
    found = fitted([*talk(4), long], budget=6 * COST, settings=SUMMARY)
    assert depths(found) == [0, 1, 2, 3, 100]


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    made = []
    for depth in range(draw(st.integers(0, 25))):
        role = draw(st.sampled_from(["user", "assistant", "user", "assistant", "system", "tool"]))
        content = draw(st.sampled_from(["", "a", "b c d", "e " * 30]))
        kind = draw(st.sampled_from(["message"] * 9 + ["summary"]))
        made.append(
            message(
                depth,
                role,
                content,
                kind=kind,
                pinned=draw(st.integers(0, 9)) == 0,
                attachments=draw(st.sampled_from([[], [], [], ["file_1"]])),
            )
        )
    return made


@given(
    histories(),
    st.integers(1, 600),
    st.sampled_from(["tokens", "last", "summary"]),
    st.integers(1, 12),
    st.sampled_from(["", "Be brief."]),
    st.lists(st.just("a fact"), max_size=2),
    st.lists(st.just("a memory"), max_size=5),
)
def test_whatever_the_conversation(
    history: list[Message],
    budget: int,
    strategy: Any,
    last: int,
    system: str,
    facts: list[str],
    memories: list[str],
):
    settings = ContextSettings(strategy=strategy, last_messages=last, attachment_tokens=20)
    try:
        found = fitted(history, budget, settings=settings, system=system, facts=facts, memories=memories)
    except ContextTooLong:
        pinned = [one for one in history if one.pinned and one.kind == "message" and one.role != "tool"]
        assert budget < COST or pinned or system or facts
        return
    assert found.tokens <= budget
    assert found.turns[-1].role == "user"
    assert found.turns[-1].content.endswith(QUESTION.content)
    assert found.ids[-1] == QUESTION.id
    assert depths(found) == sorted(depths(found))
    told = set(found.ids)
    usable = [
        one
        for one in history
        if one.kind == "message" and one.role != "tool" and (one.content or one.attachments)
    ]
    assert {one.id for one in usable if one.pinned} <= told
    assert found.left_out == len(usable) - len(told) + 1
    roles = [one.role for one in found.turns]
    assert all(one != other for one, other in pairwise(roles))
    assert "system" not in roles[1:]
    spoken = [one for one in usable if one.id in told and one.role != "system"]
    if spoken and not any(one.pinned for one in spoken):
        assert spoken[0].role == "user"
