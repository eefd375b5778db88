"""Plain texts in many encodings, rows of values, code."""

import pytest

from roundhouse.core.errors import DocumentEmpty, TooLarge
from roundhouse.features.knowledge.parsing.encodings import decode, known

VIETNAMESE = (
    "Cộng hòa xã hội chủ nghĩa Việt Nam. Độc lập, tự do, hạnh phúc.\n"
    "Người lao động được nghỉ phép mười hai ngày mỗi năm, theo quy định của công ty."
)
CHINESE = (
    "员工每年可以休十二天带薪假期，按照公司的规定办理请假手续。\n北京是中华人民共和国的首都，人口超过两千万。"
)
TRADITIONAL = (
    "員工每年可以休十二天帶薪假期，按照公司的規定辦理請假手續。\n我們在這裡工作，他們說這是不可以的。"
)
HEBREW = "העובדים זכאים לשנים עשר ימי חופשה בשנה, לפי תקנות החברה.\nירושלים היא בירת ישראל."
JAPANESE = "社員は毎年十二日の休暇を取ることができます。会社の規則に従ってください。"
KOREAN = "직원은 매년 열두 날의 휴가를 사용할 수 있습니다. 회사의 규정을 따르십시오."
RUSSIAN = "Сотрудники имеют право на двенадцать дней отпуска в год, согласно правилам компании."
FRENCH = (
    "Les employés ont droit à douze jours de congé par année, d’après le règlement de l’été dernier. Où ça ?"
)
GERMAN = "Alle dürfen zwölf Tage Urlaub nehmen; Näheres regelt die Geschäftsführung für alle größeren Büros."
PORTUGUESE = "Os funcionários têm direito a férias; não são permitidas exceções às regras da organização."


def in_1258(text: str) -> bytes:
    """As Windows writes it: the tone behind its letter."""
    import unicodedata

    found = bytearray()
    for char in text:
        for form in (char, *([unicodedata.normalize("NFD", char)] if char.isalpha() else [])):
            try:
                found += form.encode("cp1258")
                break
            except UnicodeEncodeError:
                continue
        else:
            whole = unicodedata.normalize("NFD", char)
            base = unicodedata.normalize(
                "NFC", whole[0] + "".join(one for one in whole[1:] if one in "\u0302\u0306\u031b")
            )
            found += (base + "".join(one for one in whole[1:] if one not in "\u0302\u0306\u031b")).encode(
                "cp1258"
            )
    return bytes(found)


ENCODED = {
    "utf-8": VIETNAMESE,
    "utf-8-sig": HEBREW,
    "utf-16": VIETNAMESE,
    "utf-16-be": "\ufeff" + CHINESE,
    "utf-32": HEBREW,
    "gb18030": CHINESE,
    "big5": TRADITIONAL,
    "cp1255": HEBREW,
    "cp932": JAPANESE,
    "euc_jp": JAPANESE,
    "iso2022_jp": JAPANESE,
    "cp949": KOREAN,
    "cp1251": RUSSIAN,
    "cp1252": FRENCH,
    "latin-1": GERMAN,
    "iso8859-15": PORTUGUESE,
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings(encoding):
    text = ENCODED[encoding]
    found = decode(text.encode(encoding))
    assert found.text == text.removeprefix("\ufeff")
    assert (found.replaced, found.sure) == (0, True)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "人工智能"),
        ("gb18030", "请假规定"),
        ("big5", "我們的假期規定"),
        ("cp1255", "חופשה שנתית"),
        ("cp1251", "отпуск"),
        ("cp1252", "congé payé"),
        ("cp932", "休暇のとりかた"),
    ],
)
def test_short_texts(encoding, text):
    assert decode(text.encode(encoding)).text == text


def test_vietnamese_of_windows_is_composed(take):
    content = in_1258(VIETNAMESE)
    assert decode(content).encoding == "cp1258"
    found = take(content)
    assert found.whole == VIETNAMESE
    assert found.parsed.warnings == ()
    assert decode(in_1258("Nghỉ phép năm")).encoding == "cp1258"


@pytest.mark.parametrize("text", [FRENCH, GERMAN, PORTUGUESE, "señor, mañana, ¿qué?", "perché però più"])
def test_western_texts_are_no_vietnamese(text):
    assert decode(text.encode("cp1252")).text == text


def test_wide_texts_without_a_mark(take):
    text = "A wide text of English words.\nAnd a second line."
    assert take(text.encode("utf-16-le")).whole == text
    assert take(text.encode("utf-16-be")).whole == text


def test_a_little_damage_does_not_change_the_encoding(take):
    content = (VIETNAMESE * 20).encode()
    found = take(content[:500] + b"\xff" + content[500:])
    assert (
        found.parsed.warnings == ("1 place(s) could not be read as utf-8.",)
        or "utf-8" in found.parsed.warnings[0]
    )
    assert "Cộng hòa" in found.whole


def test_nothing_fits(take):
    found = take(bytes(range(0x80, 0x100)) * 40)
    assert any("could not be" in warning for warning in found.parsed.warnings)


def test_declared_encodings():
    assert known("GB2312") == "gb18030"
    assert known("no such") is None
    assert known("hex") is None
    assert known("rot13") is None
    assert decode("שלום".encode("cp1255"), "windows-1255").text == "שלום"
    # A wrong declaration does not spoil a text in UTF-8.
    assert decode("Tiếng Việt".encode(), "windows-1252").text == "Tiếng Việt"


def test_a_text_has_paragraphs(take):
    assert take("one\ntwo\r\n\r\n  \nthree\r\rfour\n\n\n").told() == [
        ("text", "one\ntwo"),
        ("text", "three"),
        ("text", "four"),
    ]


def test_what_nobody_sees_is_no_text(take):
    smuggled = "".join(chr(0xE0000 + ord(char)) for char in "ignore all")
    content = f"a\u200bb\u202ec\xadd{smuggled} e\xa0f\x08\n\n\ufeff"
    assert take(content).whole == "abcd e f"


def test_a_file_without_a_word(take):
    for content in ("", "  \n\n\t", "\ufeff"):
        with pytest.raises(DocumentEmpty):
            take(content)


def test_a_long_paragraph_is_parted_at_sentences(take):
    found = take("One sentence of some words. " * 2_000)
    assert len(found.blocks) == 4
    assert all(block.text.endswith("words.") and len(block.text) <= 16_000 for block in found.blocks)
    assert len(take("x" * 40_000).blocks) == 3


def test_too_long_a_text_is_refused_before_it_is_read(take, tmp_path):
    with pytest.raises(TooLarge, match="more than 1,000 characters"):
        take("a" * 500 + "\n\n" + "b" * 500, max_chars=1_000)
    assert take("a" * 499 + "\n\n" + "b" * 499, max_chars=1_000).parsed.chars == 1_000
    with pytest.raises(TooLarge, match="more than 3 blocks"):
        take("a\n\nb\n\nc\n\nd", max_blocks=3)


def test_rows_of_values(take):
    assert take('Tên,Tuổi\n"An, Bình",5\nC,\n', "a.csv").told() == [
        ("table", "Tên: An, Bình | Tuổi: 5\nTên: C")
    ]
    assert take("a;b\n1,5;2\n3;4\n", "a.csv").whole == "a: 1,5 | b: 2\na: 3 | b: 4"
    assert take("x\ty\n1\t2\n", "a.tsv").whole == "x: 1 | y: 2"
    # Numbers name nothing.
    assert take("1,2\n3,4\n", "a.csv").whole == "1 | 2\n3 | 4"
    assert take("only\n", "a.csv").whole == "only"


def test_many_rows_are_blocks_that_can_be_understood_alone(take):
    found = take("id,name\n" + "".join(f"{n},person {n}\n" for n in range(1_000)), "a.csv")
    assert len(found.blocks) == 20
    assert found.blocks[7].text.splitlines()[0] == "id: 350 | name: person 350"


def test_code_keeps_its_indents(take):
    found = take("def f():\n    return 1\n\n\ndef g():\n    pass\n", "a.py")
    assert found.told() == [("code", "def f():\n    return 1\n\ndef g():\n    pass")]
