"""The lists of words without a topic."""

from roundhouse.core.language import stopwords


def test_lists_hold_single_words_in_lower_case() -> None:
    for table in (stopwords.ENGLISH, stopwords.VIETNAMESE, stopwords.HEBREW):
        assert len(table) > 80
        assert all(word == word.strip().casefold() and " " not in word for word in table)


def test_the_longest_chinese_function_word_is_taken_first() -> None:
    assert stopwords.CHINESE.split("会议什么时候开始") == ["会议", "开始"]
    assert stopwords.CHINESE.split("为什么下雨") == ["", "下雨"]
