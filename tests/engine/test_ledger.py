"""Single decisions of the ledger that a random walk meets too seldom."""

from __future__ import annotations

import msgspec
import pytest

from roundhouse.core.errors import BackendFailed, DoesNotFit, RoundhouseError
from roundhouse.engine import memory
from roundhouse.engine.ledger import Ledger
from roundhouse.engine.memory import (
    Action,
    AddDevice,
    Event,
    Fail,
    Grant,
    Held,
    Inherit,
    Load,
    Loaded,
    Observed,
    Refusal,
    Release,
    Remember,
    Request,
    Resident,
    Settled,
    Settling,
    Tick,
    Unload,
    Unloaded,
    Used,
)


class Books:
    def __init__(self, budget_mib: int = 100, **settings: float) -> None:
        how = {"queue_depth": 10, "queue_timeout_s": 1000.0, "keep_alive_s": 1000.0, **settings}
        self.ledger = Ledger(**how)
        self.now_s = 0.0
        self.tell(AddDevice("cuda:0", budget_mib, budget_mib + 20))

    def tell(self, event: Event, after_s: float = 1.0) -> list[Action]:
        self.now_s += after_s
        return self.ledger.apply(event, self.now_s)

    def ask(self, ticket: str, target: str, mib: int = 10, *, exclusive: bool = False) -> list[Action]:
        return self.tell(Request(ticket, target, "cuda:0", mib, exclusive=exclusive))

    def hold(self, ticket: str, target: str, mib: int) -> None:
        self.ask(ticket, target, mib)
        assert Grant(ticket) in self.tell(Loaded(target, mib))

    def state(self, target: str) -> str:
        return next((one.state for one in self.ledger.residents() if one.target == target), "absent")


def test_a_look_that_is_older_than_a_change_changes_nothing() -> None:
    books = Books()
    began_s = books.now_s
    books.hold("t", "p/a", 10)
    books.tell(Release("t"))
    books.tell(Observed("p", (), began_s))
    assert books.state("p/a") == "loaded"
    books.tell(Used("cuda:0", 90, began_s))
    assert books.ledger.devices()[0].unmanaged_mib == 0
    before_unload_s = books.now_s + 0.5
    books.tell(memory.Drop("d", "p/a"))
    books.tell(Unloaded("p/a"))
    books.tell(Observed("p", (Held("p/a", "cuda:0", 10),), before_unload_s))
    assert books.state("p/a") == "absent"
    books.tell(Observed("p", (Held("p/a", "cuda:0", 10),), books.now_s + 0.5))
    assert books.state("p/a") == "loaded"


def test_whom_a_request_waits_for_is_not_decided_anew_all_the_time() -> None:
    books = Books()
    books.ask("a1", "p/a", 50)
    books.tell(Loaded("p/a", 50), 60)
    books.tell(Release("a1"))
    books.ask("a2", "p/a", 50)
    books.hold("b1", "p/b", 50)
    books.tell(Release("b1"), 100)
    assert Grant("b2") in books.ask("b2", "p/b", 50)
    # `a` is slow to load, but the leases on `b` are long: so `big` waits for `a`.
    assert books.ask("big", "p/big", 50) == []
    # They become short, and `b` would be the better choice now, but `a` was promised to leave.
    assert Grant("b3") in books.ask("b3", "p/b", 50)
    for number in range(20):
        books.tell(Release(f"b{number + 2}"), 0.01)
        assert Grant(f"b{number + 4}") in books.ask(f"b{number + 4}", "p/b", 50)
    assert books.ask("a3", "p/a", 50) == []
    actions = books.tell(Release("a2"))
    assert [one.target for one in actions if isinstance(one, Unload)] == ["p/a"]


def test_small_ones_pass_where_it_costs_the_first_nothing() -> None:
    books = Books(100)
    books.hold("a", "p/a", 60)
    assert books.ask("big", "p/big", 80) == []
    # 40 are free, and big will leave 20 beside it.
    assert books.ask("s1", "p/s1", 20) == [Load("p/s1", "cuda:0")]
    assert books.ask("s2", "p/s2", 20) == [], "this one would have delayed the big one"
    books.tell(Loaded("p/s1", 20))
    assert [type(one) for one in books.tell(Release("a"))] == [Unload]
    assert books.tell(Unloaded("p/a")) == [Load("p/big", "cuda:0")]


def test_waiters_for_what_is_being_loaded_do_not_time_out_and_do_not_count() -> None:
    books = Books(queue_depth=0, queue_timeout_s=10.0)
    books.ask("t1", "p/a")
    for number in range(2, 20):
        assert books.ask(f"t{number}", "p/a") == []
    assert books.tell(Tick(), 500) == []
    assert len(books.tell(Loaded("p/a", 10))) == 19 + 1


def test_the_dearest_to_bring_back_stays() -> None:
    books = Books()
    for target, seconds in (("p/slow", 60.0), ("p/quick", 1.0)):
        books.ask(target, target, 50)
        books.tell(Loaded(target, 50), seconds)
        books.tell(Release(target))
    actions = books.ask("t", "p/new", 40)
    assert actions == [Unload("p/quick", "cuda:0", 50)]
    place = books.ledger.place("t", books.now_s)
    assert place is not None and place.position == 1


def test_measured_footprints_count_before_estimates() -> None:
    books = Books()
    books.tell(Remember({"p/a": 101, "p/b": 5}))
    (refused,) = books.ask("t", "p/a", 10)
    assert isinstance(refused, Fail)
    assert isinstance(refused.refusal.error(), DoesNotFit)
    assert books.ask("u", "p/b", 500) == [Load("p/b", "cuda:0")]
    assert not books.ledger.fits("p/a", "cuda:0", 1)
    assert not books.ledger.fits("p/c", "cuda:9", 1)


def test_a_grown_measurement_sends_idle_ones_away_and_serves_its_own_waiters() -> None:
    books = Books()
    books.hold("a", "p/a", 40)
    books.tell(Release("a"))
    books.ask("b", "p/b", 50)
    actions = books.tell(Loaded("p/b", 80))
    assert Grant("b") in actions
    assert Unload("p/a", "cuda:0", 40) in actions


def test_a_server_that_takes_its_share_of_the_card_may_have_it_alone() -> None:
    books = Books()
    books.tell(AddDevice("cuda:0", 100, 120, alone_mib=120))
    books.hold("small", "p/small", 20)
    books.tell(Release("small"))
    books.ask("t", "p/vllm", 60)
    actions = books.tell(Loaded("p/vllm", 110))
    assert Grant("t") in actions
    assert Unload("p/small", "cuda:0", 20) in actions, "it takes the whole budget now"
    books.tell(Unloaded("p/small"))
    assert books.ask("s", "p/small", 20) == []
    assert books.tell(Release("t")) == [Unload("p/vllm", "cuda:0", 110)]
    assert books.tell(Unloaded("p/vllm")) == [Load("p/small", "cuda:0")]
    books.tell(Loaded("p/small", 20))
    assert books.ledger.fits("p/vllm", "cuda:0", 60)
    assert books.ask("t2", "p/vllm", 60) == []
    assert books.tell(Release("s")) == [Unload("p/small", "cuda:0", 20)]
    assert books.tell(Unloaded("p/small")) == [Load("p/vllm", "cuda:0")]
    actions = books.tell(Loaded("p/vllm", 121))
    assert [one.refusal.code for one in actions if isinstance(one, Fail)] == ["does_not_fit"]
    assert Unload("p/vllm", "cuda:0", 121) in actions
    (refused,) = books.ask("u", "p/estimated", 110)
    assert isinstance(refused, Fail), "an estimate must fit the budget"


def test_an_adopted_server_that_tells_no_size_holds_what_nobody_else_does() -> None:
    books = Books()
    books.tell(AddDevice("cuda:0", 100, 120, alone_mib=120))
    books.tell(Observed("p", (Held("p/vllm", "cuda:0"),), 5.0), 10)
    books.tell(Used("cuda:0", 90, books.now_s + 0.5))
    (use,) = books.ledger.devices()
    assert (use.used_mib, use.unmanaged_mib) == (90, 0)
    assert not books.ledger.residents()[0].measured
    assert books.ask("t", "p/other", 50) == [Unload("p/vllm", "cuda:0", 0)]


def left(target: str, state: memory.State, mib: int = 10, *, pinned: bool = False) -> Resident:
    return Resident(target, state, "cuda:0", mib, True, 0, pinned, None, None, 0)


def test_while_it_settles_nothing_is_granted_loaded_or_sent_away() -> None:
    books = Books(100, keep_alive_s=1.0, queue_depth=0)
    assert books.tell(Settling()) == []
    assert books.tell(Inherit((left("p/a", "loaded", 60), left("p/b", "loaded", 60)))) == []
    # More than there is room for, idle for too long, asked for, and told to leave: all of that waits.
    assert books.ask("t1", "p/a", 60) == []
    assert books.tell(Request("t2", "p/c", "cuda:0", 10, waited_s=500.0)) == []
    assert books.tell(memory.Drop("d", "p/b")) == []
    assert books.tell(Tick(), 5) == []
    assert books.tell(Request("h", "p/b", "cuda:0", 60, held=True)) == []
    assert books.tell(Used("cuda:0", 120, books.now_s + 0.5)) == []
    assert books.state("p/b") == "loaded"
    actions = books.tell(Settled())
    assert Unload("p/a", "cuda:0", 0) in actions, "over the budget: whoever is idle leaves"
    (refused,) = [one for one in actions if isinstance(one, Fail)]
    assert refused.ticket == "d" and "in use by 1" in refused.refusal.detail
    assert not [one for one in actions if isinstance(one, Grant)]
    assert books.tell(Settled()) == []


def test_the_order_of_arrival_outlives_a_ledger() -> None:
    books = Books(100)
    books.tell(Settling())
    books.tell(Request("h", "p/busy", "cuda:0", 100, held=True))
    books.ask("new", "p/new", 60)
    books.tell(Request("old", "p/old", "cuda:0", 60, waited_s=100.0))
    books.tell(Settled())
    places = [books.ledger.place(one, books.now_s) for one in ("old", "new")]
    assert [one and one.position for one in places] == [1, 2]
    late = books.tell(Tick(), 901)
    assert [one.ticket for one in late if isinstance(one, Fail)] == ["old"]


def test_what_a_former_ledger_was_doing_is_ended() -> None:
    books = Books(100)
    books.tell(Settling())
    former = (left("p/in", "loading", 60), left("p/out", "unloading", 30), left("p/too", "loading", 60))
    assert books.tell(Inherit(former)) == [Load("p/in", "cuda:0")]
    assert [books.state(one) for one in ("p/in", "p/out", "p/too")] == ["loading", "unloading", "loaded"]
    assert books.tell(Inherit(former)) == [], "another one tells the same"
    books.ask("t", "p/in", 60)
    assert books.tell(Loaded("p/in", 60)) == [memory.Learned("p/in", 60)]
    actions = books.tell(Settled())
    assert Unload("p/out", "cuda:0") in actions and Grant("t") in actions
    assert books.tell(Inherit((left("p/late", "loaded"),))) == []
    assert books.state("p/late") == "absent"


def test_hearsay_is_corrected_by_a_look_and_a_lease_is_not() -> None:
    books = Books(100)
    books.tell(Settling())
    books.tell(Inherit((left("p/a", "loaded"), left("p/b", "unloading"))))
    books.tell(Request("h", "p/b", "cuda:0", 10, held=True))
    assert books.state("p/b") == "loaded", "somebody uses it, so it did not leave"
    books.tell(Observed("p", (), books.now_s))
    assert (books.state("p/a"), books.state("p/b")) == ("absent", "loaded")
    assert books.tell(Settled()) == []
    books.tell(Release("h"))
    assert books.state("p/b") == "loaded"


def test_a_lease_told_twice_is_one_lease() -> None:
    books = Books()
    books.hold("t", "p/a", 10)
    assert books.ask("t", "p/a") == [Grant("t")]
    assert books.tell(Request("t", "p/a", "cuda:0", 10, held=True)) == []
    assert books.ledger.residents()[0].leases == 1
    books.tell(Release("t"))
    assert books.ledger.residents()[0].leases == 0


def test_a_model_in_use_that_turns_out_too_large_stays_until_it_is_given_back() -> None:
    books = Books(100, keep_alive_s=0.0)
    books.tell(Settling())
    books.tell(Inherit((left("p/a", "loading", 50),)))
    books.tell(Request("h", "p/a", "cuda:0", 50, held=True))
    books.ask("t", "p/a", 50)
    actions = books.tell(Loaded("p/a", 150))
    assert [type(one) for one in actions] == [memory.Learned, Fail]
    books.tell(Settled())
    assert books.state("p/a") == "loaded"
    assert Unload("p/a", "cuda:0", 150) in books.tell(Release("h"))


def test_events_and_actions_travel() -> None:
    """The ledger may stand behind a socket: everything goes through JSON and comes back the same."""
    books = Books()
    events: list[Event] = [
        Request("t", "p/a", "cuda:0", 10, exclusive=True),
        Loaded("p/a", 12),
        Observed("p", (Held("p/b", "cuda:0", 7),), 99.0),
    ]
    every_event = msgspec.json.Decoder(memory.Request | memory.Loaded | memory.Observed)
    every_action = msgspec.json.Decoder(memory.Load | memory.Grant | memory.Learned | memory.Unload)
    for event in events:
        sent = every_event.decode(msgspec.json.encode(event))
        assert sent == event
        for action in books.tell(sent):
            assert every_action.decode(msgspec.json.encode(action)) == action


@pytest.mark.parametrize(
    "error",
    [DoesNotFit("too large"), BackendFailed("x", status=503, retry_after_s=2.0), RoundhouseError("?")],
)
def test_errors_travel(error: RoundhouseError) -> None:
    sent = msgspec.json.decode(msgspec.json.encode(Refusal.of(error)), type=Refusal)
    back = sent.error()
    assert type(back) is type(error)
    assert (back.detail, back.status, back.retry_after_s) == (error.detail, error.status, error.retry_after_s)
    assert type(Refusal("no such code", "x").error()) is RoundhouseError
