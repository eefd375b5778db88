from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput, NotAllowed
from roundhouse.core.types import ALL_SCOPES, Caller, Limits
from roundhouse.features.access.rights import Grant, check_covered, globs_within, inherit, narrow, tenant_id

ANNA = Caller("key_a", site_id="north", scopes=frozenset({"inference", "keys"}))
ADMIN = Caller("key_r", scopes=frozenset({"admin"}))


def test_headers_name_the_user_and_fewer_scopes():
    caller = narrow(
        ANNA, {"x-user-id": "u7", "x-app-id": "shop", "x-scopes": "inference, ops", "x-site-id": "north"}
    )
    assert (caller.site_id, caller.user_id, caller.app_id) == ("north", "u7", "shop")
    assert caller.scopes == {"inference"}
    assert narrow(ANNA, {}) == ANNA
    assert narrow(ANNA, {"x-scopes": "admin"}).scopes == frozenset()
    assert narrow(ADMIN, {"x-scopes": "keys"}).scopes == {"keys"}


def test_headers_never_widen():
    with pytest.raises(NotAllowed):
        narrow(ANNA, {"x-site-id": "south"})
    bound = Caller("key_b", user_id="u1", app_id="a1")
    assert narrow(bound, {"x-user-id": "u1"}).user_id == "u1"
    with pytest.raises(NotAllowed):
        narrow(bound, {"x-user-id": "u2"})
    with pytest.raises(NotAllowed):
        narrow(bound, {"x-app-id": "a2"})


def test_an_admin_may_act_for_any_tenant():
    assert narrow(ADMIN, {"x-site-id": "south"}).site_id == "south"


@pytest.mark.parametrize("value", ["a\nb", " a", "a ", "ü", "x" * 201, "\x00"])
def test_ids_are_printable_and_short(value):
    with pytest.raises(BadInput):
        tenant_id(value, "X-User-Id")


def test_ids_that_are_fine():
    assert tenant_id("x" * 200, "X-User-Id") == "x" * 200
    assert tenant_id("mail+tag@example.org / 7", "X-User-Id") is not None
    assert tenant_id("", "X-User-Id") is None


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        (["a/b"], ["a/*"], True),
        (["a/*"], ["a/*"], True),
        (["a/b*"], ["a/*"], True),
        (["*"], ["a/*"], False),
        ([], ["a/*"], False),
        ([], [], True),
        (["a/*"], [], True),
        (["a?"], ["a*"], True),
        (["a*"], ["a?"], False),
        (["a[bc]"], ["a?"], False),
        (["a/b", "c"], ["a/*", "c"], True),
        (["a/b", "d"], ["a/*", "c"], False),
    ],
)
def test_patterns_within_patterns(inner, outer, within):
    assert globs_within(inner, outer) is within


@st.composite
def filled_patterns(draw) -> tuple[str, str]:
    """A pattern, and another that looks as if it lay within: its wildcards are replaced by patterns."""
    outer = draw(st.text(alphabet="ab*?[]", min_size=1, max_size=5))
    filling = st.text(alphabet="ab*?[]!", max_size=3)
    return "".join(draw(filling) if sign in "*?" else sign for sign in outer) or "*", outer


@given(
    pair=filled_patterns(), tried=st.lists(st.text(alphabet="ab*?[]", max_size=6), min_size=10, max_size=40)
)
def test_a_pattern_within_another_matches_nothing_else(pair, tried):
    inner, outer = pair
    if not globs_within([inner], [outer]):
        return
    for name in tried:
        if fnmatchcase(name, inner):
            assert fnmatchcase(name, outer)


globs = st.lists(st.sampled_from(["a/*", "a/b", "b", "*", "a/b*"]), max_size=2).map(tuple)
amounts = st.one_of(st.none(), st.integers(1, 5))
limits = st.builds(
    Limits,
    requests_per_minute=amounts,
    tokens_per_minute=amounts,
    concurrent_requests=amounts,
    budget_usd=amounts,
    budget_tokens=amounts,
    budget_period=st.sampled_from(["day", "month", "total"]),
)
scopes = st.frozensets(st.sampled_from(ALL_SCOPES), max_size=3)
ids = st.sampled_from([None, "u1", "u2"])
ends = st.one_of(st.none(), st.integers(1, 4).map(float))
callers = st.builds(
    Caller,
    key_id=st.just("key_m"),
    site_id=st.sampled_from(["s1", "s2"]),
    user_id=ids,
    app_id=ids,
    scopes=scopes,
    models=globs,
    routes=globs,
    limits=limits,
    expires_at_s=ends,
)
grants = st.builds(
    Grant,
    site_id=st.sampled_from(["s1", "s2"]),
    user_id=ids,
    app_id=ids,
    scopes=scopes,
    models=globs,
    routes=globs,
    limits=limits,
    expires_at_s=ends,
)
RANK = {"day": 0, "month": 1, "total": 2}


def no_more(given_: float | None, bound: float | None) -> bool:
    return bound is None or (given_ is not None and given_ <= bound)


@given(maker=callers, wanted=grants)
def test_a_key_is_never_wider_than_its_maker(maker, wanted):
    grant = inherit(maker, wanted)
    try:
        check_covered(maker, grant)
    except NotAllowed:
        return
    assert all(maker.may(scope) for scope in grant.scopes)
    assert grant.site_id == maker.site_id or "admin" in maker.scopes
    assert maker.user_id in (None, grant.user_id)
    assert maker.app_id in (None, grant.app_id)
    for name in ("a/b", "a/c", "b", "c", "a/bb"):
        for mine, theirs in ((maker.models, grant.models), (maker.routes, grant.routes)):
            if not theirs or any(fnmatchcase(name, pattern) for pattern in theirs):
                assert not mine or any(fnmatchcase(name, pattern) for pattern in mine)
    for field in (
        "requests_per_minute",
        "tokens_per_minute",
        "concurrent_requests",
        "budget_usd",
        "budget_tokens",
    ):
        assert no_more(getattr(grant.limits, field), getattr(maker.limits, field))
    if maker.limits.budget_usd is not None or maker.limits.budget_tokens is not None:
        assert RANK[grant.limits.budget_period] >= RANK[maker.limits.budget_period]
    assert no_more(grant.expires_at_s, maker.expires_at_s)


@given(maker=callers)
def test_a_maker_can_always_hand_on_what_it_has(maker):
    same = Grant(
        maker.site_id,
        None,
        None,
        frozenset(filter(maker.may, ALL_SCOPES)),
        (),
        (),
        Limits(budget_period=maker.limits.budget_period),
        None,
    )
    check_covered(maker, inherit(maker, same))
