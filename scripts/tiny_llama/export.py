"""The taught model as files: a directory of Hugging Face's layout, and a GGUF for llama.cpp.

Source:
    huggingface/safetensors, README (format): eight bytes of length, a JSON header, the numbers.
    ggml-org/llama.cpp, `convert_hf_to_gguf.py` (2026): names of tensors and keys, the order of rotary rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from scripts.tiny_llama.lessons import PAIRS
from scripts.tiny_llama.model import Llama, Shape
from scripts.tiny_llama.words import CHAT_TEMPLATE, CONTROLS, END, PAD
from tokenizers import Tokenizer

Weights = dict[str, npt.NDArray[np.float32]]

_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_ALIGNMENT_BYTES = 8


def weights_of(model: Llama) -> Weights:
    """The weights under Hugging Face's names."""
    return {f"model.{name}": weight.detach().numpy() for name, weight in model.state_dict().items()}


def write_directory(folder: Path, tokenizer: Tokenizer, shape: Shape, weights: Weights) -> None:
    """Everything that `transformers` loads, and the pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    special = {"bos_token_id": PAD, "eos_token_id": END, "pad_token_id": PAD}
    generation = {**special, "do_sample": False, "max_new_tokens": 400}
    names = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": CONTROLS[PAD],
        "eos_token": CONTROLS[END],
        "pad_token": CONTROLS[PAD],
        "model_max_length": shape.context_tokens,
        "clean_up_tokenization_spaces": False,
    }
    told = {"config.json": _config(shape) | special, "generation_config.json": generation}
    for name, value in (told | {"tokenizer_config.json": names}).items():
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    (folder / "pairs.json").write_text(
        json.dumps(PAIRS, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.safetensors").write_bytes(_safetensors(weights))


def write_gguf(path: Path, tokenizer: Tokenizer, shape: Shape, weights: Weights) -> None:
    """The model with matrices of eight bits; the same bytes for the same weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny taught Llama")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    _add_shape(writer, shape)
    _add_tokenizer(writer, tokenizer)
    for name, weight in weights.items():
        if weight.ndim == 1:
            writer.add_tensor(_gguf_name(name), weight)
            continue
        if ".q_proj." in name or ".k_proj." in name:
            weight = _interleaved(weight, shape.heads)
        packed = gguf.quantize(weight, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(_gguf_name(name), packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _config(shape: Shape) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.width // shape.heads,
        "max_position_embeddings": shape.context_tokens,
        "rms_norm_eps": shape.epsilon,
        # Where older versions look, and where newer ones do.
        "rope_theta": shape.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
    }


def _safetensors(weights: Weights) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, weight in weights.items():
        end = at + weight.nbytes
        header[name] = {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [at, end]}
        at = end
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % _ALIGNMENT_BYTES)
    body = b"".join(np.ascontiguousarray(weight, dtype="<f4").tobytes() for weight in weights.values())
    return len(told).to_bytes(8, "little") + told + body


def _add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    kinds = [gguf.TokenType.CONTROL if one in CONTROLS else gguf.TokenType.NORMAL for one in tokens]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(PAD)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _gguf_name(name: str) -> str:
    plain = name.removeprefix("model.").removesuffix(".weight")
    if plain == "embed_tokens":
        return "token_embd.weight"
    if plain == "norm":
        return "output_norm.weight"
    _, layer, part = plain.split(".", 2)
    return f"blk.{layer}.{_PARTS[part]}.weight"


def _interleaved(weight: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Rows of the two halves of each head in turn, as llama.cpp turns them."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))
