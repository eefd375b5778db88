import pytest

from roundhouse.core.errors import BadInput, UnsupportedMedia
from roundhouse.features.knowledge.files.kinds import (
    _TOLD,
    RESULTS,
    TYPES,
    check_purpose,
    check_type,
    delivered_type,
)

NEVER = {"application/x-executable", "application/wasm", "application/octet-stream", "application/x-gguf"}
SCRIPTED = {"text/html", "image/svg+xml", "application/xml"}


def test_the_purposes_of_openai_and_audio() -> None:
    assert set(TYPES) == {
        *("assistants", "batch", "fine-tune", "vision", "user_data", "evals"),
        "audio",
    }
    assert set(_TOLD) == set(TYPES)
    for purpose in TYPES:
        check_purpose(purpose)
        check_purpose(purpose, made_here=True)


@pytest.mark.parametrize("purpose", ["", "other", "User_Data", *sorted(RESULTS)])
def test_no_other_comes_from_outside(purpose: str) -> None:
    with pytest.raises(BadInput, match="purpose") as error:
        check_purpose(purpose)
    assert error.value.param == "purpose"


def test_what_the_house_makes_may_be_anything() -> None:
    for purpose in RESULTS:
        check_purpose(purpose, made_here=True)
        check_type(purpose, "application/octet-stream")


@pytest.mark.parametrize("purpose", TYPES)
def test_no_purpose_takes_programs_or_unknown_bytes(purpose: str) -> None:
    assert not TYPES[purpose] & NEVER
    with pytest.raises(UnsupportedMedia, match="this is application/x-executable"):
        check_type(purpose, "application/x-executable")


@pytest.mark.parametrize(
    ("purpose", "taken", "refused"),
    [
        ("batch", "application/x-ndjson", "text/plain"),
        ("fine-tune", "application/vnd.apache.parquet", "application/pdf"),
        ("vision", "image/webp", "image/svg+xml"),
        ("audio", "video/mp4", "image/png"),
        ("assistants", "application/zip", "audio/wav"),
        ("user_data", "audio/wav", "application/zip"),
        ("user_data", "message/rfc822", "application/zip"),
        ("assistants", "message/rfc822", "video/mp4"),
        ("evals", "text/csv", "image/png"),
    ],
)
def test_what_each_takes(purpose: str, taken: str, refused: str) -> None:
    check_type(purpose, taken)
    with pytest.raises(UnsupportedMedia, match=refused.replace("+", r"\+")):
        check_type(purpose, refused)


def test_what_a_browser_would_run_is_delivered_as_mere_bytes() -> None:
    for kind in SCRIPTED | NEVER | {"text/javascript", "application/xhtml+xml", "nonsense"}:
        assert delivered_type(kind) == "application/octet-stream"
    assert delivered_type("application/pdf") == "application/pdf"
    assert delivered_type("image/png") == "image/png"
