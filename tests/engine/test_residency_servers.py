from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.residency_fakes import (
    SIZES,
    Control,
    FakeClock,
    FakeFootprints,
    FakeServer,
    KillableServer,
    Open,
    card,
    settle,
)
from roundhouse.core.errors import (
    BackendFailed,
    ModelNotFound,
)
from roundhouse.core.settings import EngineSettings
from roundhouse.core.types import Device, ModelInfo, Provider, RunningModel
from roundhouse.engine.model import Backends, Target
from roundhouse.engine.residency import Residency
from roundhouse.infra.probe import FakeProbe


async def test_memory_that_does_not_come_back_is_booked_and_told(house: Open) -> None:
    it = await house()
    it.server.leaks_mib = 2000
    use = it.begin("medium")
    await it.clock.advance(10)
    await use
    with capture_logs() as logs:
        unload = asyncio.create_task(it.residency.unload("srv/medium"))
        await it.clock.advance(10)
        await unload
    assert it.device().unmanaged_mib == 2000 and it.device().used_mib == 0
    assert any("2000 MiB on cuda:0 did not come back" in one.get("problem", "") for one in logs)
    it.probe.use("cuda:0", 0)
    await it.clock.advance(1)
    await it.residency.refresh()
    assert it.device().unmanaged_mib == 0


async def test_a_process_that_keeps_memory_is_ended(house: Open) -> None:
    it = await house(KillableServer)
    it.server.leaks_mib = 2000
    use = it.begin("medium")
    await it.clock.advance(10)
    await use
    unload = asyncio.create_task(it.residency.unload("srv/medium"))
    await it.clock.advance(10)
    await unload
    assert it.server.calls == ["load medium", "unload medium", "kill medium"]
    assert it.device().unmanaged_mib == 0
    it.server.leaks_mib, it.server.keeps = 0, True
    use = it.begin("medium")
    await it.clock.advance(10)
    await use
    unload = asyncio.create_task(it.residency.unload("srv/medium"))
    await it.clock.advance(10)
    await unload
    assert it.server.calls[3:] == ["load medium", "unload medium", "kill medium"]
    assert it.device().used_mib == 0


@pytest.mark.parametrize("how", ["refuses", "keeps"])
async def test_a_model_that_does_not_leave_is_still_counted_and_asked_again_later(
    house: Open, how: str
) -> None:
    it = await house(queue_timeout_s=1000)
    use = it.begin("medium")
    await it.clock.advance(10)
    await use
    if how == "refuses":
        it.server.fail_unloads = BackendFailed("no")
    else:
        it.server.keeps = True
    with capture_logs() as logs:
        unload = asyncio.create_task(it.residency.unload("srv/medium"))
        await it.clock.advance(10)
        with pytest.raises(BackendFailed):
            await unload
    assert any("could not be unloaded" in one.get("problem", "") for one in logs)
    assert it.device().used_mib == 3000
    large = it.begin("large")
    await it.clock.advance(5)
    assert it.server.calls.count("unload medium") == 1
    it.server.fail_unloads, it.server.keeps = None, False
    await it.residency.start()
    await it.clock.advance(60)
    await large
    assert it.server.calls.count("unload medium") == 2


async def test_models_loaded_by_others_are_adopted_and_left_in_peace(house: Open) -> None:
    it = await house(keep_alive_s=5)
    it.server.take("medium")
    it.server.expires_at_s = it.clock.now_s() + 20
    await it.residency.start()
    assert it.state("medium").expires_at == pytest.approx(it.clock.now_s() + 20)
    assert it.loaded() == {"medium"}
    assert it.device().used_mib == 3000 and it.device().unmanaged_mib == 0
    await it.clock.advance(60)
    assert it.loaded() == {"medium"}, "whoever loaded it may still want it"
    use = it.begin("medium", 1)
    await it.clock.advance(2)
    await use
    assert it.server.calls == []
    await it.clock.advance(30)
    assert it.loaded() == set(), "once used from here it follows the rules of the house"


async def test_adopted_models_make_room_for_others(house: Open) -> None:
    it = await house()
    it.server.take("medium")
    await it.residency.refresh()
    use = it.begin("large", 1)
    await it.clock.advance(10)
    await use
    assert it.server.calls == ["unload medium", "load large"]


async def test_a_server_that_dies_takes_its_residents_with_it(house: Open) -> None:
    it = await house()
    use = it.begin("medium", 100)
    await it.clock.advance(10)
    it.server.lose("medium")
    await it.residency.refresh()
    assert it.loaded() == {"medium"}, "in use: the server loads it again with the next request"
    it.server.down = True
    await it.clock.advance(1)
    await it.residency.refresh()
    assert it.loaded() == set() and it.device().used_mib == 0
    it.server.down = False
    again = it.begin("medium", 1)
    await it.clock.advance(7)
    await again
    assert it.server.calls == ["load medium", "load medium"]
    await it.clock.advance(100)
    await use
    assert it.state("medium").leases == 0


async def test_memory_taken_by_other_programs_shrinks_the_room(house: Open) -> None:
    it = await house(queue_timeout_s=1000)
    for model in ("medium", "other"):
        use = it.begin(model)
        await it.clock.advance(10)
        await use
    it.probe.use("cuda:0", 6000 + 4000)
    await it.residency.refresh()
    await it.clock.advance(5)
    assert it.device().unmanaged_mib == 4000
    assert len(it.loaded()) == 1
    large = it.begin("large")
    await it.clock.advance(20)
    assert not large.done()
    it.probe.use("cuda:0", sum(it.server.holding.values()))
    await it.residency.refresh()
    await it.clock.advance(20)
    await large


async def test_a_model_that_a_server_put_into_ram_is_counted_there(house: Open) -> None:
    class InRam(FakeServer):
        async def measure(self) -> list[RunningModel]:
            return [RunningModel(model, ram_mib=mib) for model, mib in self.holding.items()]

    it = await house(InRam)
    tasks = [it.begin("medium"), it.begin("medium", exclusive=True)]
    await it.clock.advance(20)
    await asyncio.gather(*tasks)
    assert it.state("medium").device == "cpu"
    assert it.device("cpu").used_mib == 3000 and it.device().used_mib == 0


async def test_a_provider_without_memory_is_leased_freely(house: Open) -> None:
    it = await house()
    async with it.residency.lease("cloud/gpt") as lease:
        assert lease.target == "cloud/gpt"
    assert it.residency.status() == []


async def test_a_removed_provider_fails_its_waiters(house: Open) -> None:
    it = await house()
    user = it.begin("large", 5)
    await it.clock.advance(6)
    waiter = it.begin("medium")
    await settle()
    it.residency.forget("srv")
    with pytest.raises(ModelNotFound):
        await waiter
    await it.clock.advance(10)
    await user
    assert it.residency.status() == []


async def test_targets_of_the_engine_bring_their_provider_along() -> None:
    clock, probe = FakeClock(), card()
    residency = Residency(EngineSettings(keep_alive_s=100), probe, clock)
    await residency.prepare()
    control = Control(FakeServer(clock, probe, {"m:latest": 3000}))
    backends = Backends(
        Provider(name="desk", kind="ollama", url="http://127.0.0.1:1"), None, None, None, control
    )
    target = Target("m:latest", backends, ModelInfo("m:latest", parameters_b=3, quantization="Q4_0"))
    load = asyncio.create_task(residency.load(target))
    await clock.advance(6)
    await load
    assert control.kept and control.kept[0] is not None and control.kept[0] > 100
    assert [(one.target, one.state, one.device) for one in residency.status()] == [
        ("desk/m:latest", "loaded", "cuda:0")
    ]
    residency.configure([backends])
    assert residency.is_loaded("desk/m:latest")
    residency.configure([])
    assert residency.status() == []
    unmanaged = Backends(
        Provider(name="cloud", kind="openai"), None, None, None, Control(control.server, manages_memory=False)
    )
    residency.configure([unmanaged])
    async with residency.lease(Target("x", unmanaged, None)):
        assert residency.status() == []
    await residency.close()


@pytest.mark.parametrize(
    ("url", "options", "device", "budget_mib"),
    [
        ("http://127.0.0.1:11434", {}, "cuda:0", 7952),
        ("http://localhost:11434", {"device": "cpu"}, "cpu", 19_200),
        ("http://192.168.1.9:11434", {}, "server:p", None),
        ("http://gpu-box:11434", {"memory_mib": 4000}, "server:p", 4000),
        ("", {}, "cuda:0", 7952),
    ],
)
async def test_where_the_models_of_a_provider_live(
    url: str, options: dict[str, Any], device: str, budget_mib: int | None
) -> None:
    clock, probe = FakeClock(), card()
    residency = Residency(EngineSettings(), probe, clock)
    await residency.prepare()
    control = Control(FakeServer(clock, probe, {"m": 3000}))
    residency.configure([Backends(Provider("p", "ollama", url, options=options), None, None, None, control)])
    load = asyncio.create_task(residency.load("p/m", info=ModelInfo("m", parameters_b=1)))
    await clock.advance(6)
    await load
    assert residency.status()[0].device == device
    assert next(one.budget_mib for one in residency.devices() if one.device == device) == budget_mib
    await residency.close()


async def test_a_machine_without_a_card_counts_ram() -> None:
    clock = FakeClock()
    probe = FakeProbe([Device("cpu", "Made-up", 10_000, 1000)])
    residency = Residency(EngineSettings(ram_share=0.5), probe, clock)
    await residency.prepare()
    server = FakeServer(clock, probe, {"m": 3000}, device="cpu")
    residency.register("srv", server)
    load = asyncio.create_task(residency.load("srv/m", info=ModelInfo("m", parameters_b=1)))
    await clock.advance(6)
    await load
    (use,) = residency.devices()
    assert (use.device, use.budget_mib, use.used_mib) == ("cpu", 5000, 3000)
    unload = asyncio.create_task(residency.unload("srv/m"))
    await clock.advance(6)
    await unload
    await residency.close()


async def test_providers_may_be_known_before_the_machine_was_looked_at() -> None:
    clock, probe = FakeClock(), card()
    server = FakeServer(clock, probe, dict(SIZES))
    server.take("medium")
    residency = Residency(EngineSettings(), probe, clock)
    residency.configure([Backends(Provider("desk", "ollama"), None, None, None, Control(server))])
    await residency.start()
    assert [(one.target, one.device) for one in residency.status()] == [("desk/medium", "cuda:0")]
    assert [(one.device, one.used_mib) for one in residency.devices()] == [("cuda:0", 3000), ("cpu", 0)]
    await residency.close()


async def test_a_server_that_hangs_delays_neither_start_nor_deadlines() -> None:
    class Hanging(FakeServer):
        async def measure(self) -> list[RunningModel]:
            await asyncio.Event().wait()
            return []

    clock, probe = FakeClock(), card()
    residency = Residency(EngineSettings(keep_alive_s=5), probe, clock, FakeFootprints({"good/small": 1000}))
    residency.register("bad", Hanging(clock, probe, dict(SIZES)))
    good = FakeServer(clock, probe, dict(SIZES))
    residency.register("good", good)
    began_s = asyncio.get_running_loop().time()
    await residency.start()
    assert asyncio.get_running_loop().time() - began_s < 4
    load = asyncio.create_task(residency.load("good/small"))
    await clock.advance(6)
    await load
    await clock.advance(30)
    assert good.holding == {}
    await residency.close()
