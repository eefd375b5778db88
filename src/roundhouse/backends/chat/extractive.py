"""The built-in chat model: answers by quoting the conversation and summarises by choosing sentences.

It writes nothing of its own but a few fixed sentences, so `temperature`, `seed` and their kin have no effect; what it
cannot do at all (tools, JSON, pictures, several choices, log-probabilities) is refused. The work runs in a thread and
stops when the client goes. Tokens are counted roughly, see `extractive.answer.count_tokens`.

Source:
    OpenAI API reference (2026-11): chat completion object and chunk, completion object.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Literal

import msgspec

from roundhouse.backends.extractive.answer import count_tokens, cut, pieces, reply
from roundhouse.backends.extractive.conversation import MAX_CHARS, Turn
from roundhouse.core import wire
from roundhouse.core.errors import BadInput, Cancelled, ModelNotFound, NotSupported, UnsupportedContent
from roundhouse.core.ids import new_id
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, Fields, ModelInfo, ModelRequest, Provider, Usage

MODEL = "extractive"
CONTEXT_TOKENS = MAX_CHARS // 4
"""Of a longer conversation the most recent part is read; it is not refused."""

MAX_PROMPTS = 64
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})

_HARMLESS: dict[str, tuple[Any, ...]] = {
    "tools": ([],),
    "tool_choice": ("none",),
    "functions": ([],),
    "function_call": ("none",),
    "response_format": ({"type": "text"},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "audio": (),
    "modalities": (["text"],),
    "web_search_options": (),
}
"""Members that ask what this model cannot do, and the values with which they ask nothing."""


class _Part(msgspec.Struct):
    type: str
    text: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _Job(msgspec.Struct):
    """One request, read: a conversation for each choice, and where the answer has to end."""

    operation: Literal["chat", "completions"]
    conversations: list[list[Turn]]
    stop: list[str]
    max_tokens: int | None


class _Choice(msgspec.Struct):
    text: str
    finish_reason: str


class _Said(msgspec.Struct):
    choices: list[_Choice]
    usage: Usage


class ExtractiveChat:
    """`core.ports.ChatBackend` of the model `extractive`; `provider` and the network are not used."""

    operations = frozenset({"chat", "completions"})

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._clock = context.clock

    async def chat(self, request: ModelRequest, model: str) -> Answer:
        """The whole answer.

        Raises:
            BadInput: `messages`, `prompt`, `stop` or `max_tokens` is missing or not what it has to be.
            NotSupported: Tools, JSON output, several choices, log-probabilities, sound.
            UnsupportedContent: A message part is not text.
            ModelNotFound: `model` is not this model.
        """
        job = _read(request, model)
        gone = threading.Event()
        try:
            said = await asyncio.to_thread(_say, job, gone.is_set)
        finally:
            gone.set()
        head = self._head(job, model, chunk=False)
        return Answer(body=msgspec.json.encode(_whole(head, job, said)), usage=said.usage)

    async def stream(self, request: ModelRequest, model: str) -> ExtractiveStream:
        """The answer in words; raises like `chat`, at once."""
        job = _read(request, model)
        return ExtractiveStream(job, self._head(job, model, chunk=True), include_usage=request.include_usage)

    async def close(self) -> None:
        """Nothing is held."""

    def _head(self, job: _Job, model: str, *, chunk: bool) -> dict[str, Any]:
        if job.operation == "completions":
            kind, name = "cmpl", "text_completion"
        else:
            kind, name = "chatcmpl", "chat.completion.chunk" if chunk else "chat.completion"
        return {"id": new_id(kind), "object": name, "created": int(self._clock.now_s()), "model": model}


class ExtractiveStream:
    """`core.ports.AnswerStream`: the sentences are chosen when the first event is asked for."""

    def __init__(self, job: _Job, head: dict[str, Any], *, include_usage: bool) -> None:
        self._job = job
        self._head = head
        self._include_usage = include_usage
        self._gone = threading.Event()
        self.usage = Usage()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        chat = self._job.operation == "chat"
        if chat:
            yield self._event(
                {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
            )
        try:
            said = await asyncio.to_thread(_say, self._job, self._gone.is_set)
        except Cancelled:
            return
        finally:
            self._gone.set()
        self.usage = said.usage
        for index, choice in enumerate(said.choices):
            for piece in pieces(choice.text):
                yield self._event(_delta(index, piece, None, chat=chat))
            yield self._event(_delta(index, "", choice.finish_reason, chat=chat))
        if self._include_usage:
            yield wire.event({**self._head, "choices": [], "usage": _usage_wire(said.usage)})

    async def aclose(self) -> None:
        """Stop choosing sentences. Idempotent."""
        self._gone.set()

    def _event(self, choice: dict[str, Any]) -> bytes:
        return wire.event({**self._head, "choices": [choice]})


def model_info() -> ModelInfo:
    """What the provider of the model says of it."""
    return ModelInfo(
        id=MODEL,
        operations=("chat", "completions"),
        context_tokens=CONTEXT_TOKENS,
        family="extractive",
        tools=False,
    )


def _read(request: ModelRequest, model: str) -> _Job:
    """Check a request and take out what matters."""
    if model.lower() != MODEL:
        raise ModelNotFound(f"The built-in chat model is {MODEL!r}, not {model!r}.", param="model")
    fields = request.fields
    _refuse_unsupported(fields)
    max_tokens = wire.read(fields, "max_completion_tokens", int) or wire.read(fields, "max_tokens", int)
    for name in ("max_completion_tokens", "max_tokens"):
        value = wire.read(fields, name, int)
        if value is not None and value < 1:
            raise BadInput(f"{name!r} must be at least 1.", param=name)
    stop = wire.read(fields, "stop", str | list[str]) or []
    stops = [text for text in ([stop] if isinstance(stop, str) else stop) if text]
    if request.operation == "completions":
        return _Job("completions", [[Turn("user", prompt)] for prompt in _prompts(fields)], stops, max_tokens)
    return _Job("chat", [_turns(fields)], stops, max_tokens)


def _refuse_unsupported(fields: Fields) -> None:
    for name, harmless in _HARMLESS.items():
        value = wire.read(fields, name)
        if value is not None and value not in harmless:
            raise NotSupported(
                f"The built-in model quotes sentences; it cannot do what {name!r} asks. Choose a language model"
                " (`roundhouse models discover` finds those on this machine).",
                param=name,
            )


def _turns(fields: Fields) -> list[Turn]:
    messages: list[_Message] | None = wire.read(fields, "messages", list[_Message])
    if not messages:
        raise BadInput("'messages' is missing or empty.", param="messages")
    for number, message in enumerate(messages):
        if message.role not in _ROLES:
            raise BadInput(f"Message {number} has the unknown role {message.role[:40]!r}.", param="messages")
    return [Turn(message.role, _text(message.content)) for message in messages]


def _text(content: str | list[_Part] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    for part in content:
        if part.type not in _TEXT_PARTS and part.type != "refusal":
            raise UnsupportedContent(
                f"The built-in model takes text only, not a part of type {part.type[:40]!r}.",
                param="messages",
            )
    return "\n\n".join(part.text for part in content if part.text and part.type in _TEXT_PARTS)


def _prompts(fields: Fields) -> list[str]:
    raw = wire.read(fields, "prompt")
    if isinstance(raw, list) and raw and all(isinstance(item, int | list) for item in raw):
        raise NotSupported("The built-in model has no vocabulary: 'prompt' must be text.", param="prompt")
    prompt = wire.read(fields, "prompt", str | list[str])
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not prompts:
        raise BadInput("'prompt' is missing or empty.", param="prompt")
    if len(prompts) > MAX_PROMPTS:
        raise BadInput(
            f"'prompt' has {len(prompts)} items; at most {MAX_PROMPTS} are allowed.", param="prompt"
        )
    return prompts


def _say(job: _Job, should_stop: Callable[[], bool]) -> _Said:
    """Answer every conversation of a request; runs in a thread."""
    choices: list[_Choice] = []
    for turns in job.conversations:
        choices.append(_ended(reply(turns, should_stop).text, job.stop, job.max_tokens))
    prompt_tokens = sum(count_tokens(turn.text) for turns in job.conversations for turn in turns)
    return _Said(choices, Usage(prompt_tokens, sum(count_tokens(choice.text) for choice in choices)))


def _ended(text: str, stop: Sequence[str], max_tokens: int | None) -> _Choice:
    """The text up to the first stop sequence and at most `max_tokens` long."""
    ends = [place for place in (text.find(mark) for mark in stop) if place >= 0]
    if ends:
        text = text[: min(ends)]
    if max_tokens is not None:
        short = cut(text, max_tokens)
        if len(short) < len(text):
            return _Choice(short, "length")
    return _Choice(text, "stop")


def _whole(head: dict[str, Any], job: _Job, said: _Said) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    for index, choice in enumerate(said.choices):
        common = {"index": index, "logprobs": None, "finish_reason": choice.finish_reason}
        if job.operation == "completions":
            choices.append({"text": choice.text, **common})
        else:
            choices.append(
                {"message": {"role": "assistant", "content": choice.text, "refusal": None}, **common}
            )
    return {**head, "choices": choices, "usage": _usage_wire(said.usage)}


def _delta(index: int, piece: str, finish_reason: str | None, *, chat: bool) -> dict[str, Any]:
    if not chat:
        return {"index": index, "text": piece, "logprobs": None, "finish_reason": finish_reason}
    delta = {"content": piece} if finish_reason is None else {}
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _usage_wire(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
