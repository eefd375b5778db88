import unicodedata
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roundhouse.features.knowledge.files.names import (
    MOST_BYTES,
    MOST_CHARACTERS,
    disposition,
    safe_name,
    suffix_of,
)

NAMES = st.text(
    st.one_of(
        st.characters(exclude_categories=[]),
        st.sampled_from('./\\:*?"<>|-\0\r\n\u202e\u2066\u200d\u200c\ufeff\u0301é文a'),
    ),
    max_size=300,
)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("báo cáo.pdf", "báo cáo.pdf"),
        ("ba\u0301o ca\u0301o.pdf", "báo cáo.pdf"),
        ("报告 2026.docx", "报告 2026.docx"),
        ("דוח.txt", "דוח.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\Users\\ann\\cv.pdf", "cv.pdf"),
        ("/abs/olute.txt", "olute.txt"),
        ("..", "file"),
        (".", "file"),
        ("", "file"),
        ("   ", "file"),
        ("a/", "file"),
        (".htaccess", "htaccess"),
        ("-rf", "rf"),
        ("--output=x", "output=x"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("\u2066a\u2069.txt", "a.txt"),
        ("a\0b.txt", "ab.txt"),
        ("a\r\nSet-Cookie: x=1.txt", "a Set-Cookie_ x=1.txt"),
        ('a"b<c>d|e?f*g:h.txt', "a_b_c_d_e_f_g_h.txt"),
        ("con", "_con"),
        ("LPT1.txt", "_LPT1.txt"),
        ("console.txt", "console.txt"),
        ("name.", "name"),
        ("a  \t b.txt", "a b.txt"),
        ("\ud800lone.txt", "lone.txt"),
        ("😀.png", "😀.png"),
    ],
)
def test_names(raw: str, safe: str) -> None:
    assert safe_name(raw) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    assert safe_name("x" * 5000 + ".pdf") == "x" * (MOST_CHARACTERS - 4) + ".pdf"
    assert safe_name("字" * 5000 + ".pdf") == "字" * 83 + ".pdf"
    assert len(safe_name("x." + "y" * 5000)) == MOST_CHARACTERS


@given(raw=NAMES)
@example("." * 200 + "\u200d")
@example("a" * 196 + ".\u0301bc")
def test_every_name_is_safe(raw: str) -> None:
    name = safe_name(raw)
    assert 1 <= len(name) <= MOST_CHARACTERS
    assert len(name.encode()) <= MOST_BYTES
    assert not set(name) & set('/\\:*?"<>|\0\r\n')
    assert name.strip(". ") == name or name.startswith("_")
    assert name[0] not in ".-"
    allowed = "\u200c\u200d"
    assert not [c for c in name if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn") and c not in allowed]
    assert safe_name(name) == name


@given(raw=NAMES)
def test_every_name_fits_into_the_header(raw: str) -> None:
    name = safe_name(raw)
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    _, _, extended = header.partition("filename*=UTF-8''")
    assert unquote(extended, errors="strict") == name
    plain = header.partition('filename="')[2].partition('"')[0]
    assert plain
    assert not set(plain) & set('"\\/%')
    assert not plain.startswith(".")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.wav", ".wav"),
        ("a.MP3", ".mp3"),
        ("a.tar.gz", ".gz"),
        ("a", ""),
        ("a.文", ""),
        ("a.b c", ""),
        ("a." + "x" * 11, ""),
    ],
)
def test_only_a_plain_suffix_is_handed_to_programs(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
