import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.knowledge.files.house import BOUNDARY, form
from roundhouse.core.errors import BadInput, UnsupportedMedia
from roundhouse.infra.forms import FormShape, UploadForm

KIND = f"multipart/form-data; boundary={BOUNDARY}"
# Bytes that look like the end, and are none.
TRICKY = f"--{BOUNDARY[:-1]}\r\n-{BOUNDARY} --{BOUNDARY}--\r\n-\r\n\r\n--roundhouse\r\r\n\r".encode()


def read(body: bytes, *cuts: int, kind: str = KIND) -> tuple[UploadForm, bytes]:
    """The form fed in pieces that end at `cuts`."""
    taken: list[bytes] = []
    reading = UploadForm(kind, taken.append, SHAPE)
    places = [0, *sorted(cuts), len(body)]
    for start, end in itertools.pairwise(places):
        reading.feed(body[start:end])
    reading.close()
    return reading, b"".join(taken)


BODY = form(
    ("purpose", b"user_data"),
    ("expires_after[anchor]", b"created_at"),
    ("file", "báo cáo.pdf", TRICKY),
    ("expires_after[seconds]", b"3600"),
)
SHAPE = FormShape(
    "Send multipart/form-data.",
    frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"}),
    frozenset({"several[]"}),
)
FIELDS = {"purpose": "user_data", "expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}


def test_in_one_piece() -> None:
    reading, taken = read(BODY)
    assert taken == TRICKY
    assert reading.fields == FIELDS
    assert reading.filename == "báo cáo.pdf"


def test_split_at_every_byte() -> None:
    for cut in range(len(BODY)):
        reading, taken = read(BODY, cut)
        assert (taken, reading.fields, reading.filename) == (TRICKY, FIELDS, "báo cáo.pdf")


def test_byte_by_byte() -> None:
    reading, taken = read(BODY, *range(len(BODY)))
    assert (taken, reading.fields) == (TRICKY, FIELDS)


@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([b"\r", b"\n", b"-", b"\r\n--", BOUNDARY.encode(), b"--", b"x"])).map(
            b"".join
        ),
    ),
    cuts=st.lists(st.integers(0, 700), max_size=8),
)
def test_any_content_cut_anywhere(data: bytes, cuts: list[int]) -> None:
    if b"\r\n--" + BOUNDARY.encode() in b"\r\n" + data:
        return
    body = form(("file", "a", data), ("purpose", b"batch"))
    reading, taken = read(body, *(min(cut, len(body)) for cut in cuts))
    assert taken == data
    assert reading.fields == {"purpose": "batch"}


@given(body=st.binary(max_size=500))
def test_any_bytes_end_in_an_answer_or_a_told_fault(body: bytes) -> None:
    reading = UploadForm(KIND, lambda _: None, SHAPE)
    try:
        reading.feed(f"--{BOUNDARY}\r\n".encode() + body)
        reading.close()
    except BadInput:
        pass


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        f"multipart/form-data; boundary={'x' * 201}",
        "multipart/form-data; boundary=\xe9",
    ],
)
def test_what_is_no_form(kind: str) -> None:
    with pytest.raises(UnsupportedMedia, match="multipart/form-data"):
        UploadForm(kind, lambda _: None, SHAPE)


def test_a_quoted_boundary_in_any_case() -> None:
    reading, taken = read(
        form(("file", "a", b"x"), boundary="a b"), kind='Multipart/Form-Data; charset=utf-8; Boundary="a b"'
    )
    assert taken == b"x"
    assert reading.filename == "a"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (form(("purpose", b"batch")), "file is missing"),
        (b"", "cut off"),
        (BODY[:-10], "cut off"),
        (BODY[:60], "cut off"),
        (form(("file", "a", b"x"), ("file", "b", b"y")), "file stands there twice"),
        (form(("purpose", b"a"), ("purpose", b"b")), "purpose stands there twice"),
        (form(("other", b"a"), ("file", "a", b"x")), "no field 'other'"),
        (form(("purpose", b"a" * 1001), ("file", "a", b"x")), "too long"),
        (form(*[("other", b"")] * 2), "no field"),
        (f"--{BOUNDARY}\r\nX: y\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "malformed"),
        (f"--{BOUNDARY}\r\n".encode() + b"X-Long: " + b"y" * 70_000, "malformed"),
        (f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 20 + b"\r\n", "malformed"),
    ],
)
def test_what_is_wrong_is_told(body: bytes, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read(body)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('filename="plain.txt"', "plain.txt"),
        ("filename=plain.txt", "plain.txt"),
        ('filename="b\xc3\xa1o.txt"', "báo.txt"),
        ('filename="quo%22te.txt"', 'quo"te.txt'),
        ('filename="quo\\"te.txt"', 'quo"te.txt'),
        ("filename=\"old.txt\"; filename*=UTF-8''b%C3%A1o.txt", "báo.txt"),
        ("filename*=UTF-8''..%2F..%2Fx", "../../x"),
        ('filename="C:\\dir\\x.txt"', "x.txt"),
        ('filename="\xff\xfe.txt"', "\ufffd\ufffd.txt"),
        ('filename=""', ""),
        ('x="y"', ""),
    ],
)
def test_names_as_clients_write_them(header: str, name: str) -> None:
    head = f'Content-Disposition: form-data; name="file"; {header}'.encode("latin-1")
    boundary = BOUNDARY.encode()
    body = b"--%b\r\n%b\r\n\r\nx\r\n--%b--\r\n" % (boundary, head, boundary)
    reading, taken = read(body)
    assert (reading.filename, taken) == (name, b"x")


def test_a_name_of_5000_characters_is_read() -> None:
    reading, _ = read(form(("file", "字" * 5000, b"x")))
    assert reading.filename == "字" * 5000


def test_what_taking_the_file_raises_goes_through() -> None:
    def full(_: bytes) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        UploadForm(KIND, full, SHAPE).feed(BODY)
