import pytest

from features.knowledge.files.house import BOUNDARY, form, upload_form
from roundhouse.core.errors import BadInput, TooLarge, UnsupportedMedia
from roundhouse.core.types import NewFile
from roundhouse.features.knowledge.files.intake import Draft, Intake
from roundhouse.features.knowledge.files.sniffing import HEAD_BYTES

KIND = f"multipart/form-data; boundary={BOUNDARY}"


def intake(max_bytes: int = 10**9) -> Intake:
    return Intake(KIND, Draft(lambda _: None, max_bytes))


def read(body: bytes) -> NewFile:
    reading = intake()
    reading.feed(body)
    return reading.close("key 1")


def test_a_form_becomes_a_file_to_keep() -> None:
    body = upload_form(
        b"x", "../a.txt", "batch", expires_after__anchor=b"created_at", expires_after__seconds=b"3600"
    )
    assert read(body) == NewFile("a.txt", "batch", 3600.0, "key 1")


@pytest.mark.parametrize(
    ("anchor", "seconds"),
    [
        (b"now", b"3600"),
        (b"", b"3600"),
        (b"created_at", b"3599"),
        (b"created_at", b"2592001"),
        (b"created_at", b""),
        (b"created_at", b"-3600"),
        (b"created_at", b"36e2"),
        (b"created_at", "\u0663\u0666\u0660\u0660".encode()),
        (b"created_at", b"9" * 900),
    ],
)
def test_an_end_that_is_none(anchor: bytes, seconds: bytes) -> None:
    with pytest.raises(BadInput):
        read(upload_form(b"x", expires_after__anchor=anchor, expires_after__seconds=seconds))


@pytest.mark.parametrize("field", ["expires_after__anchor", "expires_after__seconds"])
def test_half_an_end(field: str) -> None:
    with pytest.raises(BadInput):
        read(upload_form(b"x", **{field: b"3600" if "seconds" in field else b"created_at"}))


def test_without_a_purpose() -> None:
    with pytest.raises(BadInput, match="purpose is missing"):
        read(form(("file", "a", b"x")))


def test_a_wrong_purpose_is_told_before_the_file_comes() -> None:
    reading = intake()
    with pytest.raises(BadInput, match="purpose must be one of"):
        reading.feed(form(("purpose", b"other"), ("file", "a", b"x"))[:120])


def test_a_wrong_type_is_told_before_all_of_it_has_come() -> None:
    reading = intake()
    body = upload_form(b"\x7fELF" + b"\0" * 10**6)
    with pytest.raises(UnsupportedMedia, match="x-executable"):
        reading.feed(body[: HEAD_BYTES + 1000])


def test_a_purpose_that_comes_last_is_looked_at_in_the_end() -> None:
    draft = Draft(lambda _: None, 10**9)
    reading = Intake(KIND, draft)
    reading.feed(form(("file", "a", b"\x7fELF\0"), ("purpose", b"user_data")))
    new = reading.close(None)
    with pytest.raises(UnsupportedMedia):
        draft.check(new.purpose, new.filename)


def test_too_large_is_told_at_the_byte() -> None:
    reading = intake(1000)
    reading.feed(upload_form(b"x" * 1000))
    with pytest.raises(TooLarge, match="1000"):
        intake(1000).feed(upload_form(b"x" * 1001)[:-20])


def test_an_empty_file() -> None:
    draft = Draft(lambda _: None, 100)
    with pytest.raises(BadInput, match="empty"):
        draft.check("user_data", "a")
