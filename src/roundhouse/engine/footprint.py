"""How much memory a model will take, estimated before it was ever loaded. Pure: it looks at what it is given.

weights + cache of keys and values for the context + work space. The weights are exact when the file's size is
known; the cache is exact when the file's header is; the work space is a rule of thumb. The estimate errs on the
large side and is forgotten as soon as the model was measured.

Source:
    GGUF specification, github.com/ggml-org/ggml docs/gguf.md (version 3): layout and names of the header.
    safetensors, github.com/huggingface/safetensors (2024): header.
    llama.cpp quantize README (Llama 2 7B): bits per weight of the k-quants; ggml block layouts for the others.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.types import ModelInfo

UNKNOWN_MIB = 6144
"""Estimate for a model of which nothing is known: an 8B model in 4 bits with a short context."""

DEFAULT_CONTEXT_TOKENS = 8192
"""A server loads a model with at most this context unless told otherwise."""

BITS_PER_WEIGHT: dict[str, float] = {
    "F32": 32, "F16": 16, "BF16": 16, "FP8": 8, "INT8": 8, "INT4": 4.5, "AWQ": 4.5, "GPTQ": 4.5, "NF4": 4.5,
    "MXFP4": 4.25, "NVFP4": 4.5, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K_M": 5.68, "Q5_K_S": 5.52, "Q5_1": 6.0,
    "Q5_0": 5.5, "Q4_K_M": 4.84, "Q4_K_S": 4.58, "Q4_1": 5.0, "Q4_0": 4.5, "Q3_K_L": 4.27, "Q3_K_M": 3.91,
    "Q3_K_S": 3.5, "Q2_K": 3.35, "IQ4_NL": 4.5, "IQ4_XS": 4.25, "IQ3_M": 3.66, "IQ3_XXS": 3.06, "IQ2_M": 2.7,
}  # fmt: skip
"""Bits per weight by quantisation, with the block scales."""

_MIB = 1024 * 1024
_OVERHEAD_SHARE = 0.10
_OVERHEAD_MIB = 350
"""Work space: a CUDA context and compute buffers, then a tenth of the weights."""

_GGUF_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_GGUF_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST_STRING_BYTES = 64 * 1024
_LONGEST_READ_ARRAY = 4096


class Architecture(msgspec.Struct, frozen=True):
    """What the cache of keys and values depends on.

    Attributes:
        layers: Blocks with attention.
        kv_heads: Heads of keys and values per block.
        key_dim: Size of a key.
        value_dim: Size of a value.
        context_tokens: Longest context it was made for; None = not told.
    """

    layers: int
    kv_heads: int
    key_dim: int
    value_dim: int
    context_tokens: int | None = None

    def cache_bytes(self, context_tokens: int, *, element_bytes: float = 2.0) -> int:
        """Size of the cache for one sequence of `context_tokens`."""
        per_token = self.layers * self.kv_heads * (self.key_dim + self.value_dim) * element_bytes
        return math.ceil(per_token * context_tokens)


def estimate_mib(
    info: ModelInfo,
    *,
    context_tokens: int | None = None,
    architecture: Architecture | None = None,
    sequences: int = 1,
) -> int:
    """Memory of a loaded model, in MiB.

    Args:
        info: What is known of it.
        context_tokens: Context it is loaded with; None = its own, at most `DEFAULT_CONTEXT_TOKENS`.
        architecture: From its header; None = typical of its size.
        sequences: Requests it serves at a time, each with its own cache.
    """
    weights = _weights_bytes(info)
    if weights is None:
        return UNKNOWN_MIB
    cache = 0.0
    if {"chat", "completions"} & set(info.operations):
        own = (architecture.context_tokens if architecture is not None else None) or info.context_tokens
        tokens = context_tokens or min(own or DEFAULT_CONTEXT_TOKENS, DEFAULT_CONTEXT_TOKENS)
        if architecture is not None:
            cache = architecture.cache_bytes(tokens)
        else:
            cache = _typical_cache_bytes_per_token(billions(info) or weights / 0.6e9) * tokens
    total = weights * (1 + _OVERHEAD_SHARE) + cache * max(1, sequences)
    return math.ceil(total / _MIB) + _OVERHEAD_MIB


def _weights_bytes(info: ModelInfo) -> float | None:
    if info.size_bytes:
        return float(info.size_bytes)
    parameters_b = billions(info)
    if parameters_b is None:
        return None
    return parameters_b * 1e9 * bits_per_weight(info.quantization) / 8


def bits_per_weight(quantization: str | None) -> float:
    """Bits per weight of a quantisation; 16 when it is not told, the larger neighbour when it is a variant."""
    if not quantization:
        return 16.0
    name = quantization.upper().replace("-", "_")
    if name in BITS_PER_WEIGHT:
        return BITS_PER_WEIGHT[name]
    known = [bits for known, bits in BITS_PER_WEIGHT.items() if known in name or name in known]
    if known:
        return max(known)
    digits = re.search(r"(\d+)", name)
    return min(16.0, int(digits[1]) + 1.0) if digits and int(digits[1]) > 0 else 16.0


def billions(info: ModelInfo) -> float | None:
    """Parameters in billions; the `7b` of a name only where the provider tells none."""
    if info.parameters_b:
        return info.parameters_b
    named = re.search(
        r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)\s*([bm])(?![a-z])", info.id.lower().replace("_", "-")
    )
    if named is None:
        return None
    return int(named[1] or 1) * float(named[2]) * (1.0 if named[3] == "b" else 1e-3)


def _typical_cache_bytes_per_token(parameters_b: float) -> float:
    """Between 32 KiB (1B) and 320 KiB (70B) for models with grouped heads: it grows about as the square root."""
    return 131_072 * math.sqrt(max(parameters_b, 0.05) / 8)


def read_gguf(head: bytes) -> Architecture | None:
    """Read the header of a GGUF file; a megabyte from its beginning is enough.

    Returns:
        None when the header does not tell, or `head` ends before it does.

    Raises:
        BadInput: Not a GGUF file of version 2 or 3, or its header contradicts itself.
    """
    if len(head) < 24 or head[:4] != b"GGUF":
        raise BadInput("This is not a GGUF file.")
    version, _, count = struct.unpack_from("<IQQ", head, 4)
    if version not in {2, 3}:
        raise BadInput(f"GGUF version {version} is not supported.")
    found: dict[str, Any] = {}
    reader = _Reader(head, 24)
    try:
        for _ in range(min(count, 100_000)):
            key = reader.string()
            value = reader.value(reader.number("<I"))
            if value is not None:
                found[key] = value
    except struct.error:
        # The head was cut: what stands before the cut is often all that is needed.
        pass
    return _gguf_architecture(found)


class _Reader:
    """Reads values one after another; raises struct.error at the end of the bytes."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self._place)
        self._place += struct.calcsize(form)
        return int(value)

    def string(self) -> str:
        length = self.number("<Q")
        text = self._data[self._place : self._place + min(length, _LONGEST_STRING_BYTES)]
        self._skip(length)
        return text.decode("utf-8", "replace")

    def value(self, kind: int) -> int | str | list[int] | None:
        """A whole number, a text or a short list of numbers; None for what nobody here needs."""
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._array()
        if kind not in _GGUF_SIZES:
            raise BadInput(f"The GGUF header holds a value of the unknown type {kind}.")
        if kind in {6, 12}:
            self._skip(_GGUF_SIZES[kind])
            return None
        return self.number("<" + _GGUF_FORMATS[kind])

    def _array(self) -> list[int] | None:
        kind, count = self.number("<I"), self.number("<Q")
        if kind == _STRING:
            for _ in range(count):
                self._skip(self.number("<Q"))
            return None
        if kind not in _GGUF_SIZES:
            raise BadInput(f"The GGUF header holds a list of the unknown type {kind}.")
        if count > _LONGEST_READ_ARRAY or kind in {6, 12}:
            self._skip(count * _GGUF_SIZES[kind])
            return None
        return [self.number("<" + _GGUF_FORMATS[kind]) for _ in range(count)]

    def _skip(self, count: int) -> None:
        if count > len(self._data) - self._place:
            raise struct.error
        self._place += count


def _gguf_architecture(found: Mapping[str, Any]) -> Architecture | None:
    name = found.get("general.architecture")

    def number(key: str) -> int | None:
        value = found.get(f"{name}.{key}")
        # Some models list one number per layer; the largest is on the safe side.
        value = max(value, default=None) if isinstance(value, list) else value
        return value if isinstance(value, int) and 0 < value < 1 << 24 else None

    layers, heads, width = number("block_count"), number("attention.head_count"), number("embedding_length")
    if layers is None or heads is None or width is None:
        return None
    head_dim = max(1, width // heads)
    return Architecture(
        layers=layers,
        kv_heads=number("attention.head_count_kv") or heads,
        key_dim=number("attention.key_length") or head_dim,
        value_dim=number("attention.value_length") or head_dim,
        context_tokens=number("context_length"),
    )


def read_config(config: Mapping[str, Any]) -> Architecture | None:
    """Read a Hugging Face `config.json`; None when it does not tell."""
    inner = config.get("text_config")
    config = inner if isinstance(inner, Mapping) else config

    def number(key: str) -> int | None:
        value = config.get(key)
        return (
            value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 24 else None
        )

    layers, heads, width = number("num_hidden_layers"), number("num_attention_heads"), number("hidden_size")
    if layers is None or heads is None or width is None:
        return None
    head_dim = number("head_dim") or max(1, width // heads)
    kv_heads = number("num_key_value_heads") or heads
    return Architecture(layers, kv_heads, head_dim, head_dim, number("max_position_embeddings"))


def read_safetensors(head: bytes) -> int:
    """Bytes of all tensors, from the header of a safetensors file (8 bytes of length, then JSON).

    Raises:
        BadInput: Not a safetensors header, or `head` ends before it does.
    """
    if len(head) < 8:
        raise BadInput("This is not a safetensors file.")
    (length,) = struct.unpack_from("<Q", head)
    if length > len(head) - 8:
        raise BadInput("The safetensors header is longer than what was read.")
    try:
        tensors: dict[str, dict[str, Any]] = msgspec.json.decode(
            head[8 : 8 + length], type=dict[str, dict[str, Any]]
        )
        return max(
            (int(one["data_offsets"][1]) for name, one in tensors.items() if name != "__metadata__"),
            default=0,
        )
    except (
        msgspec.MsgspecError,
        RecursionError,
        UnicodeDecodeError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
    ):
        raise BadInput("The safetensors header is broken.") from None
