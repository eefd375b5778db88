"""What a request asks of a model, read from the request itself: for the model name `auto`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from roundhouse.core import wire
from roundhouse.core.types import ModelRequest

Task = Literal["chat", "code", "summarize", "translate", "reasoning", "vision", "embedding", "rerank"]
Complexity = Literal["low", "medium", "high"]

LOOK_AT_CHARS = 8000
"""Language and task are told from the last so many characters of the user's words."""

_SHORT_CHARS, _LONG_CHARS, _VERY_LONG_CHARS = 280, 4000, 16_000
_IMAGE_TOKENS = 1000
_ANSWER_TOKENS = 1024

_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u4e00-\u9fff\u3400-\u4dbf]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
)
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
# Letters of Vietnamese that neither French nor Portuguese nor Romanian has.
_VIETNAMESE = re.compile("[\u01a0\u01a1\u01af\u01b0\u1ea0-\u1ef9]")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")

_CODE = re.compile(
    r"```|\b(?:def|class|import|function|const|return|SELECT|INSERT|#include|public static)\b.*[;:({]|Traceback \(most"
    r"|\b(?:python|javascript|typescript|rust|golang|java|c\+\+|sql|bash|regex|kubernetes|dockerfile)\b.*"
    r"\b(?:code|function|script|program|query|write|fix|bug|error)\b"
    r"|\b(?:code|function|script|program|query|write|fix|debug|refactor)\b.*"
    r"\b(?:python|javascript|typescript|rust|golang|java|sql|bash|regex)\b",
    re.IGNORECASE,
)
_TRANSLATE = re.compile(
    r"\btranslat(?:e|ion)\b|\bdịch (?:sang|câu|đoạn|văn)|翻译|翻譯|תרגם|תרגמי|לתרגם", re.IGNORECASE
)
_SUMMARIZE = re.compile(
    r"\bsummar(?:y|i[sz]e|ies)\b|\btl;?dr\b|tóm tắt|总结|總結|摘要|סכם|סיכום|תקציר", re.IGNORECASE
)
_REASON = re.compile(
    r"\bstep by step\b|\bprove\b|\bderive\b|\bproof\b|\bhow many ways\b|\bsolve\b|\bpuzzle\b|\bequation\b"
    r"|chứng minh|từng bước|giải phương trình|证明|逐步|推理|הוכח|צעד אחר צעד|פתור",
    re.IGNORECASE,
)
_DEEPEST = 5
"""Content is a list of parts, some with lists inside; what lies deeper is nobody's form."""


class Demand(msgspec.Struct, frozen=True):
    """What is wanted.

    Attributes:
        task: Kind of work.
        language: ISO 639 code; `en` when nothing tells another.
        complexity: How able a model it takes.
        tools_needed: The request brings tools.
        inputs_needed: Modalities besides text.
        context_tokens: Room that question and answer take, roughly.
    """

    task: Task = "chat"
    language: str = "en"
    complexity: Complexity = "medium"
    tools_needed: bool = False
    inputs_needed: tuple[str, ...] = ()
    context_tokens: int = 0


def demand_of(request: ModelRequest) -> Demand:
    """Read a request.

    Raises:
        BadInput: A member that is looked at is not of its type.
    """
    if request.operation == "embeddings":
        texts, inputs = _collect(wire.read(request.fields, "input"))
        return Demand("embedding", language_of(texts[-LOOK_AT_CHARS:]), "medium", inputs_needed=inputs)
    if request.operation == "rerank":
        text = str(wire.read(request.fields, "query") or "")
        return Demand("rerank", language_of(text[-LOOK_AT_CHARS:]))
    tools = bool(wire.read(request.fields, "tools", list[msgspec.Raw] | None))
    if request.operation == "completions":
        words, inputs = _collect(wire.read(request.fields, "prompt"))
        every, turns = words, 1
    else:
        messages = wire.read(request.fields, "messages", list[dict[str, Any]]) or []
        words = _collect([one.get("content") for one in messages if one.get("role") == "user"])[0]
        every, inputs = _collect([one.get("content") for one in messages])
        turns = len(messages)
    recent = words[-LOOK_AT_CHARS:]
    task = _task(recent, inputs)
    return Demand(
        task=task,
        language=language_of(recent),
        complexity=_complexity(task, len(words), len(every), turns, tools=tools),
        tools_needed=tools,
        inputs_needed=inputs,
        context_tokens=_tokens(every) + _IMAGE_TOKENS * bool(inputs) + _wanted_tokens(request),
    )


def language_of(text: str) -> str:
    """The language of a text, told by its script, and Vietnamese by its letters; else `en`."""
    text = unicodedata.normalize("NFC", text)
    latin = len(_LATIN.findall(text))
    counts = {language: len(pattern.findall(text)) for language, pattern in _SCRIPTS}
    if counts["ja"] and counts["zh"]:
        # Japanese mixes kana with Chinese characters; Chinese has no kana.
        counts["ja"] += counts.pop("zh")
    language, count = max(counts.items(), key=lambda one: one[1])
    # A Chinese character says about as much as three Latin letters.
    weight = 3 if language in {"zh", "ja", "ko"} else 1
    if count and count * weight > latin:
        return language
    if latin and len(_VIETNAMESE.findall(text)) / latin > 0.03:
        return "vi"
    return "en"


def _collect(value: Any) -> tuple[str, tuple[str, ...]]:
    """All text in a content of any form, and the other modalities in it."""
    texts: list[str] = []
    inputs: set[str] = set()
    for kind, text in _parts(value):
        if kind == "text":
            texts.append(text)
        else:
            inputs.add(kind)
    return "\n".join(texts), tuple(sorted(inputs))


def _parts(value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield "text", value
    elif isinstance(value, list) and depth < _DEEPEST:
        for one in value:
            yield from _parts(one, depth + 1)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield "text", value["text"]
        for modality in ("image", "audio", "video"):
            if any(modality in str(word) for word in (value.get("type"), *value)):
                yield modality, ""


def _task(words: str, inputs: tuple[str, ...]) -> Task:
    if "image" in inputs or "video" in inputs:
        return "vision"
    # What is asked stands at the beginning or the end; a long pasted text in between speaks of anything.
    asked = words if len(words) < 1200 else f"{words[:600]}\n{words[-600:]}"
    tasks: tuple[tuple[Task, re.Pattern[str]], ...] = (
        ("translate", _TRANSLATE),
        ("summarize", _SUMMARIZE),
        ("code", _CODE),
        ("reasoning", _REASON),
    )
    return next((task for task, pattern in tasks if pattern.search(asked)), "chat")


def _complexity(task: Task, words: int, every: int, turns: int, *, tools: bool) -> Complexity:
    points = (every > _LONG_CHARS) + (every > _VERY_LONG_CHARS) + (turns > 12) + tools
    points += 2 * (task == "reasoning") + (task == "code") + (task == "code" and words > 1000)
    if points >= 2:
        return "high"
    return "low" if points == 0 and words < _SHORT_CHARS else "medium"


def _tokens(text: str) -> int:
    """Tokens of a text, roughly: a CJK character is about one, other scripts take two characters, English four."""
    cjk = len(_CJK.findall(text))
    plain = len(text.encode("ascii", "ignore"))
    return cjk + plain // 4 + (len(text) - plain - cjk) // 2


def _wanted_tokens(request: ModelRequest) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        wanted = wire.read(request.fields, name)
        if isinstance(wanted, int) and wanted > 0:
            return wanted
    return _ANSWER_TOKENS
