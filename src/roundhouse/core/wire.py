"""OpenAI's wire format, touched as little as possible: JSON heads, answers and server-sent events.

Everything works on bytes. A request is opened one level deep only; an answer is checked to be what it claims
(a 200 never hides a failure) and its usage read; everything else passes through as it came.

Source:
    OpenAI API reference (2026-11): chat completion object, chat completion chunk, error object.
    WHATWG HTML, section 9.2 (2026): framing of server-sent events.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import msgspec

from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendBusy,
    BackendFailed,
    BackendRefused,
    BadInput,
    ContextTooLong,
    NotSupported,
    UnsupportedContent,
)
from roundhouse.core.types import Fields, Usage

DONE = b"data: [DONE]\n\n"

_MOST_TOKENS = 2**53
_BOM = b"\xef\xbb\xbf"
# `Raw | None` would accept nothing but null: a Raw that is not there is this one.
_ABSENT = msgspec.Raw(b"null")
_NO_ERROR = (b"null", b"{}", b'""', b"false")

_fields_decoder = msgspec.json.Decoder(Fields)
_encoder = msgspec.json.Encoder()


class _UsageDetails(msgspec.Struct):
    cached_tokens: int | float | None = None


class _UsageWire(msgspec.Struct):
    prompt_tokens: int | float | None = None
    completion_tokens: int | float | None = None
    total_tokens: int | float | None = None
    prompt_tokens_details: _UsageDetails | None = None


class _Choice(msgspec.Struct):
    index: int | None = 0
    finish_reason: str | None = None
    error: msgspec.Raw = _ABSENT


class _Answer(msgspec.Struct):
    usage: _UsageWire | None = None
    error: msgspec.Raw = _ABSENT
    choices: list[_Choice] | None = None
    data: list[msgspec.Raw] | None = None
    results: list[msgspec.Raw] | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _UsageWire | None = None
    error: msgspec.Raw = _ABSENT


_answer_decoder = msgspec.json.Decoder(_Answer)
_chunk_decoder = msgspec.json.Decoder(_Chunk)
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def open_object(body: bytes) -> Fields:
    """Open a JSON object one level deep; of duplicate keys the last one counts.

    Raises:
        BadInput: Not JSON, not an object, not UTF-8, or nested too deep.
    """
    try:
        if not body.isascii():
            # The decoder looks at no string that it passes by.
            body.decode()
        return _fields_decoder.decode(body)
    except RecursionError:
        raise BadInput("The JSON body is nested too deep.") from None
    except UnicodeDecodeError:
        raise BadInput("The body is not a JSON object: it is not UTF-8.") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"The body is not a JSON object: {error}") from None


def close_object(fields: Fields, /, **changed: Any) -> bytes:
    """Encode `fields` again, members of `changed` replaced or added; a value None removes the member."""
    merged: dict[str, Any] = {**fields, **changed}
    for name, value in changed.items():
        if value is None:
            del merged[name]
    return _encoder.encode(merged)


def read(fields: Fields, name: str, kind: Any = Any) -> Any:
    """Decode one member, None when it is missing or null.

    Raises:
        BadInput: It is not of type `kind`.
    """
    raw = fields.get(name)
    if raw is None or _is(raw, b"null"):
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except RecursionError:
        raise BadInput(f"{name!r} is nested too deep.", param=name) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{name!r}: {error}", param=name) from None


def _is(raw: msgspec.Raw, *texts: bytes) -> bool:
    """Whether a member is one of some short texts; a long one is not copied for it."""
    view = memoryview(raw)
    return len(view) <= 5 and view.tobytes() in texts


def _usage(wire: _UsageWire) -> Usage:
    """Tokens, also where only the total is told (embeddings): that is the prompt's."""
    prompt, completion, total = wire.prompt_tokens, wire.completion_tokens, wire.total_tokens or 0
    if prompt is None:
        prompt = total - (completion or 0)
    if completion is None:
        completion = total - prompt
    details = wire.prompt_tokens_details
    return Usage(_count(prompt), _count(completion), _count(details.cached_tokens or 0) if details else 0)


def _count(number: float) -> int:
    return max(0, min(int(number), _MOST_TOKENS))


_TOO_LONG = re.compile(
    r"maximum context length|context[_ ](?:length|window|size).{0,60}(?:exceed|overflow|too (?:long|small))"
    r"|exceed\w*.{0,60}context|prompt is too long|context the overflows|input token count.{0,40}exceeds"
    r"|tokens \+ `?max_new_tokens|reduce the length of the (?:messages|prompt|input)|too large to process",
    re.IGNORECASE | re.DOTALL,
)
# llama.cpp answers 500 to these, though the request is at fault: it must not open the circuit for everybody.
_NO_SUCH_INPUT = re.compile(r"(?:image|audio|video) input is not supported")
_UNREADABLE = re.compile(r"Failed to parse (?:messages|tools|tool call arguments)")
_STATUS_OF = {
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "NotFoundError": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "too_many_requests": 429,
    "RateLimitError": 429,
    "overloaded_error": 503,
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class _Fault(msgspec.Struct):
    """An error in whatever shape a vendor gives it: its text, and what its codes and types say."""

    message: str
    status: int | None = None
    names: list[str] = []


def raise_error_object(
    raw: bytes, *, status: int | None = None, retry_after_s: float | None = None
) -> NoReturn:
    """Turn a vendor's error object (or text) into one error of the tree; its status is kept where it has one.

    A provider that refuses Roundhouse's own key (401, 402, 403) is a failure of that provider, never the
    client's: it becomes a 502 that lets another target answer, and holds nothing of the vendor's text.

    Args:
        raw: The value of `error`, or a whole error body.
        status: HTTP status of the answer; None or 200 = the status is looked for inside the object.
        retry_after_s: From the answer's `Retry-After`.

    Raises:
        ContextTooLong: The vendor says, by code or words, that the input does not fit the context window.
        UnsupportedContent: The vendor's model does not take a kind of message part.
        NotSupported: 501, the vendor's model cannot do this operation.
        BackendBusy: 429.
        BackendRefused: Other 4xx.
        BackendFailed: Anything else.
    """
    fault = _fault(raw)
    if status is None or status < 400:
        status = fault.status
    if status in (401, 402, 403, 407):
        named = "".join(f", {name}" for name in fault.names[:1])
        raise BackendFailed(
            f"The provider did not accept Roundhouse's own credentials for it (HTTP {status}{named})."
        )
    if status in (None, 400, 413, 422, 500) and (
        "context_length_exceeded" in fault.names or _TOO_LONG.search(fault.message)
    ):
        raise ContextTooLong(fault.message)
    if status in (500, 501):
        status = _meant(status, fault)
    if status == 429:
        raise BackendBusy(fault.message, retry_after_s=retry_after_s)
    if status is not None and 400 <= status < 500:
        if status in (408, 409, 425):
            raise BackendFailed(fault.message, status=status, retry_after_s=retry_after_s)
        raise BackendRefused(fault.message, status=status)
    kept = status if status in (500, 503, 504, 529) else None
    raise BackendFailed(fault.message, status=kept, retry_after_s=retry_after_s)


def _meant(status: int, fault: _Fault) -> int:
    """The status that a server should have answered instead of this 5xx."""
    if status == 501:
        raise NotSupported(fault.message)
    if _NO_SUCH_INPUT.search(fault.message):
        raise UnsupportedContent(fault.message)
    return 400 if _UNREADABLE.search(fault.message) else status


def _fault(raw: bytes) -> _Fault:
    try:
        value = msgspec.json.decode(raw)
    except _BROKEN:
        text = raw[:600].decode("utf-8", "replace").strip()
        if text.startswith("<"):
            return _Fault("The model server answered with a page of HTML instead of its protocol.")
        return _Fault(text[:300] or "The model server gave an error without a message.")
    fault = _Fault("")
    while True:
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict):
            break
        _note_codes(fault, value)
        inner = value.get("error") or value.get("message") or value.get("detail") or value.get("msg")
        if inner is None:
            break
        value = inner
    fault.message = (value if isinstance(value, str) else msgspec.json.encode(value).decode())[:2000]
    return fault


def _note_codes(fault: _Fault, value: dict[str, Any]) -> None:
    for name in ("type", "code", "status_code", "status"):
        told = value.get(name)
        if isinstance(told, str) and told.isdecimal() and len(told) == 3:
            told = int(told)
        if isinstance(told, int) and 400 <= told < 600:
            fault.status = told
        elif isinstance(told, str) and _NAME.fullmatch(told):
            fault.names.insert(0, told)
            if fault.status is None:
                fault.status = _STATUS_OF.get(told)


def _raise_if_error(raw: msgspec.Raw) -> None:
    if not _is(raw, *_NO_ERROR):
        raise_error_object(bytes(raw))


def _raise_if_bare_error(payload: bytes) -> None:
    """An error that is not wrapped in `error`, as older vLLM and FastAPI servers give it."""
    value = msgspec.json.decode(payload)
    if "error" in (value.get("object"), value.get("type")) or {"message", "detail"} & value.keys():
        raise_error_object(payload)


def check_answer(body: bytes) -> Usage:
    """Check that a 200's body is an answer and read its usage.

    Raises:
        BackendFailed: The body holds an error object (BackendBusy, BackendRefused by its status).
        ContextTooLong: That error is about the context window.
        BackendBadAnswer: Not JSON, or none of `choices`, `data`, `results`.
    """
    try:
        answer = _answer_decoder.decode(body)
        if not body.isascii():
            body.decode()
    except _BROKEN:
        raise BackendBadAnswer("The model server's answer is not the JSON of its protocol.") from None
    if answer.error is not _ABSENT:
        _raise_if_error(answer.error)
    if answer.choices is None and answer.data is None and answer.results is None:
        _raise_if_bare_error(body)
        raise BackendBadAnswer("The model server's answer has neither choices nor data.")
    for choice in answer.choices or ():
        if choice.error is not _ABSENT:
            _raise_if_error(choice.error)
    return _usage(answer.usage) if answer.usage is not None else Usage()


class EventScanner:
    """Checks a stream of chat chunks event by event and gives back what may be sent on.

    Whole events only are let through, each as one line `data: {…}` with a blank line, or as a comment;
    `[DONE]` is swallowed (the edge writes its own) and nothing after it passes. A usage chunk with empty
    choices passes only when the client asked for it. What comes out does not depend on where reads end.

    Attributes:
        usage: Tokens as told so far.
        done: `[DONE]` has come.
        failure: Why the stream failed, when events before the failure had to be given back first; the next
            `feed` or `end` raises it.
    """

    __slots__ = ("_carry", "_ended", "_last_index", "_skip_lf", "_wants_usage", "done", "failure", "usage")

    MAX_EVENT_BYTES = 16 * 1024 * 1024

    def __init__(self, *, wants_usage: bool) -> None:
        self._carry = bytearray()
        self._skip_lf = False
        self._wants_usage = wants_usage
        self._ended: set[int] = set()
        self._last_index = 0
        self.usage = Usage()
        self.done = False
        self.failure: BackendFailed | ContextTooLong | None = None

    @property
    def finished(self) -> bool:
        """Whether every choice seen so far has its finish reason."""
        return len(self._ended) > self._last_index

    def feed(self, piece: bytes) -> bytes:
        """Take bytes as they were read; return the whole events to send on, maybe empty.

        Raises:
            BackendBadAnswer: An event is not JSON, or larger than `MAX_EVENT_BYTES`.
            BackendFailed: An event is an error (BackendBusy, BackendRefused, ContextTooLong by what it says).
        """
        if self.failure is not None:
            raise self.failure
        whole = self._cut(piece)
        if not whole:
            return b""
        kept: list[bytes] = []
        try:
            for event in whole.split(b"\n\n"):
                taken = self._take(event)
                if taken:
                    kept.append(taken)
        except (BackendFailed, ContextTooLong) as error:
            self.failure = error
            if not kept:
                raise
        return b"\n\n".join(kept) + b"\n\n" if kept else b""

    def end(self) -> bytes:
        """Call when the upstream closed: an event without its blank line is taken if it is whole.

        Raises:
            BackendBadAnswer: The last event is cut.
            BackendFailed: The stream was cut before a finish reason or `[DONE]`.
        """
        if self.failure is not None:
            raise self.failure
        rest = self.feed(b"\n\n") if self._carry.strip() else b""
        if not (self.done or self.finished):
            raise BackendFailed("The model server ended the stream before the answer was complete.")
        return rest

    def _cut(self, piece: bytes) -> bytes:
        """Put `piece` behind what was carried; the whole events, without their last blank line."""
        if self._skip_lf or b"\r" in piece:
            piece = self._without_cr(piece)
        if self._carry:
            carry = self._carry
            # A blank line may have its first half in the carry; what was searched is not searched again.
            start = len(carry) - 1
            carry += piece
            end = carry.rfind(b"\n\n", start)
            if end < 0:
                return self._wait()
            piece = bytes(carry)
            carry.clear()
        else:
            end = piece.rfind(b"\n\n")
            if end < 0:
                self._carry += piece
                return self._wait()
        if end + 2 < len(piece):
            self._carry += piece[end + 2 :]
        return piece[:end]

    def _without_cr(self, piece: bytes) -> bytes:
        """Line ends as LF; a CR at the very end counts at once, and an LF that follows it is left out."""
        if self._skip_lf and piece:
            self._skip_lf = False
            piece = piece.removeprefix(b"\n")
        if piece.endswith(b"\r"):
            self._skip_lf = True
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _wait(self) -> bytes:
        if len(self._carry) > self.MAX_EVENT_BYTES:
            raise BackendBadAnswer("The model server sent an endless event.")
        return b""

    def _take(self, event: bytes) -> bytes:
        """One event as it is sent on, empty = it is not."""
        if self.done:
            return b""
        if b"\n" in event:
            event = event.strip(b"\n")
        if event.startswith(b"data: {") and b"\n" not in event:
            payload = event[6:]
        else:
            event = event.removeprefix(_BOM)
            payload = _payload(event)
            if not payload:
                return event if event.startswith(b":") else b""
            if payload == b"[DONE]":
                self.done = True
                return b""
            event = b"data: " + payload
        try:
            chunk = _chunk_decoder.decode(payload)
            if not payload.isascii():
                payload.decode()
        except _BROKEN:
            raise BackendBadAnswer("The model server sent a broken event.") from None
        return event if self._passes(chunk, payload) else b""

    def _passes(self, chunk: _Chunk, payload: bytes) -> bool:
        if chunk.error is not _ABSENT:
            _raise_if_error(chunk.error)
        choices = chunk.choices
        if choices:
            for choice in choices:
                if choice.error is not _ABSENT:
                    _raise_if_error(choice.error)
                index = choice.index or 0
                if choice.finish_reason:
                    self._ended.add(index)
                elif index > self._last_index:
                    self._last_index = index
        elif choices is None and chunk.usage is None:
            _raise_if_bare_error(payload)
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage)
            return bool(choices) or self._wants_usage
        return True


def _payload(event: bytes) -> bytes:
    """The joined `data` lines of one event as one line; empty for comments and bare fields.

    llama.cpp names a failure in the field `error:`, and some servers write it as bare JSON: these count too.
    """
    lines = event.split(b"\n")
    data = [line[5:] for line in lines if line.startswith(b"data:")]
    if data:
        # JSON knows line breaks only between its tokens, where a blank means the same.
        return b" ".join(data).strip()
    for line in lines:
        if line.startswith(b"error:"):
            return b'{"error":' + (line[6:].strip() or b"true") + b"}"
        if line.startswith(b"{"):
            return b" ".join(lines).strip()
    return b""


def event(value: Any) -> bytes:
    """One server-sent event with `value` as JSON."""
    return b"data: " + _encoder.encode(value) + b"\n\n"
