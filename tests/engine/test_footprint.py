from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput
from roundhouse.core.types import ModelInfo
from roundhouse.engine.footprint import (
    UNKNOWN_MIB,
    Architecture,
    bits_per_weight,
    estimate_mib,
    read_config,
    read_gguf,
    read_safetensors,
)


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_string(one) for one in value)
    if isinstance(value, list):
        return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return struct.pack("<II", 4, value)


def gguf(pairs: dict[str, Any], version: int = 3) -> bytes:
    body = b"".join(_string(key) + _value(value) for key, value in pairs.items())
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + body


LLAMA = {
    "general.architecture": "llama",
    "general.name": "x",
    "llama.rope.freq_base": 10000.0,
    "tokenizer.ggml.tokens": ["a", "bc", "שלום"],
    "tokenizer.ggml.scores": [0] * 5000,
    "llama.block_count": 32,
    "llama.context_length": 4096,
    "llama.embedding_length": 4096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
}


def test_a_gguf_header_tells_the_cache() -> None:
    found = read_gguf(gguf(LLAMA))
    assert found == Architecture(32, 8, 128, 128, 4096)
    # 2 x 32 layers x 8 heads x 128 x 2 bytes = 128 KiB for each token.
    assert found.cache_bytes(2048) == 2048 * 128 * 1024


def test_heads_per_layer_and_own_key_sizes() -> None:
    found = read_gguf(
        gguf({**LLAMA, "llama.attention.head_count_kv": [2, 8, 4], "llama.attention.key_length": 192})
    )
    assert found == Architecture(32, 8, 192, 128, 4096)


def test_without_grouped_heads_every_head_has_keys() -> None:
    pairs = {key: value for key, value in LLAMA.items() if not key.endswith("_kv")}
    found = read_gguf(gguf(pairs))
    assert found is not None and found.kv_heads == 32


def test_a_cut_header_tells_what_stands_before_the_cut() -> None:
    whole = gguf(LLAMA)
    assert read_gguf(whole + b"rest of the file") == read_gguf(whole)
    assert read_gguf(whole[: len(whole) // 2]) is None
    end_of_needed = whole.index(b"llama.attention.head_count_kv")
    cut = read_gguf(whole[: end_of_needed - 4])
    assert cut is not None and cut.layers == 32


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GGUF",
        b"GGML" + bytes(40),
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0) + bytes(8),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + _string("k") + struct.pack("<I", 99),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + _string("k") + struct.pack("<IIQ", 9, 9, 5),
    ],
)
def test_what_is_no_gguf_is_refused(head: bytes) -> None:
    with pytest.raises(BadInput):
        read_gguf(head)


def test_lying_lengths_are_harmless() -> None:
    huge = b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63) + struct.pack("<Q", 2**62) + b"key"
    assert read_gguf(huge) is None
    array = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + _string("k") + struct.pack("<IIQ", 9, 8, 2**60)
    assert read_gguf(array) is None
    assert read_gguf(gguf({**LLAMA, "llama.block_count": 0})) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for head in (noise, gguf(LLAMA)[:40] + noise, b"GGUF" + struct.pack("<IQQ", 3, 0, 9) + noise):
        try:
            read_gguf(head)
        except BadInput:
            continue


def test_hugging_face_config() -> None:
    config = {
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "hidden_size": 2048,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40960,
    }
    assert read_config(config) == Architecture(28, 8, 128, 128, 40960)
    assert read_config({"text_config": config, "model_type": "gemma3"}) == Architecture(
        28, 8, 128, 128, 40960
    )
    assert read_config({"num_hidden_layers": "many"}) is None


def test_safetensors_header() -> None:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "a": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]},
            "b": {"dtype": "F32", "shape": [4], "data_offsets": [12, 28]},
        }
    ).encode()
    assert read_safetensors(struct.pack("<Q", len(header)) + header + bytes(28)) == 28
    for broken in (
        b"",
        struct.pack("<Q", 900) + header,
        struct.pack("<Q", 4) + b"{]{]",
        struct.pack("<Q", 8) + b'{"a":{}}',
    ):
        with pytest.raises(BadInput):
            read_safetensors(broken)


def test_the_file_size_counts_before_parameters_and_quantisation() -> None:
    told = ModelInfo("m", size_bytes=4_000 * 2**20, parameters_b=70, quantization="F16", context_tokens=4096)
    architecture = Architecture(32, 8, 128, 128)
    # 4000 MiB + a tenth + 4096 tokens x 128 KiB + the work space.
    assert estimate_mib(told, architecture=architecture) == 4400 + 512 + 350
    assert estimate_mib(told, architecture=architecture, context_tokens=1024) == 4400 + 128 + 350
    assert estimate_mib(told, architecture=architecture, context_tokens=1024, sequences=4) == 4400 + 512 + 350


@pytest.mark.parametrize(
    ("info", "least_mib", "most_mib"),
    [
        # What Ollama and vLLM users see on their cards for these.
        (ModelInfo("llama2:7b", parameters_b=6.7, quantization="Q4_0"), 4_000, 6_500),
        (ModelInfo("llama3.1:70b", parameters_b=70.6, quantization="Q4_K_M"), 42_000, 52_000),
        (ModelInfo("qwen2.5-0.5b", parameters_b=0.5, quantization="Q8_0"), 600, 1_400),
        (ModelInfo("mixtral-8x7b", quantization="Q4_0"), 26_000, 40_000),
        (ModelInfo("bge-m3", ("embeddings",), parameters_b=0.57, quantization="F16"), 1_100, 2_000),
        (ModelInfo("whatever-7b"), 13_000, 18_000),
    ],
)
def test_estimates_are_of_the_right_size(info: ModelInfo, least_mib: int, most_mib: int) -> None:
    assert least_mib <= estimate_mib(info) <= most_mib


def test_a_model_of_which_nothing_is_known() -> None:
    assert estimate_mib(ModelInfo("mystery")) == UNKNOWN_MIB
    assert estimate_mib(ModelInfo("v1.5-beta")) == UNKNOWN_MIB


def test_bits_per_weight() -> None:
    assert bits_per_weight("Q4_K_M") == bits_per_weight("q4-k-m") == 4.84
    assert bits_per_weight(None) == bits_per_weight("strange") == 16.0
    assert bits_per_weight("Q4_K") == 4.84
    assert bits_per_weight("fp8_e4m3") == 8
    assert bits_per_weight("Q7_X") == 8.0
