"""Telling the four languages apart."""

import unicodedata

import pytest

from roundhouse.core.language.detection import detect

CASES = [
    ("What is my name?", "en"),
    ("Hello, AI!", "en"),
    ("Who is Nguyễn Ái Quốc?", "en"),
    ("When was Đại học Quốc gia Hà Nội founded?", "en"),
    ("What does 你好 mean?", "en"),
    ("Bonjour, où est la gare?", "en"),
    ("これは日本語の文章です。", "en"),
    ("Xin chào!", "vi"),
    ("xin chao ban", "vi"),
    ("toi ten la gi", "vi"),
    ("Tên tôi là gì?", "vi"),
    (unicodedata.normalize("NFD", "Thư viện mở cửa lúc mấy giờ?"), "vi"),
    ("Cài FastAPI như thế nào?", "vi"),
    ("什么是Python？", "zh"),
    ("Docker 和 Kubernetes 的区别？", "zh"),
    ("我叫张三,今年25岁", "zh"),
    ("מה זה FastAPI?", "he"),
    ("מה שמי?", "he"),
    ("שָׁלוֹם", "he"),
]


@pytest.mark.parametrize(("text", "language"), CASES)
def test_language(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize("text", ["", "123 + 4", "😀", "?!"])
def test_text_without_letters_keeps_the_default(text: str) -> None:
    assert detect(text, "he") == "he"
