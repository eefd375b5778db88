"""Questions to people, on both databases: who may see and answer them, the clock, links."""

import asyncio

import pytest

from features.tasks.flow_house import OTHER_TUTOR, TUTOR, call, person
from features.tasks.houses import SITE
from roundhouse.core.errors import (
    AlreadyAnswered,
    BackendDown,
    Conflict,
    NotAllowed,
    NotFound,
    RequestExpired,
    Unprocessable,
)
from roundhouse.core.types import Caller
from roundhouse.features.tasks.human import asking, store
from roundhouse.features.tasks.human.closing import Closing
from roundhouse.features.tasks.human.comparing import changes
from roundhouse.features.tasks.human.deciding import Decision, check_person
from roundhouse.features.tasks.human.schemas import (
    AnswerAsk,
    ClaimAsk,
    CommentAsk,
    LinkAsk,
    ReassignAsk,
    RejectAsk,
)

FORM = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 1}},
    "required": ["text"],
    "additionalProperties": False,
}
STRANGER = Caller("key_s", site_id="b", scopes=frozenset({"human"}))


async def asked(house, given=None, **human):
    """A task that waits for a person; the job and the request."""
    await house.keep(person(**human))
    job = await house.task(given)
    executor = await house.executor()
    await executor.work()
    shown = [one for one in await house.asked() if one.task_id == job.id]
    return job, shown[0], executor


async def test_an_answer_is_data_that_fits_the_form(build):
    house = build()
    job, request, executor = await asked(house, {"q": 1}, form=FORM, prefill={"text": "{{ $.input.q }}!"})
    assert request.draft == {"text": "1!"}
    with pytest.raises(Unprocessable) as refused:
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer={"text": ""}))
    assert refused.value.param == "/answer/text"
    done = await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer={"text": "x"}, comment="So."))
    assert (done.state, done.answered_by, done.comment) == ("answered", "user:an", "So.")
    assert [one.kind for one in done.history] == ["requested", "answered"]
    await executor.work()
    assert (await house.job(job)).result == {"text": "x"}
    assert [one for one in await house.kinds(job) if one.startswith("human.")] == [
        "human.requested",
        "human.answered",
    ]


async def test_the_second_answer_is_told_who_was_first(build):
    house = build()
    _, request, _ = await asked(house)
    said = [house.inbox.answer(one, request.id, AnswerAsk(answer=1)) for one in (TUTOR, OTHER_TUTOR)]
    first, second = sorted(
        await asyncio.gather(*said, return_exceptions=True), key=lambda one: str(type(one))
    )
    found = [one for one in (first, second) if isinstance(one, AlreadyAnswered)]
    assert len(found) == 1
    assert "user:" in found[0].detail
    with pytest.raises(AlreadyAnswered):
        await house.inbox.reject(TUTOR, request.id, RejectAsk())


async def test_what_is_late_has_expired(build, turned_clock):
    house = build()
    job, request, executor = await asked(house, due_s=60)
    turned_clock.turn(61)
    with pytest.raises(RequestExpired):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer=1))
    await executor.work(2)
    assert (await house.job(job)).error["code"] == "expired"
    with pytest.raises(RequestExpired):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer=1))
    assert (await house.inbox.get(TUTOR, request.id)).state == "expired"


@pytest.mark.parametrize(
    ("human", "state", "result"),
    [
        ({"on_timeout": "default_answer", "default_answer": {"x": 1}}, "completed", {"x": 1}),
        ({"on_timeout": "reject"}, "failed", None),
    ],
)
async def test_on_timeout(build, turned_clock, human, state, result):
    house = build()
    job, request, executor = await asked(house, due_s=60, **human)
    turned_clock.turn(61)
    with pytest.raises(RequestExpired):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer=1))
    await executor.work(2)
    done = await house.job(job)
    assert (done.state, done.result) == (state, result)


async def test_reminders_and_levels(build, turned_clock):
    house = build()
    job, request, executor = await asked(
        house,
        assignees=["user:an"],
        due_s=3600,
        remind_s=[900, 2700],
        escalate=[{"after_s": 3600, "to": ["user:bo"]}, {"after_s": 90_000, "to": ["group:leads"]}],
        on_timeout="next_level",
    )
    with pytest.raises(NotFound):
        await house.inbox.get(OTHER_TUTOR, request.id)
    for _ in range(4):
        turned_clock.turn(901)
        await executor.work(2)
    shown = await house.inbox.get(OTHER_TUTOR, request.id)
    assert [one.kind for one in shown.history] == ["requested", "reminded", "reminded", "escalated"]
    assert (shown.level, shown.assignees, shown.state) == (1, ["user:an", "user:bo"], "open")
    assert (shown.due_at - shown.created_at).total_seconds() == 7200
    turned_clock.turn(3600)
    await executor.work(2)
    assert (await house.inbox.get(OTHER_TUTOR, request.id)).level == 2
    assert (await house.job(job)).state == "waiting"
    await house.inbox.answer(OTHER_TUTOR, request.id, AnswerAsk(answer=2))
    await executor.work()
    assert (await house.job(job)).result == 2
    kinds = await house.kinds(job)
    assert (kinds.count("human.reminded"), kinds.count("human.escalated")) == (2, 2)


async def test_an_answer_while_the_clock_acts_is_not_lost(build, turned_clock):
    house = build()
    job, request, executor = await asked(house, due_s=3600, remind_s=[60])
    turned_clock.turn(61)
    # The wait is over, but no executor has looked yet.
    await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer=3))
    await executor.work(3)
    assert (await house.job(job)).result == 3


async def test_who_may_answer(build):
    house = build()
    _, request, _ = await asked(house, assignees=["user:bo"])
    with pytest.raises(NotFound):
        await house.inbox.get(STRANGER, request.id)
    with pytest.raises(NotFound):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer=1))
    assert await house.asked(STRANGER) == []
    assert [one.id for one in await house.asked(OTHER_TUTOR, assignees=["me"])] == [request.id]
    assert await house.asked(TUTOR, assignees=["me"]) == []
    assert [one.id for one in await house.asked(SITE, assignees=["user:bo"])] == [request.id]
    assert await house.asked(SITE, assignees=["user:an"]) == []


async def test_claims_and_others(build):
    house = build()
    _, request, _ = await asked(house, assignees=["group:tutors"])
    claimed = await house.inbox.claim(TUTOR, request.id, ClaimAsk())
    assert (claimed.state, claimed.claimed_by) == ("claimed", "user:an")
    with pytest.raises(Conflict):
        await house.inbox.claim(OTHER_TUTOR, request.id, ClaimAsk())
    with pytest.raises(Conflict):
        await house.inbox.answer(OTHER_TUTOR, request.id, AnswerAsk(answer=1))
    assert (await house.inbox.claim(TUTOR, request.id, ClaimAsk())).version == claimed.version
    taken = await house.inbox.claim(OTHER_TUTOR, request.id, ClaimAsk(take_over=True))
    assert taken.claimed_by == "user:bo"
    moved = await house.inbox.reassign(OTHER_TUTOR, request.id, ReassignAsk(assignees=["user:an"]))
    assert (moved.state, moved.claimed_by, moved.assignees) == ("open", None, ["user:an"])
    with pytest.raises(NotFound):
        await house.inbox.get(OTHER_TUTOR, request.id)
    with pytest.raises(Conflict):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer=1, version=1))
    said = await house.inbox.comment(TUTOR, request.id, CommentAsk(comment="Soon."))
    assert [one.kind for one in said.history][-3:] == ["claimed", "reassigned", "commented"]
    with pytest.raises(NotAllowed):
        async with house.db.begin() as tx:
            check_person(OTHER_TUTOR, await store.get(tx, SITE, request.id))


async def test_choices_and_approvals(build):
    house = build()
    _, request, executor = await asked(house, kind="choose", options=["red", {"rgb": 3}])
    with pytest.raises(Unprocessable):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer="blue"))
    await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer={"rgb": 3}))
    job, second, _ = await asked(house, kind="approve", prefill={"text": "as it is"})
    await house.inbox.answer(TUTOR, second.id, AnswerAsk())
    await executor.work(2)
    assert (await house.job(job)).result == {"text": "as it is"}


async def test_pages_of_the_inbox(build):
    house = build()
    for due_s in (300, 100, 200):
        await asked(house, due_s=due_s)
    seen, cursor = [], None
    for _ in range(3):
        found = await house.inbox.page(
            TUTOR, state="open", assignees=[], task_id=None, sort="due", cursor=cursor, limit=1
        )
        seen += [one.due_at for one in found.data]
        cursor = found.next_cursor
    assert (seen == sorted(seen), len(seen), cursor) == (True, 3, None)


async def test_a_task_that_ends_closes_its_question(build, turned_clock):
    house = build()
    job, request, _ = await asked(house)
    await house.house.queue.cancel(SITE, job.id)
    with pytest.raises(RequestExpired):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer=1))
    closing = Closing(house.db, "task.flow", turned_clock)
    assert await closing.all() == 1
    assert await closing.all() == 0
    assert (await house.inbox.get(TUTOR, request.id)).state == "cancelled"


@pytest.mark.parametrize("end", ["expired", "cancelled"])
async def test_a_retry_asks_again_what_nobody_answered(build, turned_clock, end):
    house = build(a=[BackendDown("It is down.")])
    job = await house.run(call("a", retry={"max": 1}), person(due_s=60, assignees=["user:an"]), beats=2)
    (first,) = await house.asked()
    executor = await house.executor()
    if end == "expired":
        turned_clock.turn(61)
        await executor.work(2)
        assert (await house.job(job)).error["code"] == "expired"
    else:
        await house.house.queue.cancel(SITE, job.id)
        async with house.db.begin() as tx:
            await asking.cancel(tx, [job.id], turned_clock.now_s())
    assert [one.state for one in await house.asked()] == [end]
    await house.house.queue.retry(SITE, job.id)
    await executor.work(2)
    (again,) = await house.asked()
    assert (again.id, again.state, again.due_at > first.due_at) == (first.id, "open", end == "expired")
    assert (await house.kinds(job)).count("human.requested") == 2
    await house.inbox.answer(TUTOR, again.id, AnswerAsk(answer="late"))
    await executor.work(2)
    assert (await house.job(job)).result == "late"


async def test_links_decide_once(build, turned_clock):
    house = build()
    job, request, executor = await asked(house, assignees=["user:an"], due_s=600)
    link = await house.inbox.make_link(SITE, request.id, LinkAsk(assignee="user:an"))
    other = await house.inbox.make_link(SITE, request.id, LinkAsk(assignee="user:bo", expires_in_s=5))
    token = link.path.rpartition("/")[2]
    for _ in range(3):
        assert (await house.inbox.look(token)).state == "open"
    with pytest.raises(NotFound):
        await house.inbox.look(token + "x")
    done = await house.inbox.decide_by_link(token, Decision("answer", {"x": 1}))
    assert done.answered_by == "user:an"
    with pytest.raises(AlreadyAnswered):
        await house.inbox.decide_by_link(token, Decision("answer", {"x": 2}))
    with pytest.raises(AlreadyAnswered):
        await house.inbox.look(other.path.rpartition("/")[2])
    await executor.work()
    assert (await house.job(job)).result == {"x": 1}
    _, request, _ = await asked(house, due_s=600)
    late = await house.inbox.make_link(SITE, request.id, LinkAsk(assignee="user:an", expires_in_s=5))
    turned_clock.turn(6)
    with pytest.raises(RequestExpired):
        await house.inbox.decide_by_link(late.path.rpartition("/")[2], Decision("reject"))


async def test_what_failed_is_told_in_words(build):
    house = build(a=[BackendDown("Nobody listens at :9.")])
    await house.keep(call("a"), person(title="Help with {{ $.input.q }}", prefill="$.best_output"))
    await house.task({"q": "Việt"})
    await (await house.executor()).work()
    (request,) = await house.asked()
    assert request.title == "Help with Việt"
    assert [one["message"] for one in request.context["tries"]] == ["Nobody listens at :9."] * 2


async def test_ask_human_is_a_flow(build):
    house = build()
    given = {"question": "May it go out?", "form": FORM, "assignees": ["user:an"], "draft": {"text": "No."}}
    job = await house.task(given, name="ask_human")
    executor = await house.executor()
    await executor.work()
    (request,) = await house.asked()
    assert (request.title, request.assignees, request.draft) == (
        "May it go out?",
        ["user:an"],
        {"text": "No."},
    )
    with pytest.raises(Unprocessable):
        await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer={"text": ""}))
    await house.inbox.answer(TUTOR, request.id, AnswerAsk(answer={"text": "Yes."}))
    await executor.work()
    assert (await house.job(job)).result == {"answer": {"text": "Yes."}, "by": "human:user:an"}
    with pytest.raises(Unprocessable):
        await house.task({"question": ""}, name="ask_human")
    bad = await house.task({"question": "?", "form": {"$ref": "http://169.254.169.254/"}}, name="ask_human")
    await executor.work()
    assert (await house.job(bad)).error["code"] == "unprocessable"


def test_changes():
    assert changes({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3], "c/d": 0}) == [
        {"pointer": "/b/1", "before": 2, "after": 3},
        {"pointer": "/c~1d", "before": None, "after": 0},
    ]
    assert changes({"a": 1}, {"a": True}) == [{"pointer": "/a", "before": 1, "after": True}]
    assert changes([1], [1]) == []
