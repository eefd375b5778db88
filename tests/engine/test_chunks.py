import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BackendBadAnswer
from roundhouse.engine.chunks import read_events


def chunk(text, reason=None, index=0, **more) -> bytes:
    choice = {"index": index, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + msgspec.json.encode({"choices": [choice], **more}) + b"\n\n"


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), max_size=8))
def test_the_texts_of_all_events_are_joined(texts):
    said = read_events(b"".join(chunk(text) for text in texts) + chunk(None, "stop"))
    assert said == ("".join(texts).replace("\0", "\ufffd"), "stop")


def test_what_is_no_text_of_the_first_choice_is_left_out():
    pieces = [
        b": a comment\n\n",
        chunk("other", index=1),
        chunk("one "),
        b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[{"delta":{"content":[{"type":"thinking"}]}}]}\n\n',
        b'data: {"choices":null}\n\n',
        chunk("two", "length"),
    ]
    assert read_events(b"".join(pieces)) == ("one two", "length")


@pytest.mark.parametrize(
    "payload", [b"{", b'{"choices":1}', b'{"choices":[{"delta":{"content":"\\ud800"}}]}']
)
def test_what_cannot_be_read_is_the_servers_fault(payload):
    with pytest.raises(BackendBadAnswer):
        read_events(b"data: " + payload + b"\n\n")
