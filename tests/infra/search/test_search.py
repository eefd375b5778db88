"""What is found, on each database."""

import pytest

from roundhouse.core.errors import BadInput
from roundhouse.infra.search.searching import MAX_HITS

# Eight documents and twenty queries in four languages; the last two queries need stemming and a tolerance for typing
# errors, of which there is neither, though the beginning of a word is enough.
DOCUMENTS = {
    "weather vi": "Thời tiết hôm nay ở Hà Nội rất đẹp",
    "account vi": "Bạn cần đăng ký tài khoản trước khi dùng",
    "coffee vi": "Cho tôi một ly cà phê sữa đá",
    "weather zh": "今天北京的天气很好，我们去公园",
    "learning zh": "机器学习是人工智能的一个分支",
    "genesis he": "בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם וְאֵת הָאָרֶץ",
    "weather he": "מזג האוויר היום נעים מאוד",
    "weather en": "The weather service keeps running; look at the column user_id",
}
QUERIES = {
    "thời tiết": "weather vi",
    "thoi tiet": "weather vi",
    "THỜI TIẾT": "weather vi",
    "dang ky tai khoan": "account vi",
    "đăng ký": "account vi",
    "天气": "weather zh",
    "北京天气": "weather zh",
    "气": "weather zh",
    "机器学习": "learning zh",
    "בראשית": "genesis he",
    "אלהים": "genesis he",
    "אוויר": "weather he",
    "האוויר": "weather he",
    "weather": "weather en",
    "run": "weather en",
    "user_id": "weather en",
    "wether": "weather en",
    "ca phe sua da": "coffee vi",
    "đá": "coffee vi",
    "da": "coffee vi",
}


async def test_the_table_of_twenty_queries(desk):
    await desk.write(DOCUMENTS)
    first = {query: (await desk.ids(query))[:1] for query in QUERIES}
    wrong = {query for query, expected in QUERIES.items() if first[query] != [expected]}
    assert wrong == {"wether"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("getUserName", {"code"}),
        ("getusername", {"code"}),
        ("username", {"code"}),
        ("serNam", {"code"}),
        ("user", {"code"}),
        ("account_id", {"code"}),
        ("ser_acc", {"code"}),
        ("550e8400-e29b-41d4-a716-446655440000", {"uuid"}),
        ("e29b-41d4", {"uuid"}),
        ("e8400", {"uuid"}),
        ("6655", {"uuid"}),
        ("ORD-2026", {"order"}),
        ("117733", {"order"}),
        ("1773", {"order"}),
        ("d41d8cd", {"hash"}),
        ("cd98f00b204e9", {"hash"}),
        ("0b204e9800998ecf8", {"hash"}),
        ("zzz9", set()),
    ],
)
async def test_substrings_of_identifiers(desk, query, expected):
    await desk.write(
        {
            "code": "def getUserName(user_account_id): pass",
            "uuid": "the request 550e8400-e29b-41d4-a716-446655440000 failed",
            "order": "order ORD-2026-00117733 was paid",
            "hash": "commit d41d8cd98f00b204e9800998ecf8427e",
            "other": "nothing of this kind",
        }
    )
    assert set(await desk.ids(query)) == expected


async def test_all_words_come_before_some_and_longer_words_last(desk):
    await desk.write(
        {"one": "red", "both": "a red house far away in the hills", "longer": "houses and redder"}
    )
    assert await desk.ids("red house") == ["both", "one", "longer"]


async def test_a_common_word_is_no_beginning_of_others(desk):
    await desk.write({f"m{number}": "run" for number in range(99)} | {"longer": "running"})
    assert len(await desk.ids("run", limit=100)) == 100
    await desk.write({"one more": "run"})
    assert "longer" not in await desk.ids("run walk", limit=100)


async def test_rare_and_short_count_more(desk):
    await desk.write(
        {"often": "fox fox fox", "once": "fox and many other words of no interest here", "no": "dog"}
    )
    assert await desk.ids("fox") == ["often", "once"]


async def test_equal_ones_are_ordered_by_time_then_id(desk):
    times = {"b": 5.0, "a": 5.0, "old": 1.0, "new": 9.0}
    await desk.add(*[desk.entry(ref_id, "same words", at_s=at_s) for ref_id, at_s in times.items()])
    assert await desk.ids("same words") == ["new", "a", "b", "old"]


async def test_diacritics_that_were_typed_count(desk):
    await desk.write({"ghost": "con ma ở đó", "mother": "con má ở đó", "tomb": "con mả ở đó"})
    assert (await desk.ids("má"))[0] == "mother"
    assert set(await desk.ids("má")) == {"mother", "ghost", "tomb"}
    assert set(await desk.ids("ma")) == {"mother", "ghost", "tomb"}
    assert (await desk.ids("con ma ở"))[0] == "ghost"


async def test_phrases(desk):
    await desk.write(
        {
            "straight": "the quick brown fox",
            "turned": "brown quick fox",
            "vi": "trời hôm nay đẹp",
            "zh": "北京的天气",
        }
    )
    assert await desk.ids('"quick brown"') == ["straight"]
    assert set(await desk.ids("quick brown")) == {"straight", "turned"}
    assert await desk.ids('fox "quick brown"') == ["straight"]
    assert await desk.ids("\u201chom nay\u201d") == ["vi"]
    assert await desk.ids('"hôm náy"') == []
    assert await desk.ids('"的天气"') == ["zh"]
    assert await desk.ids('"北京天气"') == []
    assert await desk.ids('"北京天气"', quotes=False) == ["zh"]


async def test_filters(desk):
    await desk.add(
        desk.entry("a", "word", parent_id="s1", role="user", tags=("x", "y"), at_s=10.0),
        desk.entry("b", "word", parent_id="s1", role="assistant", tags=("x",), at_s=20.0),
        desk.entry("c", "word", parent_id="s2", role="user", at_s=30.0),
        desk.entry("d", "word", kind="session", at_s=40.0),
    )
    assert await desk.ids("word") == ["c", "b", "a"]
    assert await desk.ids("word", kind="session") == ["d"]
    assert await desk.ids("word", kind="nothing") == []
    assert await desk.ids("word", parent_id="s1") == ["b", "a"]
    assert await desk.ids("word", role="user") == ["c", "a"]
    assert await desk.ids("word", parent_id="s1", role="user") == ["a"]
    assert await desk.ids("word", tags=("x",)) == ["b", "a"]
    assert await desk.ids("word", tags=("x", "y")) == ["a"]
    assert await desk.ids("word", tags=("z",)) == []
    assert await desk.ids("word", since_s=20.0) == ["c", "b"]
    assert await desk.ids("word", until_s=20.0) == ["a"]
    assert await desk.ids("word", since_s=20.0, until_s=30.0) == ["b"]
    assert await desk.ids("word", since_s=50.0) == []
    assert await desk.ids("word other", role="assistant") == ["b"]


async def test_a_filter_is_no_word_and_a_word_no_filter(desk):
    await desk.write({"a": "plain text"}, role="user", tags=("tag",))
    for text in ("user", "role=user", "tag", "frole=user", "f", "t"):
        assert await desk.ids(text) == []


async def test_tenants_users_and_apps_see_their_own(db, desk, desk_for):
    other = desk_for(db)
    await desk.add(
        desk.entry("mine", "secret word", user_id="u1", app_id="a1"),
        desk.entry("yours", "secret word", user_id="u2", app_id="a1"),
        desk.entry("nobody's", "secret word"),
    )
    await other.add(other.entry("theirs", "secret word", user_id="u1", app_id="a1"))
    assert set(await desk.ids("secret")) == {"mine", "yours", "nobody's"}
    assert await desk.ids("secret", user_id="u1") == ["mine"]
    assert await desk.ids("secret", of_user="u2") == ["yours"]
    assert await desk.ids("secret", user_id="u1", of_user="u2") == []
    assert await desk.ids("secret", app_id="a1", of_user="u2") == ["yours"]
    assert set(await desk.ids("secret", of_app="a1")) == {"mine", "yours"}
    assert await desk.ids("secret", user_id="u3") == []
    assert await other.ids("secret") == ["theirs"]
    assert (await desk.hits("secret")).hits[0].score == (await desk.hits("secret")).hits[2].score


async def test_what_other_tenants_write_changes_no_score(db, desk, desk_for):
    await desk.write({"a": "rare word", "b": "another thing"})
    before = await desk.hits("rare")
    await desk_for(db).write({f"t{number}": "rare rare rare" for number in range(50)})
    assert await desk.hits("rare") == before


async def test_changed_and_removed(desk):
    await desk.write({"a": "first text", "b": "second text"})
    await desk.write({"a": "third text"})
    assert await desk.ids("first") == []
    assert await desk.ids("third") == ["a"]
    assert await desk.ids("text") == ["a", "b"]
    await desk.remove("a", "unknown")
    assert await desk.ids("text") == ["b"]
    await desk.remove("b", kind="session")
    assert await desk.ids("text") == ["b"]
    await desk.write({"a": "text again"})
    assert set(await desk.ids("text")) == {"a", "b"}


async def test_the_index_belongs_to_the_transaction(db, desk):
    from roundhouse.infra.search import index

    with pytest.raises(ZeroDivisionError):
        async with db.begin() as tx:
            await index(tx, [desk.entry("a", "word")])
            raise ZeroDivisionError
    assert await desk.ids("word") == []


async def test_pages_are_parts_of_one_order(desk):
    texts = {f"m{number:02}": "needle" + " hay" * (number % 7) for number in range(23)}
    await desk.write(texts | {f"n{number}": "needles in stacks" for number in range(4)})
    whole = await desk.ids("needle", limit=100)
    assert len(whole) == 27
    assert {one[0] for one in whole[:23]} == {"m"}
    pages, cursor = [], None
    while True:
        page = await desk.hits("needle", limit=5, cursor=cursor)
        pages.append([hit.ref_id for hit in page.hits])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [one for page in pages for one in page] == whole
    assert [len(page) for page in pages] == [5, 5, 5, 5, 5, 2]


@pytest.mark.parametrize(
    "given",
    [
        {"limit": 0},
        {"limit": 101},
        {"cursor": "?"},
        {"cursor": "LTE"},
        {"cursor": "MTAwMA"},
        {"text": "x" * 2_001},
    ],
)
async def test_what_is_out_of_range_is_told(desk, given):
    await desk.write({"a": "word"})
    with pytest.raises(BadInput):
        await desk.ids(**({"text": "word"} | given))


def test_the_last_cursor_is_below_the_bound():
    assert MAX_HITS == 1_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "!!!",
        '"',
        '""',
        '"a"',
        "\x00",
        "\ud800",
        "' OR 1=1 --",
        "%",
        "_",
        "*",
        "NEAR(",
        "a" * 2_000,
    ],
)
async def test_any_query_is_answered(desk, text):
    await desk.write({"a": "some words", "b": "' OR 1=1"})
    assert isinstance(await desk.ids(text), list)


async def test_a_query_of_very_many_words(desk):
    await desk.write({"a": " ".join(f"w{number}" for number in range(40))})
    assert await desk.ids(" ".join(f"w{number}" for number in range(300))) == ["a"]


async def test_what_cannot_be_kept_is_indexed_all_the_same(desk):
    await desk.write(
        {"a": "zero\x00byte", "b": "half\ud800surrogate", "c": "", "d": "\x00", "e": "x" * 300_000}
    )
    assert await desk.ids("byte") == ["a"]
    assert await desk.ids("surrogate") == ["b"]
    assert await desk.ids("x" * 300) == ["e"]


async def test_snippets_show_why(desk):
    far = "filler " * 200 + "Bạn cần đăng ký <b>tài khoản</b> " + "filler " * 200
    await desk.write({"far": far, "short": "đăng ký"})
    hit = next(hit for hit in (await desk.hits("dang ky tai khoan")).hits if hit.ref_id == "far")
    assert [piece.text for piece in hit.snippet if piece.hit] == ["đăng", "ký", "tài", "khoản"]
    shown = "".join(piece.text for piece in hit.snippet)
    assert "<b>tài khoản</b>" in shown
    assert shown.startswith("…") and shown.endswith("…")
    assert len(shown) < 260
    assert shown.strip("…").strip() in far


async def test_the_snippet_of_a_huge_text_is_bounded_work(desk):
    await desk.write({f"m{number}": "word " * 39_000 + "needle" for number in range(12)})
    hits = (await desk.hits("needle", limit=12)).hits
    assert len(hits) == 12
    assert {"".join(piece.text for piece in hit.snippet)[:9] for hit in hits} == {"word word"}
    (one,) = (await desk.hits("needle", limit=1)).hits
    assert [piece.text for piece in one.snippet if piece.hit] == ["needle"]


async def test_hits_tell_where_they_are(desk):
    await desk.add(desk.entry("m", "word", parent_id="s", at_s=12.5))
    (hit,) = (await desk.hits("word")).hits
    assert (hit.ref_id, hit.parent_id, hit.at_s) == ("m", "s", 12.5)
    assert hit.score > 0
