"""OpenAI's wire format: heads of requests, errors, answers, and streams whatever the reads look like."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendBusy,
    BackendFailed,
    BackendRefused,
    BadInput,
    ContextTooLong,
    NotSupported,
    RoundhouseError,
    UnsupportedContent,
)
from roundhouse.core.types import Usage
from roundhouse.core.wire import (
    EventScanner,
    check_answer,
    close_object,
    event,
    open_object,
    raise_error_object,
    read,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(texts, values, max_size=6)


@given(objects)
def test_open_and_close_round_trip(value: dict[str, Any]) -> None:
    fields = open_object(json.dumps(value, indent=1).encode())
    assert list(fields) == list(value)
    assert json.loads(close_object(fields)) == value
    for name, member in value.items():
        assert read(fields, name) == member


@given(objects, objects, st.sets(texts))
def test_close_changes_adds_and_removes(
    value: dict[str, Any], changed: dict[str, Any], removed: set[str]
) -> None:
    changes = changed | dict.fromkeys(removed)
    closed = json.loads(close_object(open_object(json.dumps(value).encode()), **changes))
    expected = {
        name: member
        for name, member in (value | changes).items()
        if name not in changes or member is not None
    }
    assert closed == expected


def test_of_duplicate_members_the_last_one_counts() -> None:
    fields = open_object(b'{"model":"cheap","n":1,"model":"dear"}')
    assert read(fields, "model", str) == "dear"
    assert close_object(fields).count(b"model") == 1


@given(st.binary(max_size=40))
def test_open_takes_json_objects_only(body: bytes) -> None:
    try:
        expected = json.loads(body.decode())
    except (UnicodeDecodeError, ValueError):
        expected = None
    if isinstance(expected, dict):
        assert open_object(body).keys() == expected.keys()
    else:
        with pytest.raises(BadInput):
            open_object(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b'{"a":1',
        b'{"a":1}x',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b'{"a":{"b":["\xff"]}}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
    ids=["empty", "null", "list", "text", "cut", "trailing", "nan", "latin", "deep latin", "bom", "deep"],
)
def test_open_refuses(body: bytes) -> None:
    with pytest.raises(BadInput):
        open_object(body)


def test_read() -> None:
    fields = open_object(b'{"n": 3, "stop": null, "stream": "yes"}')
    assert read(fields, "n", int) == 3
    assert read(fields, "stop", str) is None
    assert read(fields, "missing", str) is None
    with pytest.raises(BadInput) as caught:
        read(fields, "stream", bool)
    assert caught.value.param == "stream"


ERRORS: list[tuple[Any, int | None, type[RoundhouseError], int, str]] = [
    ({"error": {"message": "No.", "type": "x"}}, 400, BackendRefused, 400, "No."),
    ({"error": {"message": "Gone.", "code": "model_not_found"}}, 404, BackendRefused, 404, "Gone."),
    ({"error": {"message": "Slow."}}, 429, BackendBusy, 429, "Slow."),
    ({"error": {"message": "Broke.", "code": 500}}, None, BackendFailed, 500, "Broke."),
    ({"error": {"message": "Full", "code": 503}}, 200, BackendFailed, 503, "Full"),
    (
        {"message": "Slow", "type": "rate_limit_error", "code": "rate_limit_exceeded"},
        None,
        BackendBusy,
        429,
        "Slow",
    ),
    ({"error": "plain text"}, 422, BackendRefused, 422, "plain text"),
    ({"detail": [{"msg": "field required", "loc": ["body"]}]}, 422, BackendRefused, 422, "field required"),
    (
        [{"error": {"code": 400, "message": "list", "status": "INVALID_ARGUMENT"}}],
        400,
        BackendRefused,
        400,
        "list",
    ),
    ({"object": "error", "message": "old vLLM", "code": 404}, 404, BackendRefused, 404, "old vLLM"),
    ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, 529, BackendFailed, 529, "Overloaded"),
    # llama.cpp on requests that are at fault themselves
    ({"error": {"message": "Failed to parse tools: Missing type"}}, 500, BackendRefused, 400, "parse tools"),
    ({"error": {"message": "Failed to parse input at pos 5"}}, 500, BackendFailed, 500, "pos 5"),
    ({"error": {"message": "image input is not supported"}}, 500, UnsupportedContent, 422, "image"),
    ({"error": {"code": 501, "message": "No embeddings."}}, 501, NotSupported, 400, "No embeddings."),
    ({"error": {"message": "x"}}, 502, BackendFailed, 502, "x"),
    ({"error": {"message": "again"}}, 409, BackendFailed, 409, "again"),
    ({"error": {"message": None, "code": "429"}}, 200, BackendBusy, 429, "429"),
]


@pytest.mark.parametrize(("value", "status", "kind", "kept", "words"), ERRORS)
def test_error_objects(
    value: Any, status: int | None, kind: type[RoundhouseError], kept: int, words: str
) -> None:
    with pytest.raises(RoundhouseError) as caught:
        raise_error_object(json.dumps(value).encode(), status=status, retry_after_s=2.5)
    assert type(caught.value) is kind
    assert caught.value.status == kept
    assert words in caught.value.detail
    if kind is BackendBusy:
        assert caught.value.retry_after_s == 2.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"upstream connect error", "upstream connect error"),
        (b"", "without a message"),
        (b"\xff\xfe", "�"),
        (b"<html><h1>Bad gateway sk-1</h1></html>", "page of HTML"),
        (b"[" * 100_000, "["),
    ],
)
def test_errors_that_are_no_json(text: bytes, words: str) -> None:
    with pytest.raises(BackendFailed) as caught:
        raise_error_object(text, status=502)
    assert words in caught.value.detail
    assert "sk-1" not in caught.value.detail
    assert len(caught.value.detail) <= 600


@pytest.mark.parametrize("status", [401, 402, 403, 200])
def test_our_own_key_being_refused_is_not_the_clients_fault(status: int) -> None:
    value = {"error": {"message": "Incorrect API key provided: sk-ab**yz", "code": "invalid_api_key"}}
    with pytest.raises(BackendFailed) as caught:
        raise_error_object(json.dumps(value).encode(), status=status)
    assert type(caught.value) is BackendFailed
    assert caught.value.status == 502
    assert caught.value.retryable
    assert "sk-ab" not in caught.value.detail
    assert "invalid_api_key" in caught.value.detail


@pytest.mark.parametrize(
    ("status", "message"),
    [
        # OpenAI, DeepSeek, vLLM
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."),
        # vLLM, output too long
        (400, "'max_tokens' is too large: 9000. This model's maximum context length is 4096 tokens"),
        # llama.cpp server
        (
            400,
            "the request exceeds the available context size. try increasing the context size or enable context shift",
        ),
        (500, "input is too large to process. increase the physical batch size"),
        # LM Studio
        (
            400,
            "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with",
        ),
        # Anthropic
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        # Gemini
        (400, "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."),
        # Text Generation Inference
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"),
        # Groq
        (413, "Please reduce the length of the messages or completion."),
        # Ollama
        (400, "the input length exceeds the context length"),
    ],
)
def test_context_too_long_in_each_vendors_words(status: int, message: str) -> None:
    with pytest.raises(ContextTooLong) as caught:
        raise_error_object(json.dumps({"error": {"message": message}}).encode(), status=status)
    assert caught.value.status == 400
    with pytest.raises(ContextTooLong):
        raise_error_object(json.dumps({"error": {"message": message}}).encode())


def test_context_too_long_by_code_and_not_by_chance() -> None:
    with pytest.raises(ContextTooLong):
        raise_error_object(b'{"error":{"message":"No.","code":"context_length_exceeded"}}', status=400)
    with pytest.raises(BackendBusy):
        raise_error_object(
            b'{"error":{"message":"Rate limit: reduce the length of the messages"}}', status=429
        )
    with pytest.raises(BackendRefused):
        raise_error_object(b'{"error":{"message":"tools need a context"}}', status=400)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ('{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}', Usage(5, 2)),
        ('{"prompt_tokens":5,"total_tokens":5}', Usage(5, 0)),
        ('{"total_tokens":9}', Usage(9, 0)),
        ('{"prompt_tokens":5,"total_tokens":8}', Usage(5, 3)),
        ('{"completion_tokens":2,"total_tokens":8}', Usage(6, 2)),
        ('{"prompt_tokens":5.0,"completion_tokens":null}', Usage(5, 0)),
        ('{"prompt_tokens":-5,"completion_tokens":1e300}', Usage(0, 2**53)),
        (
            '{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4}}',
            Usage(5, 1, 4),
        ),
        ("null", Usage()),
        ("{}", Usage()),
    ],
)
def test_usage(usage: str, expected: Usage) -> None:
    assert check_answer(f'{{"choices":[],"usage":{usage}}}'.encode()) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{"message":{"content":"\xc3\xa9"}}]}',
        b'{"data":[]}',
        b'{"results":[],"error":null}',
        b'{"choices":[],"error":{}}',
        b'{"choices":[{"error":null}]}',
    ],
)
def test_good_answers(body: bytes) -> None:
    assert check_answer(body) == Usage()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"message":"no"}}', BackendFailed),
        (b'{"error":{"message":"no","code":429}}', BackendBusy),
        (b'{"choices":[],"error":{"message":"no","code":400}}', BackendRefused),
        (b'{"choices":[{"error":{"message":"no","code":502},"finish_reason":"error"}]}', BackendFailed),
        (b'{"object":"error","message":"no","code":404}', BackendRefused),
        (b'{"detail":"Not Found"}', BackendFailed),
        (b'{"error":{"code":"context_length_exceeded","message":"no"}}', ContextTooLong),
        (b'{"id":"x"}', BackendBadAnswer),
        (b'{"choices":null}', BackendBadAnswer),
        (b'{"choices":{}}', BackendBadAnswer),
        (b'{"choices":[{"message":{"content":"\xff"}}]}', BackendBadAnswer),
        (b"<html>", BackendBadAnswer),
        (b"", BackendBadAnswer),
        (b"[]", BackendBadAnswer),
        (b'{"choices":[', BackendBadAnswer),
        (b'{"choices":[{"message":' + b"[" * 200_000, BackendBadAnswer),
    ],
)
def test_a_200_hides_no_failure(body: bytes, kind: type[RoundhouseError]) -> None:
    with pytest.raises(RoundhouseError) as caught:
        check_answer(body)
    assert type(caught.value) is kind


# --- streams ---


def line(
    text: str | None = None, *, finish: str | None = None, index: int = 0, **more: Any
) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def scan(pieces: list[bytes], *, wants_usage: bool = False) -> tuple[bytes, str, Usage]:
    """What comes out of a whole stream, and the class of the error that ends it."""
    scanner = EventScanner(wants_usage=wants_usage)
    out = b""
    try:
        for piece in pieces:
            events = scanner.feed(piece)
            assert not events or events.endswith(b"\n\n")
            out += events
        out += scanner.end()
    except RoundhouseError as error:
        return out, type(error).__name__, scanner.usage
    return out, "", scanner.usage


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(marks)]


BLOCKS = st.sampled_from(
    [
        "data: " + json.dumps(line("Hello")),
        "data:" + json.dumps(line("không có dấu cách", index=1), ensure_ascii=False),
        "data: " + json.dumps(line("猫", finish="stop"), ensure_ascii=False),
        "data: " + json.dumps(line(finish="stop", index=1)),
        "event: message\nid: 4\ndata: " + json.dumps(line("named")),
        "data: " + json.dumps(line("several"), indent=1).replace("\n", "\ndata: "),
        ": keep-alive",
        ":",
        "retry: 100",
        "\n",
        "data: " + json.dumps(line("  spaced ")) + "  ",
        'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
        'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}',
        'data: {"choices":[],"prompt_filter_results":[]}',
        "data: [DONE]",
        'data: {"error":{"message":"no","code":429}}',
        'error: {"code":500,"message":"no"}',
        '{"error":{"message":"bare"}}',
        "data: {broken",
        "data: ",
        "\ufeffdata: " + json.dumps(line("mark")),
    ]
)


@settings(deadline=None)
@given(
    blocks=st.lists(BLOCKS, max_size=8),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    places=st.lists(st.integers(0, 5000), max_size=12),
    wants_usage=st.booleans(),
    last=st.booleans(),
)
def test_output_does_not_depend_on_reads(
    blocks: list[str], line_end: str, places: list[int], wants_usage: bool, last: bool
) -> None:
    text = "\n\n".join(blocks) + ("\n\n" if last else "")
    data = text.replace("\n", line_end).encode()
    expected = scan([text.encode()], wants_usage=wants_usage)
    assert scan(cut(data, places), wants_usage=wants_usage) == expected
    assert scan([data[place : place + 1] for place in range(len(data))], wants_usage=wants_usage) == expected
    for passed in expected[0].split(b"\n\n")[:-1]:
        assert passed.startswith(b":") or isinstance(json.loads(passed.removeprefix(b"data: ")), dict)
        assert b"\n" not in passed


def test_whole_stream_passes_as_it_came() -> None:
    data = event(line("Hel")) + event(line("lo")) + event(line(finish="stop"))
    assert scan([data + b"data: [DONE]\n\n"]) == (data, "", Usage())


def test_usage_chunk_only_for_who_asked() -> None:
    text = event(line("x", finish="stop"))
    told = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    assert scan([text + told]) == (text, "", Usage(3, 2))
    assert scan([text + told], wants_usage=True) == (text + told, "", Usage(3, 2))


def test_usage_beside_a_choice_passes() -> None:
    last = event(line("x", finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2}))
    assert scan([last]) == (last, "", Usage(3, 2))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (event(line("cut in the middle")), "BackendFailed"),
        (event(line("a", index=0)) + event(line("b", index=1)) + event(line(finish="stop")), "BackendFailed"),
        (event(line("x")) + b'data: {"choices":[{"ind', "BackendBadAnswer"),
        (b"", "BackendFailed"),
        (b"<html><body>502</body></html>", "BackendFailed"),
        (event(line("x")) + b"data: hello\n\n", "BackendBadAnswer"),
        (b"data: [1,2]\n\n", "BackendBadAnswer"),
        (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', "BackendBadAnswer"),
        (b'data: {"choices":' + b"[" * 200_000 + b"\n\n", "BackendBadAnswer"),
        (event({"error": {"message": "no", "code": 503}}), "BackendFailed"),
        (event({"error": {"message": "no", "type": "rate_limit_error"}}), "BackendBusy"),
        (event({"error": {"message": "maximum context length is 10 tokens", "code": 400}}), "ContextTooLong"),
        (event({"object": "error", "message": "no", "code": 400}), "BackendRefused"),
        (event({"choices": [{"index": 0, "error": {"message": "no", "code": 502}}]}), "BackendFailed"),
        (b'event: error\ndata: {"message":"no"}\n\n', "BackendFailed"),
        (b"error: no json\n\n", "BackendBadAnswer"),
    ],
)
def test_bad_streams(data: bytes, kind: str) -> None:
    assert scan([data])[1] == kind


def test_text_before_an_error_is_not_lost() -> None:
    good = event(line("said already"))
    scanner = EventScanner(wants_usage=False)
    assert scanner.feed(good + event({"error": {"message": "no"}})) == good
    assert isinstance(scanner.failure, BackendFailed)
    for again in (lambda: scanner.feed(b""), scanner.end):
        with pytest.raises(BackendFailed, match="no"):
            again()


def test_end_takes_an_event_without_its_blank_line() -> None:
    scanner = EventScanner(wants_usage=False)
    last = event(line("x", finish="stop"))
    assert scanner.feed(last[:-2]) == b""
    assert scanner.end() == last


def test_done_ends_it_whatever_follows() -> None:
    scanner = EventScanner(wants_usage=False)
    assert scanner.feed(b"data: [DONE]\n\n" + event({"error": {"message": "late"}})) == b""
    assert scanner.done
    assert scanner.feed(event(line("late"))) == b""
    assert scanner.end() == b""


class SmallScanner(EventScanner):
    MAX_EVENT_BYTES = 10_000


def test_endless_event_is_refused_in_little_memory() -> None:
    scanner = SmallScanner(wants_usage=False)
    fed = 0
    with pytest.raises(BackendBadAnswer):
        while fed < 100_000:
            assert scanner.feed(b"data: " + b"a" * 500) == b""
            fed += 506
    assert fed <= 10_000


def test_event() -> None:
    assert event({"a": msgspec.Raw(b"[1]")}) == b'data: {"a":[1]}\n\n'


@pytest.mark.parametrize("before", ["\n", "\n\n\n", "\ufeff", ": hello\n\n\n"])
def test_what_stands_before_an_event_does_not_hide_it(before: str) -> None:
    last = event(line("x", finish="stop"))
    assert scan([before.encode() + last])[0].endswith(last)
    assert scan([last + before.encode() + b": alive\n\n"])[0].endswith(b": alive\n\n")
