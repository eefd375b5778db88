"""Estimates against what the tokenizers themselves said (counted once, with their published vocabularies)."""

import pytest

from roundhouse.core.types import ModelInfo
from roundhouse.engine.tokens import counter

TEXTS = {
    "en": "Yesterday we decided to move the weekly meeting to Thursday morning, because nobody could come on"
    " Wednesday afternoon. Please tell the others, and book the small room for an hour and a half.",
    "zh": "昨天我们决定把每周的会议改到星期四上午，因为星期三下午没有人能来。请通知其他人，并预订小会议室一个半小时。",
    "vi": "Hôm qua chúng tôi quyết định chuyển cuộc họp hằng tuần sang sáng thứ Năm, vì không ai đến được vào chiều"
    " thứ Tư. Hãy báo cho mọi người và đặt phòng họp nhỏ trong một tiếng rưỡi.",
    "he": "אתמול החלטנו להעביר את הפגישה השבועית ליום חמישי בבוקר, כי אף אחד לא יכול היה להגיע ביום רביעי אחר"
    " הצהריים. נא להודיע לאחרים ולהזמין את החדר הקטן לשעה וחצי.",
    "code": "def total(rows: list[dict[str, int]]) -> int:\n    result = 0\n    for row in rows:\n"
    '        if row.get("kind") == 3:\n            result += row["amount"] * 100\n    return result\n',
    "numbers": "1763 42 9981 17 3.14159 65537 1000000 7 88 1024 2026-11-21 23:59:07 +84 28 3822 9433",
    "base64": "c2VjcmV0LWtleS0xMjM0NTY3ODkwLWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
    "emoji": "🎉🚀❤️🔥✅🙏💡🤖🥰👍",
}
TRUTH = {
    "claude-3-opus": dict(en=37, zh=52, vi=125, he=135, code=50, numbers=34, base64=67, emoji=25),
    "deepseek-chat": dict(en=37, zh=30, vi=76, he=70, code=53, numbers=51, base64=71, emoji=17),
    "gemma3:4b": dict(en=37, zh=35, vi=45, he=62, code=60, numbers=83, base64=65, emoji=10),
    "gpt-3.5-turbo": dict(en=37, zh=53, vi=88, he=147, code=52, numbers=51, base64=73, emoji=28),
    "gpt-4o": dict(en=37, zh=36, vi=51, he=54, code=52, numbers=51, base64=66, emoji=15),
    "llama2:7b": dict(en=38, zh=55, vi=116, he=157, code=60, numbers=84, base64=76, emoji=18),
    "llama3.1:8b": dict(en=37, zh=39, vi=46, he=147, code=52, numbers=51, base64=73, emoji=27),
    "qwen3:8b": dict(en=37, zh=31, vi=45, he=54, code=54, numbers=83, base64=73, emoji=11),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("model", TRUTH)
def test_the_estimate_is_not_below_the_truth_and_not_far_above(model: str, kind: str):
    estimate = counter(ModelInfo(model))(TEXTS[kind])
    assert 0.97 <= estimate / TRUTH[model][kind] <= 1.55


@pytest.mark.parametrize("kind", TEXTS)
def test_an_unknown_model_counts_as_the_worst_of_all(kind: str):
    unknown = counter(ModelInfo("some-new-model"))(TEXTS[kind])
    assert unknown >= max(truth[kind] for truth in TRUTH.values())
    assert counter(None)(TEXTS[kind]) == unknown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("qwen2.5:7b", "qwen3:8b"),
        ("meta-llama/Llama-3.2-3B-Instruct", "llama3.1:8b"),
        ("mistral:7b", "llama2:7b"),
        ("local-gemma-3-4b-it", "gemma3:4b"),
        ("gpt-4-turbo", "gpt-3.5-turbo"),
        ("gpt-4.1-mini", "gpt-4o"),
        ("o3-mini", "gpt-4o"),
    ],
)
def test_models_of_one_tokenizer_are_counted_alike(one: str, other: str):
    assert [counter(ModelInfo(one))(text) for text in TEXTS.values()] == [
        counter(ModelInfo(other))(text) for text in TEXTS.values()
    ]


def test_nothing_has_no_tokens_and_anything_has_some():
    count = counter(ModelInfo("gpt-4o"))
    assert count("") == 0
    assert [count(text) for text in (" ", "a", "\n", "\x00", "字")] == [1, 1, 1, 1, 1]


def test_scripts_without_a_table_of_their_own_are_counted_by_character():
    assert counter(ModelInfo("gpt-4o"))("ᏣᎳᎩ" * 10) >= 30
