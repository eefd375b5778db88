"""Names to addresses that may be dialled."""

from __future__ import annotations

import pytest

from roundhouse.core.errors import AddressRefused, BackendDown
from roundhouse.infra.egress.addresses import OPERATOR_RULES, DialRules, parse_url
from roundhouse.infra.egress.resolving import Resolver


class Names:
    """Answers in turn."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def addresses(resolver: Resolver, url: str = "http://name.test/") -> list[str]:
    return [str(found.ip) for found in await resolver.resolve(parse_url(url))]


async def test_one_private_address_refuses_a_users_name() -> None:
    with pytest.raises(AddressRefused) as caught:
        await addresses(Resolver(DialRules(), Names(["8.8.8.8", "10.0.0.7"])))
    assert "10.0.0.7" not in caught.value.detail


async def test_operators_names_lose_only_what_is_never_called() -> None:
    names = Names(["fe80::1%eth0", "10.0.0.7"])
    assert await addresses(Resolver(OPERATOR_RULES, names)) == ["10.0.0.7"]
    with pytest.raises(AddressRefused):
        await addresses(Resolver(OPERATOR_RULES, Names(["fe80::1%eth0"])))


async def test_literals_are_not_looked_up() -> None:
    names = Names(["8.8.8.8"])
    assert await addresses(Resolver(OPERATOR_RULES, names), "http://[::1]/") == ["::1"]
    with pytest.raises(AddressRefused):
        await addresses(Resolver(DialRules(), names), "http://[::1]/")
    assert names.asked == 0


async def test_answers_are_kept_only_as_told() -> None:
    kept, fresh = Names(["10.0.0.1"], ["10.0.0.2"]), Names(["10.0.0.1"], ["10.0.0.2"])
    keeping, asking = Resolver(OPERATOR_RULES, kept, ttl_s=60), Resolver(OPERATOR_RULES, fresh, ttl_s=0)
    assert [await addresses(keeping), await addresses(keeping)] == [["10.0.0.1"], ["10.0.0.1"]]
    assert [await addresses(asking), await addresses(asking)] == [["10.0.0.1"], ["10.0.0.2"]]


async def test_the_system_knows_localhost() -> None:
    found = await addresses(Resolver(OPERATOR_RULES), "http://localhost/")
    assert set(found) <= {"127.0.0.1", "::1"}
    assert found


async def test_names_without_address() -> None:
    with pytest.raises(BackendDown):
        await addresses(Resolver(OPERATOR_RULES, Names([])))
