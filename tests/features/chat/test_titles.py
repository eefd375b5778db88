import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.chat.titles import MOST_COLUMNS, title_of


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Hello.", "Hello."),
        ("  How do I\n\tboil   an egg?  I have no pot. ", "How do I boil an egg?"),
        ("Write a poem. Make it rhyme.", "Write a poem"),
        ("word " * 40, "word word word word word word word word word word word…"),
        ("什么是Python？请用中文回答。", "什么是Python？"),
        ("我" * 80, "我" * 29 + "…"),
        ("מה שלומך היום?", "מה שלומך היום?"),
        ("a\0b\u2028c", "a b c"),
        (" \n ", ""),
    ],
)
def test_the_beginning_of_a_question_is_its_title(question, title):
    assert title_of(question) == title


@given(st.text(max_size=300))
def test_titles_are_short_and_plain(question):
    title = title_of(question)
    assert len(title) <= 4 * MOST_COLUMNS or any(ord(char) > 0x2FF for char in title)
    assert not any(char < " " for char in title)
    assert title == title.strip()
