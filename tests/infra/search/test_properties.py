"""Whatever is written is found, by the rules and not by chance; the same on both databases."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.search.conftest import tidy_all
from infra.search.model import Model, folded_words
from roundhouse.core.settings import DbSettings
from roundhouse.infra.db import Database

SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = [
    "thời", "thoi", "tiết", "má", "ma", "đăng", "weather", "weathers", "user_id", "getUserName", "a1b2c3", "天气",
    "北京的天气", "北京", "בראשית", "האוויר", "אוויר", "run", "running", "ガス", "カス", "the", "the", "🚀", "x",
]  # fmt: skip
texts = st.lists(st.sampled_from(WORDS), min_size=0, max_size=8).map(" ".join)
queries = st.lists(st.sampled_from([*WORDS, "wea", "ser_", "none", "天", "רא"]), min_size=1, max_size=3).map(
    " ".join
)
anything = st.text(max_size=30)
_names = itertools.count()


def entries_of(desk, written, prefix):
    return [
        desk.entry(f"{prefix}-{place}", text, role=role, at_s=float(at_s))
        for place, (text, role, at_s) in enumerate(written)
    ]


corpora = st.lists(
    st.tuples(texts, st.sampled_from(["user", "assistant"]), st.integers(0, 3)), min_size=1, max_size=14
)


@SOME
@given(written=corpora, asked=st.lists(queries, min_size=1, max_size=4), tidied=st.booleans())
async def test_the_order_is_that_of_the_model(db, desk_for, written, asked, tidied):
    name = f"e{next(_names)}"
    desk = desk_for(db)
    desk.site_id = name
    entries = entries_of(desk, written, name)
    half = len(entries) // 2
    await desk.add(*entries[:half])
    for entry in entries[half:]:
        await desk.add(entry)
    if tidied:
        await tidy_all(db)
    model = Model(entries)
    for text in asked:
        hits = (await desk.hits(text, limit=10)).hits
        expected = model.ids(text, 10)
        assert [hit.ref_id for hit in hits] == [ref_id for ref_id, _score in expected], text
        assert [hit.score for hit in hits] == pytest.approx([score for _ref_id, score in expected])
        ours = await desk.ids(text, limit=10, role="user")
        assert ours == [one for one, _ in model.ids(text, 10, lambda entry: entry.role == "user")], text


@SOME
@given(text=anything | texts, others=st.lists(anything | texts, max_size=3))
async def test_a_text_is_found_by_each_of_its_words(db, desk_for, text, others):
    name = f"w{next(_names)}"
    desk = desk_for(db)
    desk.site_id = name
    await desk.write({f"{name}-it": text} | {f"{name}-{place}": other for place, other in enumerate(others)})
    for word in sorted(folded_words(text)):
        assert f"{name}-it" in await desk.ids(word), word
    if folded_words(text):
        assert f"{name}-it" in await desk.ids(text, quotes=False)


@pytest.mark.postgres
@SOME
@given(
    written=st.lists(st.tuples(texts, st.sampled_from("ab"), st.integers(0, 2)), min_size=1, max_size=14),
    gone=st.sets(st.integers(0, 13), max_size=4),
    again=st.sets(st.integers(0, 13), max_size=4),
    asked=st.lists(queries, min_size=1, max_size=4),
    tidied=st.booleans(),
)
async def test_both_databases_answer_alike(both, desk_for, written, gone, again, asked, tidied):
    name = f"b{next(_names)}"
    answers = []
    for db in both:
        desk = desk_for(db)
        desk.site_id = name
        entries = entries_of(desk, written, name)
        await desk.add(*entries)
        await desk.add(*[entries[place] for place in sorted(again) if place < len(entries)])
        await desk.remove(*[f"{name}-{place}" for place in gone])
        # On one of them only: how the postings lie must not matter.
        if tidied and db is both[0]:
            await tidy_all(db)
        answers.append(
            [await desk.hits(text, limit=10, match=match) for text in asked for match in ("all_first", "any")]
        )
    assert answers[0] == answers[1]


@pytest.fixture
async def both(sqlite_url, postgres_url):
    databases = [Database(DbSettings(), url) for url in (sqlite_url, postgres_url)]
    yield databases
    for db in databases:
        await db.close()
