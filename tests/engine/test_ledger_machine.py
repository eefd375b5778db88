"""A random walk over the ledger with a pretended machine behind it; the rules are checked after every step."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roundhouse.engine.ledger import STUCK_S, Ledger
from roundhouse.engine.memory import (
    AddDevice,
    DeviceUse,
    Done,
    Drop,
    Event,
    Fail,
    Forget,
    Grant,
    Held,
    Learned,
    Load,
    Loaded,
    LoadFailed,
    Observed,
    Pin,
    Refusal,
    Release,
    Request,
    Tick,
    Unload,
    Unloaded,
    UnloadFailed,
    Used,
    Warn,
)

CARD, BUDGET, CEILING = "cuda:0", 100, 115
RAM = "cpu"
MODELS = {
    "a/tiny": 5,
    "a/small": 20,
    "a/medium": 45,
    "b/large": 70,
    "b/whole": 100,
    "b/toolarge": 101,
    "c/onram": 30,
}
TARGETS = st.sampled_from(sorted(MODELS))
BAD = Refusal("backend_failed", "it broke")


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(queue_depth=6, queue_timeout_s=60, keep_alive_s=40)
        self.now_s = 1000.0
        self.serial = 0
        self.waiting: dict[str, tuple[str, bool]] = {}
        self.leases: dict[str, tuple[str, bool]] = {}
        self.drops: set[str] = set()
        self.loading: list[str] = []
        self.unloading: list[str] = []
        self.loaded: set[str] = set()
        self.pinned: set[str] = set()
        self.stuck_until_s: dict[str, float] = {}
        self.excused = False
        self.real_mib: dict[str, int] = {}
        self.unmanaged_mib = 0

    @initialize()
    def devices(self) -> None:
        self.tell(AddDevice(CARD, BUDGET, CEILING, alone_mib=110))
        self.tell(AddDevice(RAM, 60, 80))

    # The pretended machine

    def tell(self, event: Event) -> None:
        self.now_s += 0.001
        actions = self.ledger.apply(event, self.now_s)
        for action in actions:
            match action:
                case Load(target, device):
                    use = next(one for one in self.ledger.devices() if one.device == device)
                    assert self.claimed(use) <= self.room(use), "a load began although there was no room"
                    assert target not in self.loading + self.unloading and target not in self.loaded
                    self.loading.append(target)
                case Unload(target, _, _):
                    assert target in self.loaded
                    assert target not in self.pinned, "a pinned model was sent away"
                    assert not any(one == target for one, _ in self.leases.values()), (
                        "a leased model was sent away"
                    )
                    assert self.stuck_until_s.get(target, 0) <= self.now_s or isinstance(event, Drop)
                    self.loaded.discard(target)
                    self.unloading.append(target)
                case Grant(ticket):
                    self.granted(ticket)
                case Fail(ticket, refusal):
                    assert refusal.code in {"busy", "does_not_fit", "backend_failed", "model_not_found"}
                    if ticket in self.drops:
                        self.drops.discard(ticket)
                    else:
                        del self.waiting[ticket]
                case Done(ticket):
                    self.drops.remove(ticket)
                case Learned(target, mib):
                    assert mib > 0 and target in MODELS
                case Warn(target, text):
                    assert target and text
                case other:
                    raise AssertionError(other)

    def granted(self, ticket: str) -> None:
        target, exclusive = self.waiting.pop(ticket)
        assert target in self.loaded, "a lease on a model that is not there"
        device = self.device(target)
        for other, others_exclusive in self.leases.values():
            if other != target and self.device(other) == device and other in self.loaded:
                assert not exclusive and not others_exclusive, "two models where one wanted to be alone"
        if exclusive:
            beside = [one for one in [*self.loaded, *self.loading, *self.unloading] if one != target]
            beside = [one for one in beside if self.device(one) == device]
            assert set(beside) <= self.pinned, "an exclusive lease beside models that could leave"
        self.leases[ticket] = (target, exclusive)

    def claimed(self, use: DeviceUse, states: tuple[str, ...] = ("loading", "loaded", "unloading")) -> int:
        """What the models of a device take of its budget; one that is larger takes all of it."""
        return sum(
            min(one.footprint_mib, use.budget_mib or 0)
            for one in self.ledger.residents()
            if one.device == use.device and one.state in states
        )

    def room(self, use: DeviceUse) -> int:
        ceiling = CEILING if use.device == CARD else 80
        return min(use.budget_mib or 0, ceiling - use.unmanaged_mib)

    def device(self, target: str) -> str:
        return next((one.device for one in self.ledger.residents() if one.target == target), "")

    # What may happen

    @rule(model=TARGETS, exclusive=st.sampled_from([False, False, True]))
    def request(self, model: str, exclusive: bool) -> None:
        self.serial += 1
        ticket = f"t{self.serial}"
        self.waiting[ticket] = (model, exclusive)
        device = RAM if model == "c/onram" else CARD
        self.tell(Request(ticket, model, device, MODELS[model], exclusive=exclusive))

    @precondition(lambda self: self.leases or self.waiting)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted([*self.leases, *self.waiting])))
        # The owner's word counts at once: what it releases is answered no more.
        self.leases.pop(ticket, None)
        self.waiting.pop(ticket, None)
        self.tell(Release(ticket))
        self.tell(Release(ticket))

    @precondition(lambda self: self.loading)
    @rule(data=st.data(), ok=st.integers(0, 5), measured=st.sampled_from([None, 0.5, 0.9, 1.0, 1.3, 2.0]))
    def finish_load(self, data: st.DataObject, ok: int, measured: float | None) -> None:
        target = data.draw(st.sampled_from(self.loading))
        self.loading.remove(target)
        if ok == 0:
            self.tell(LoadFailed(target, BAD))
            return
        self.loaded.add(target)
        self.excused = True
        mib = (
            None
            if measured is None
            else self.real_mib.setdefault(target, max(1, int(MODELS[target] * measured)))
        )
        self.tell(Loaded(target, mib, RAM if ok == 1 and target == "a/small" else None))

    @precondition(lambda self: self.unloading)
    @rule(data=st.data(), how=st.integers(0, 6))
    def finish_unload(self, data: st.DataObject, how: int) -> None:
        target = data.draw(st.sampled_from(self.unloading))
        self.unloading.remove(target)
        if how == 0:
            self.loaded.add(target)
            self.stuck_until_s[target] = self.now_s + STUCK_S - 1
            self.tell(UnloadFailed(target, BAD))
        else:
            self.excused = self.excused or how == 1
            self.tell(Unloaded(target, 3 if how == 1 else 0))

    @rule(seconds=st.sampled_from([0.1, 5.0, 30.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds
        self.tell(Tick())
        due_s = self.ledger.next_deadline_s()
        assert due_s is None or due_s > self.now_s, "a Tick left something overdue"

    @rule(model=TARGETS, pinned=st.booleans())
    def pin(self, model: str, pinned: bool) -> None:
        known = model in self.loaded
        if pinned and not known:
            return
        (self.pinned.add if pinned else self.pinned.discard)(model)
        self.tell(Pin(model, pinned))

    @rule(model=TARGETS)
    def drop(self, model: str) -> None:
        self.serial += 1
        ticket = f"d{self.serial}"
        self.drops.add(ticket)
        leased = any(one == model for one, _ in self.leases.values())
        if model in self.loaded and not leased:
            self.pinned.discard(model)
        self.tell(Drop(ticket, model))

    @rule(provider=st.sampled_from("ab"), alive=st.integers(0, 4), data=st.data())
    def look(self, provider: str, alive: int, data: st.DataObject) -> None:
        """A look finds some models gone and some that nobody here loaded."""
        mine = [one for one in MODELS if one.startswith(provider) and one != "b/toolarge"]
        settled = [one for one in mine if one not in self.loading and one not in self.unloading]
        there = (
            set(data.draw(st.lists(st.sampled_from(settled), unique=True))) if settled and alive else set()
        )
        leased = {one for one, _ in self.leases.values()}
        self.now_s += 0.01
        self.excused = True
        for target in settled:
            if target in there or (alive and target in leased and target in self.loaded):
                self.loaded.add(target)
            else:
                self.loaded.discard(target)
        models = tuple(Held(one, CARD, self.real_mib.get(one, MODELS[one])) for one in sorted(there))
        self.tell(Observed(provider, models, self.now_s, alive=alive > 0))

    @rule(mib=st.sampled_from([0, 10, 60]))
    def others_use(self, mib: int) -> None:
        self.now_s += 0.01
        used = sum(
            one.footprint_mib
            for one in self.ledger.residents()
            if one.device == CARD and one.state == "loaded"
        )
        self.excused = True
        self.tell(Used(CARD, used + mib, self.now_s))

    @rule(rarely=st.integers(0, 5))
    def forget(self, rarely: int) -> None:
        if rarely or "c/onram" in self.loading + self.unloading:
            return
        self.leases = {ticket: one for ticket, one in self.leases.items() if one[0] != "c/onram"}
        self.loaded.discard("c/onram")
        self.pinned.discard("c/onram")
        self.tell(Forget("c"))

    # What always holds

    @invariant()
    def books_agree(self) -> None:
        shown = {one.target: one for one in self.ledger.residents()}
        for target in MODELS:
            state = shown[target].state if target in shown else "absent"
            expected = (
                "loading" if target in self.loading
                else "unloading" if target in self.unloading
                else "loaded" if target in self.loaded
                else "absent"
            )  # fmt: skip
            assert state == expected, (target, state, expected)
            leases = sum(one == target for one, _ in self.leases.values())
            assert (shown[target].leases if target in shown else 0) == leases, "a lease was lost or kept"
            queued = sum(one == target for one, _ in self.waiting.values())
            assert target not in shown or shown[target].queue_length == queued
        assert sum(one.queue_length for one in self.ledger.devices()) == len(self.waiting)

    @invariant()
    def within_budget(self) -> None:
        excused, self.excused = self.excused, False
        for use in self.ledger.devices():
            room = self.room(use)
            mine = [
                one for one in self.ledger.residents() if one.device == use.device and one.state != "absent"
            ]
            assert use.used_mib == sum(one.footprint_mib for one in mine)
            if self.claimed(use) <= room:
                continue
            self.excused = True
            assert excused, "over the budget without a measurement or others to blame"
            if self.claimed(use, ("loading", "loaded")) > room:
                for one in mine:
                    idle = one.state == "loaded" and not one.leases and not one.pinned
                    assert not idle or self.stuck_until_s.get(one.target, 0) > self.now_s - 1

    @invariant()
    def everybody_has_a_place(self) -> None:
        for ticket in self.waiting:
            place = self.ledger.place(ticket, self.now_s)
            assert place is not None and place.position >= 1 and place.expected_wait_s >= 0

    def teardown(self) -> None:
        """With everything going well from here on, everybody who waits is served: nobody starves."""
        self.tell(AddDevice(CARD, BUDGET, CEILING, alone_mib=110))
        self.tell(AddDevice(RAM, 60, 80))
        for target in sorted(self.pinned):
            self.pinned.discard(target)
            self.tell(Pin(target, False))
        self.now_s += STUCK_S + 1
        outcome_of = dict(self.waiting)
        # Waiters that time out while the machine is stuck are not what is looked at here.
        self.tell(Tick())
        self.tell(Used(RAM, 0, self.now_s + 1))
        for _ in range(300):
            if not (self.waiting or self.leases or self.loading or self.unloading or self.drops):
                break
            for target in list(self.loading):
                self.loading.remove(target)
                self.loaded.add(target)
                self.tell(Loaded(target, None))
            for target in list(self.unloading):
                self.unloading.remove(target)
                self.tell(Unloaded(target))
            for ticket in list(self.leases):
                del self.leases[ticket]
                self.tell(Release(ticket))
            if not self.loading and not self.unloading:
                self.now_s += 1
                for device in (CARD, RAM):
                    held = sum(
                        one.footprint_mib
                        for one in self.ledger.residents()
                        if one.device == device and one.state == "loaded"
                    )
                    self.tell(Used(device, held, self.now_s))
        assert not self.waiting, f"starved: {self.waiting} of {outcome_of}"
        assert not self.drops and not self.leases
        self.now_s += 1000
        self.tell(Tick())


LedgerMachine.TestCase.settings = settings(
    stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLedgerMachine = LedgerMachine.TestCase
