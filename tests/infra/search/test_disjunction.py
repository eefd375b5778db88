"""Questions that any word answers: one order, bounded reading, filters first."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.search.conftest import tidy_all
from infra.search.model import Model
from roundhouse.core.errors import BadInput
from roundhouse.infra.search.disjunction import Bounds
from roundhouse.infra.search.narrowing import MAX_AMONG

WORDS = ["red", "blue", "house", "má", "ma", "天气", "user_id", "user", "x", "the", "the", "the"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


async def test_one_order_of_all_that_has_any_word(desk):
    await desk.write(
        {"long": "red house " + "hill " * 40, "short": "red", "other": "house of blue", "no": "green"}
    )
    hits = (await desk.hits("red house", match="any")).hits
    assert {hit.ref_id for hit in hits} == {"long", "short", "other"}
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    # With all words first the long one would lead.
    assert hits[0].ref_id == "short"
    assert (await desk.ids("red house"))[0] == "long"


async def test_quotes_and_beginnings_mean_nothing(desk):
    await desk.write({"turned": "brown quick fox", "longer": "quicker"})
    assert await desk.ids('"quick brown"', match="any") == ["turned"]
    assert await desk.ids("quick", match="any") == ["turned"]


async def test_identifiers_are_found_by_their_parts(desk):
    await desk.write({"code": "def my_user_id_2(): pass"})
    assert await desk.ids("what is user_id?", match="any") == ["code"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    written=st.lists(texts, min_size=1, max_size=12),
    asked=st.lists(texts, min_size=1, max_size=3),
    tidied=st.booleans(),
)
async def test_it_is_plain_bm25_where_little_is_there(db, desk_for, written, asked, tidied):
    desk = desk_for(db)
    desk.site_id = f"{desk.site_id} any {len(written)}"
    shelf = str(random.random())
    entries = [
        desk.entry(f"{shelf}:{place}", text, shelf=shelf, at_s=float(place % 3))
        for place, text in enumerate(written)
    ]
    await desk.add(*entries)
    if tidied:
        await tidy_all(db)
    model = Model(entries)
    for text in asked:
        hits = (await desk.hits(text, shelf=shelf, match="any", limit=50)).hits
        expected = model.any_ids(text, 50)
        assert [hit.ref_id for hit in hits] == [ref_id for ref_id, _score in expected], text
        assert [hit.score for hit in hits] == pytest.approx([score for _ref_id, score in expected])


async def test_common_words_are_read_for_the_best_only(db, desk):
    chance = random.Random(3)
    entries = [
        desk.entry(
            f"m{number:03}",
            " ".join([*chance.choices(["the", "of", "in"], k=5), f"w{number % 7}", f"v{number % 31}"]),
        )
        for number in range(300)
    ]
    await desk.add(*entries)
    model = Model(entries)
    narrow = Bounds(whole=100, common=700, kept=60, enough=20)
    for text in ("the of w3 v5", "v30 of", "the"):
        expected = [ref_id for ref_id, _score in model.any_ids(text, 10)]
        assert await desk.first(text, 10, narrow) == expected, text
    for text in ("the in of w1", "the of in"):
        # Here common words that were not read would have told entries apart: there are as many all the same.
        expected = [ref_id for ref_id, _score in model.any_ids(text, 10)]
        found = await desk.first(text, 10, narrow)
        assert len(found) == len(expected) and found != expected, text
        assert await desk.first(text, 10, Bounds()) == expected, text


async def test_only_parts_of_these(desk):
    await desk.add(
        *[
            desk.entry(f"p{place}", "word and more", parent_id=f"d{place % 50}", at_s=1.0)
            for place in range(200)
        ]
    )
    for match in ("any", "all_first"):
        found = await desk.ids("word", match=match, among=["d7", "d8", "nowhere"], limit=100)
        assert found == sorted(f"p{place}" for place in range(200) if place % 50 in (7, 8))
        assert await desk.ids("word", match=match, among=[]) == []
        assert await desk.ids("word", match=match, among=["nowhere"]) == []
        many = [f"d{number}" for number in range(MAX_AMONG)]
        assert len(await desk.ids("word", match=match, among=many, limit=100)) == 100
        with pytest.raises(BadInput):
            await desk.ids("word", match=match, among=[*many, "one more"])


async def test_filters_come_first(db, desk):
    await desk.add(*[desk.entry(f"m{number:04}", "common word", parent_id="big") for number in range(1_500)])
    await desk.add(
        desk.entry(
            "mine",
            "common word in a long text " + "of no interest " * 30,
            parent_id="small",
            role="r",
            at_s=5.0,
        )
    )
    await tidy_all(db)
    for given_ in ({"among": ["small"]}, {"parent_id": "small"}, {"role": "r"}, {"until_s": 6.0}):
        assert await desk.ids("a common word", match="any", **given_) == ["mine"], given_
    assert await desk.ids("a common word", match="any", among=["small"], role="other") == []
    await desk.remove("mine")
    assert await desk.ids("a common word", match="any", among=["small"]) == []


async def test_who_is_bound_to_a_user_finds_its_own(desk):
    await desk.add(desk.entry("a", "word", user_id="u1"), desk.entry("b", "word", user_id="u2"))
    assert await desk.ids("word", match="any", user_id="u1") == ["a"]


async def test_pages_and_limits(desk):
    await desk.write({f"m{number:03}": "needle" + " hay" * (number % 9) for number in range(230)})
    whole = (await desk.hits("needle hay", match="any", limit=200)).hits
    assert len(whole) == 200
    pages, cursor = [], None
    for _page in range(4):
        page = await desk.hits("needle hay", match="any", limit=50, cursor=cursor)
        pages += page.hits
        cursor = page.next_cursor
    assert [hit.ref_id for hit in pages] == [hit.ref_id for hit in whole]
    with pytest.raises(BadInput):
        await desk.ids("needle", match="any", limit=201)
    with pytest.raises(BadInput):
        await desk.ids("needle", limit=101)


@pytest.mark.parametrize("match", ["any", "all_first"])
async def test_hits_without_snippets(desk, match):
    await desk.add(desk.entry("m", "some word", parent_id="s", at_s=12.5))
    (bare,) = (await desk.hits("word", match=match, snippets=False)).hits
    (shown,) = (await desk.hits("word", match=match)).hits
    assert (bare.ref_id, bare.parent_id, bare.at_s, bare.snippet) == ("m", "s", 12.5, ())
    assert bare.score == shown.score > 0
    assert [piece.text for piece in shown.snippet if piece.hit] == ["word"]


@pytest.mark.parametrize("text", ["", "???", '"', "\x00", "w " * 900, "' OR 1=1 --"])
async def test_any_question_is_answered(desk, text):
    await desk.write({"a": "some words"})
    assert isinstance(await desk.ids(text, match="any"), list)


async def test_scores_are_the_same_on_both_databases(db, desk):
    chance = random.Random(11)
    words = [*WORDS, *(f"n{number}" for number in range(40))]
    entries = [
        desk.entry(f"m{number:04}", " ".join(chance.choices(words, k=chance.randint(2, 30))), at_s=1.0)
        for number in range(900)
    ]
    await desk.add(*entries)
    for text in ("the red house of n3 and n4", "má 天气 n7 the", "user_id x n1 n2 n9"):
        hits = (await desk.hits(text, match="any", limit=50)).hits
        expected = Model(entries).any_ids(text, 50)
        # To the last digit, whatever database the lists came from: the model knows none.
        assert [(hit.ref_id, hit.score) for hit in hits] == expected, text
