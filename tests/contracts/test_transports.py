"""What every transport promises (`core.transports.Transport`), over the fake, this process, and a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from peers.mcp_servers import tool_server
from peers.modules import NoFiles, module_server, transport_context
from roundhouse.core.errors import (
    BackendBusy,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    BadInput,
    NotLocal,
    RoundhouseError,
    TargetRefused,
)
from roundhouse.core.registry import TRANSPORTS, open_transport
from roundhouse.core.transports import CapabilityCall, CapabilityReply, Transport
from roundhouse.core.types import Caller

CALLER = Caller("key_test", site_id="north")
BOUND = msgspec.structs.replace(CALLER, local_only=True)


@dataclass
class Bench:
    """A transport and its endpoints by what is behind them: `echo`, `slow`, `null`, `refused` and the like."""

    transport: Transport
    endpoints: dict[str, dict[str, Any]]
    keys: list[str]


Opened = Callable[[], AbstractAsyncContextManager[Bench]]
FAULTS: dict[str, type[RoundhouseError]] = {
    "refused": BackendRefused,
    "unusable": TargetRefused,
    "busy": BackendBusy,
    "down": BackendDown,
    "failed": BackendFailed,
}


@asynccontextmanager
async def fake() -> AsyncIterator[Bench]:
    async with transport_context() as context:
        transport: Any = open_transport("fake", context)
        endpoints: dict[str, dict[str, Any]] = {name: {"fail": name} for name in FAULTS}
        endpoints["busy"]["retry_after_s"] = 7.0
        endpoints |= {"echo": {}, "slow": {"delay_s": 30.0}, "null": {"answer": None}}
        bench = Bench(transport, endpoints, [])
        yield bench
        bench.keys += [call.idempotency_key for call in transport.calls]


def _fault(error: RoundhouseError) -> Callable[[Caller, Any], Awaitable[Any]]:
    async def fail(caller: Caller, given: Any) -> Any:
        raise error

    return fail


async def _echo(caller: Caller, given: Any) -> Any:
    assert caller in (CALLER, BOUND)
    return given


async def _slow(caller: Caller, given: Any) -> Any:
    await asyncio.sleep(30)


async def _null(caller: Caller, given: Any) -> Any:
    return None


@asynccontextmanager
async def inproc() -> AsyncIterator[Bench]:
    verbs: dict[str, Callable[[Caller, Any], Awaitable[Any]]] = {
        name: _fault(kind("It was told to.", retry_after_s=7.0)) for name, kind in FAULTS.items()
    }
    verbs |= {"echo": _echo, "slow": _slow, "null": _null}
    async with transport_context(verbs=verbs) as context:
        yield Bench(open_transport("inproc", context), {name: {"verb": name} for name in verbs}, [])


@asynccontextmanager
async def http() -> AsyncIterator[Bench]:
    async with module_server() as server, transport_context() as context:
        statuses = {"refused": 422, "unusable": 403, "busy": 429, "down": 503, "failed": 500}
        endpoints = {name: {"url": f"{server.url}/status/{status}"} for name, status in statuses.items()}
        endpoints |= {name: {"url": f"{server.url}/{name}"} for name in ("echo", "slow", "null")}
        bench = Bench(open_transport("http", context), endpoints, [])
        yield bench
        bench.keys += [one.headers["idempotency-key"] for one in server.seen]


@asynccontextmanager
async def mcp() -> AsyncIterator[Bench]:
    tools = ("echo", "slow", "null", "refused", "failed")
    async with tool_server(*tools) as server, transport_context() as context:
        endpoints = {name: {"url": f"{server.url}/mcp", "tool": name} for name in tools}
        statuses = {"unusable": 403, "busy": 429, "down": 503}
        endpoints |= {
            name: {"url": f"{server.url}/status/{status}", "tool": "echo"}
            for name, status in statuses.items()
        }
        bench = Bench(open_transport("mcp", context), endpoints, [])
        yield bench
        bench.keys += [meta["dev.roundhouse/idempotency-key"] for _, _, meta in server.calls]


CASES: dict[str, Opened] = {"fake": fake, "inproc": inproc, "http": http, "mcp": mcp}


@pytest.fixture(params=CASES)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with CASES[request.param]() as opened:
        yield opened
        await opened.transport.close()


async def ask(
    bench: Bench, name: str, given: Any = None, timeout_s: float = 20.0, caller: Caller = CALLER
) -> CapabilityReply:
    call = CapabilityCall(
        capability=f"module.{name}",
        endpoint=bench.endpoints[name],
        input={} if given is None else given,
        caller=caller,
        idempotency_key="job_1:call:1",
        timeout_s=timeout_s,
        trusted=True,
    )
    return await bench.transport.call(call)


def test_every_transport_of_the_house_has_a_case() -> None:
    assert CASES.keys() <= TRANSPORTS.keys()


@pytest.mark.parametrize("given", [{"text": "Xin chào", "numbers": [1, 2.5, None, True]}, {}])
async def test_what_goes_in_arrives_whole(bench: Bench, given: Any) -> None:
    reply = await ask(bench, "echo", given)
    assert reply.output == given


async def test_what_is_inside_is_asked_for_who_may_not_leave(bench: Bench) -> None:
    assert (await ask(bench, "echo", {"x": 1}, caller=BOUND)).output == {"x": 1}
    await bench.transport.check_inside(bench.endpoints["echo"], trusted=True)


OUTSIDE = {
    "fake": {"outside": True},
    "http": {"url": "http://8.8.8.8/solve"},
    "mcp": {"url": "http://[2606:4700::1111]/mcp", "tool": "echo"},
}


@pytest.mark.parametrize("kind", OUTSIDE)
async def test_what_is_outside_is_not_even_dialled_for_them(kind: str) -> None:
    async with transport_context() as context:
        transport: Any = open_transport(kind, context)
        bench = Bench(transport, {"away": OUTSIDE[kind]}, [])
        with pytest.raises(NotLocal):
            await transport.check_inside(OUTSIDE[kind], trusted=True)
        with pytest.raises(NotLocal):
            await ask(bench, "away", caller=BOUND, timeout_s=5.0)
        await transport.close()


async def test_nothing_is_an_answer_too(bench: Bench) -> None:
    assert (await ask(bench, "null")).output is None


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_of_the_class_that_says_what_comes_next(bench: Bench, fault: str) -> None:
    with pytest.raises(FAULTS[fault]) as caught:
        await ask(bench, fault)
    assert type(caught.value) is FAULTS[fault]
    if fault == "busy":
        assert caught.value.retry_after_s == 7.0


async def test_it_ends_at_its_time_limit(bench: Bench) -> None:
    with pytest.raises(BackendTimeout):
        await ask(bench, "slow", timeout_s=0.05)


async def test_endpoints_are_looked_at_when_they_are_registered(bench: Bench) -> None:
    for endpoint in bench.endpoints.values():
        bench.transport.check(endpoint, trusted=True)


async def test_a_repeated_call_has_the_same_key() -> None:
    for opened in (fake, http, mcp):
        async with opened() as bench:
            await ask(bench, "echo")
            await ask(bench, "echo")
        assert bench.keys == ["job_1:call:1", "job_1:call:1"]


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("fake", {"fail": "sometimes"}),
        ("inproc", {"verb": "fly"}),
        ("inproc", {}),
        ("http", {"method": "POST"}),
        ("mcp", {"url": "http://127.0.0.1/mcp"}),
        ("mcp", {"tool": "echo"}),
        ("mcp", {"tool": "echo", "url": "http://127.0.0.1/mcp", "server": "files"}),
        ("mcp", {"tool": "echo", "server": "files"}),
        ("mcp", {"tool": "echo", "command": ["sh"]}),
    ],
)
async def test_an_endpoint_that_nobody_can_call_is_refused(name: str, endpoint: dict[str, Any]) -> None:
    async with transport_context() as context:
        with pytest.raises(BadInput):
            open_transport(name, context).check(endpoint, trusted=True)


async def test_there_is_no_such_transport() -> None:
    async with transport_context(files=NoFiles()) as context:
        with pytest.raises(BadInput, match="no transport"):
            open_transport("pigeon", context)
