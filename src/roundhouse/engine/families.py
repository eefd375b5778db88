"""What is known of families of models: languages, code, reasoning. Knowledge to choose by, not rules.

A family is recognised by what its maker calls it: the model's name tells, and where it does not, the server's
`family`, which is only an architecture (`llama` for every model built like one).

Source (model cards and papers as of 2026-10; only what the makers state):
    Aya Expanse, arXiv 2412.04261: 23 languages. DictaLM 2.0, arXiv 2407.07080: Hebrew. Command R model card:
    10 + 13 languages. Vistral and PhoGPT (arXiv 2311.02945): Vietnamese. Sailor2, arXiv 2502.12982, SeaLLMs 3,
    arXiv 2407.19672: South-East Asia. Qwen2.5 (arXiv 2412.15115): 29 languages; Qwen3 (arXiv 2505.09388): 119.
    Gemma 3 (arXiv 2503.19786): over 140 languages. Llama 3.1 model card: 8 languages. Mistral NeMo model card: 11.
    DeepSeek-V3 (arXiv 2412.19437), R1 (arXiv 2501.12948): English and Chinese. Phi-4 (arXiv 2412.08905): English.
    BGE-M3 (arXiv 2402.03216), multilingual E5 (arXiv 2402.05672), Jina v3 (arXiv 2409.10173), Qwen3 Embedding
    (arXiv 2506.05176), EmbeddingGemma (arXiv 2509.20354), Snowflake Arctic Embed 2 (arXiv 2412.04506).
"""

from __future__ import annotations

import re

import msgspec

from roundhouse.core.types import ModelInfo

LANGUAGE_NAMES: dict[str, str] = {
    "ar": "Arabic", "cs": "Czech", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian",
    "fr": "French", "he": "Hebrew", "hi": "Hindi", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "lo": "Lao", "ms": "Malay", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

MANY = "*"
"""Stands in `languages` for a model made for practically all of them."""


class Family(msgspec.Struct, frozen=True):
    """A line of models.

    Attributes:
        name: As people call it.
        marks: How names of its models or their `family` begin, in lower case.
        languages: ISO 639 codes its makers name, besides English; `*` = practically all.
        focus: The one language it is made for, if it is.
        code: 0 = as others, 1 = good, 2 = made for it.
        reasoning: 0 = as others, 1 = good, 2 = thinks before it answers.
        hosted: Runs at its maker's only.
    """

    name: str
    marks: tuple[str, ...]
    languages: frozenset[str] = frozenset()
    focus: str | None = None
    code: int = 0
    reasoning: int = 0
    hosted: bool = False

    def speaks(self, language: str) -> bool:
        """Whether its makers name the language."""
        return language == "en" or language in self.languages or MANY in self.languages


def _of(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


_AYA = _of("ar cs de el es fa fr he hi id it ja ko nl pl pt ro ru tr uk vi zh")
_QWEN25 = _of("zh fr es pt de it ru ja ko vi th ar id ms lo nl pl tr")
_SEA = _of("vi th id ms lo zh")
_EVERY = frozenset({MANY})

FAMILIES: tuple[Family, ...] = (
    Family("Aya", ("aya", "c4ai-aya"), _AYA),
    Family("DictaLM", ("dicta", "dictalm", "dicta-lm"), _of("he"), focus="he"),
    Family("Vistral", ("vistral", "vinallama", "phogpt"), _of("vi"), focus="vi"),
    Family("Sailor", ("sailor", "sailor2", "seallm", "seallms", "sea-lion"), _SEA),
    Family("Command", ("command-r", "command-a", "c4ai-command", "cohere"), _AYA),
    Family("Qwen Coder", ("qwen2.5-coder", "qwen2.5coder", "qwen3-coder", "codeqwen"), _QWEN25, code=2),
    Family("QwQ", ("qwq",), _QWEN25, reasoning=2),
    Family("Qwen 3", ("qwen3",), _EVERY, code=1, reasoning=1),
    Family("Qwen", ("qwen", "qwen2"), _QWEN25, code=1),
    Family("Gemma 3", ("gemma3", "gemma-3", "gemma3n"), _EVERY),
    Family("Gemma", ("gemma",)),
    Family("Code Llama", ("codellama", "code-llama", "starcoder", "codegemma", "granite-code"), code=2),
    Family("Llama 2", ("llama2", "llama-2", "tinyllama", "vicuna")),
    Family("Llama", ("llama", "mllama", "meta-llama"), _of("de fr it pt hi es th"), code=1),
    Family("Codestral", ("codestral", "devstral"), _of("fr de es it"), code=2),
    Family("Magistral", ("magistral",), _of("fr de es it pt zh ja ko ar ru"), reasoning=2),
    Family("Mistral NeMo", ("mistral-nemo",), _of("fr de es it pt zh ja ko ar hi")),
    Family("Mistral", ("mistral", "mixtral", "ministral"), _of("fr de es it pt")),
    Family("DeepSeek R1", ("deepseek-r1", "deepseek-reasoner"), _of("zh"), code=1, reasoning=2),
    Family("DeepSeek Coder", ("deepseek-coder",), _of("zh"), code=2),
    Family("DeepSeek", ("deepseek",), _of("zh"), code=1, reasoning=1),
    Family("Phi reasoning", ("phi4-reasoning", "phi-4-reasoning", "phi4-mini-reasoning"), reasoning=2),
    Family("Phi", ("phi",), code=1, reasoning=1),
    Family("GLM, Yi, InternLM", ("glm", "chatglm", "yi", "internlm", "baichuan"), _of("zh"), code=1),
    Family("gpt-oss", ("gpt-oss", "gptoss"), code=1, reasoning=2),
    Family("OpenAI o-series", ("o1", "o3", "o4"), _EVERY, code=1, reasoning=2, hosted=True),
    Family("GPT", ("gpt",), _EVERY, code=1, reasoning=1, hosted=True),
    Family("Claude", ("claude",), _EVERY, code=2, reasoning=1, hosted=True),
    Family("Gemini", ("gemini",), _EVERY, code=1, reasoning=1, hosted=True),
    Family("BGE M3", ("bge-m3", "bge-reranker-v2-m3", "bge-multilingual"), _EVERY),
    Family(
        "multilingual E5", ("multilingual-e5", "paraphrase-multilingual", "labse", "gte-multilingual"), _EVERY
    ),
    Family(
        "Jina", ("jina-embeddings-v3", "jina-embeddings-v4", "jina-reranker-v2-base-multilingual"), _EVERY
    ),
    Family("Qwen 3 Embedding", ("qwen3-embedding", "qwen3-reranker"), _EVERY),
    Family("EmbeddingGemma", ("embeddinggemma", "nomic-embed-text-v2", "snowflake-arctic-embed2"), _EVERY),
    Family("OpenAI embeddings", ("text-embedding",), _EVERY, hosted=True),
    Family("English embeddings", ("all-minilm", "minilm", "nomic-embed", "mxbai-embed", "bge", "gte", "e5")),
)
"""All families; the longest mark that fits wins."""

_WORD = re.compile(r"[a-z0-9]+")
_SMALL = re.compile(r"(?<![a-z])(mini|nano|haiku|flash|lite|small)(?![a-z])")


def family_of(info: ModelInfo) -> Family | None:
    """The family of a model, None when it is not known."""
    named = _find(info.id.lower().rpartition("/")[2])
    return named or _find((info.family or "").lower())


def _find(name: str) -> Family | None:
    best: Family | None = None
    length = 0
    begins = [match.start() for match in _WORD.finditer(name)]
    for family in FAMILIES:
        for mark in family.marks:
            if len(mark) > length and any(_stands(name, mark, begin) for begin in begins):
                best, length = family, len(mark)
    return best


def _stands(name: str, mark: str, begin: int) -> bool:
    """Whether the mark stands there as a whole: `phi` in `phi4` but not in `philosopher`, `o1` not in `o12`."""
    if not name.startswith(mark, begin):
        return False
    after = name[begin + len(mark) : begin + len(mark) + 1]
    return not (after.isdigit() if mark[-1].isdigit() else after.isalpha())


def hosted_billions(info: ModelInfo) -> float:
    """A stand-in for the unknown size of a hosted model: small lines against large ones."""
    return 20.0 if _SMALL.search(info.id.lower()) else 200.0


def language_name(code: str) -> str:
    """A language as people call it."""
    return LANGUAGE_NAMES.get(code, f"the language {code!r}")
