"""Makes a Llama of under 1 MB with random weights, as a GGUF file that any llama.cpp loads.

It has no sense but every part of a real one: byte-level BPE, a chat template with tools, a context window. It says
readable words until it is stopped, and obeys a grammar, so a server that runs it can be tested in full.

    python scripts/make_tiny_llama.py tiny.gguf

Source:
    GGUF specification (ggml-org/ggml, docs/gguf.md, 2026): metadata and tensor names of the architecture `llama`.
    Qwen2.5's chat template (Apache-2.0): ChatML with `<tool_call>` blocks, a form that llama.cpp reads and writes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

CONTEXT_TOKENS = 32_768
WIDTH = 64
LAYERS = 2
HEADS = 4
FEED_FORWARD = 192
SEED = 20_26

WORDS = """
    a and are as at be but by can day do each for from go had has have he her house how if in is it light long made
    make many more not now of on one or other out people river road said see she so some that the then there they
    this time to train two up was water way we were what when which who will with word write you
""".split()  # noqa: SIM905
CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKS = ("<tool_call>", "</tool_call>")

CHAT_TEMPLATE = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\\n</tools>\\n\\nFor each call answer within <tool_call></tool_call>:\\n<tool_call>\\n" }}
    {{- '{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first)
        or (message.role == 'assistant' and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant' }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for call in message.tool_calls %}
            {%- if call.function %}{%- set call = call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {{- call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""


def byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-level BPE.

    Source:
        GPT-2's `bytes_to_unicode`: printable bytes stand for themselves, the others follow from U+0100.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens and merges: 256 bytes, the words of `WORDS` with a space before, letter by letter, the marks."""
    letters = byte_letters()
    tokens, merges = list(letters), []
    for word in WORDS:
        grown = letters[ord(" ")]
        for letter in word:
            longer = grown + letter
            if longer not in tokens:
                tokens.append(longer)
                merges.append(f"{grown} {letter}")
            grown = longer
    return [*tokens, *MARKS, *CONTROLS], merges


def kind_of(token: str) -> gguf.TokenType:
    """A mark is text that is one token; a control is no text at all."""
    if token in CONTROLS:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.USER_DEFINED if token in MARKS else gguf.TokenType.NORMAL


def wishes(tokens: list[str]) -> npt.NDArray[np.float32]:
    """How much the model wants to say each token: whole words; an end, a mark or an odd byte only if it must."""
    letters = byte_letters()
    wanted = np.full(len(tokens), -30.0, dtype=np.float32)
    for word in WORDS:
        wanted[tokens.index(letters[ord(" ")] + word)] = 3.0
    wanted[tokens.index(".")] = 2.0
    wanted[tokens.index("<|im_end|>")] = -8.0
    # Where a grammar asks for a mark, its one token comes before its letters.
    wanted[[tokens.index(mark) for mark in MARKS]] = -10.0
    return wanted


def tensors(tokens: list[str]) -> dict[str, npt.NDArray[np.float32]]:
    """The weights: random but for the two columns of the stream that no layer writes.

    Column 0 is the same for every token: through it the last matrix gives each token its bias. Column 1 is lit by
    the marks of a tool call alone: the opening one calls for the line break that must follow, the closing one for
    the end.
    """
    random = np.random.default_rng(SEED)

    def matrix(rows: int, columns: int, spread: float) -> npt.NDArray[np.float32]:
        return (random.standard_normal((rows, columns)) * spread).astype(np.float32)

    embedding = matrix(len(tokens), WIDTH, 1.0)
    embedding[:, 0] = WIDTH**0.5
    embedding[:, 1] = 0.0
    embedding[[tokens.index(mark) for mark in MARKS], 1] = (WIDTH**0.5, -(WIDTH**0.5))
    output = matrix(len(tokens), WIDTH, 0.15)
    # Column 0 and all the rest together are of one size: after the last norm it is about sqrt(WIDTH / 2).
    output[:, 0] = wishes(tokens) / (WIDTH / 2) ** 0.5
    output[:, 1] = 0.0
    output[[tokens.index(said) for said in (byte_letters()[ord("\n")], CONTROLS[2])], 1] = (30.0, -30.0)
    made = {"token_embd.weight": embedding, "output.weight": output}
    made["output_norm.weight"] = np.ones(WIDTH, dtype=np.float32)
    shapes = {f"attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
    shapes |= {
        "ffn_gate": (FEED_FORWARD, WIDTH),
        "ffn_up": (FEED_FORWARD, WIDTH),
        "ffn_down": (WIDTH, FEED_FORWARD),
    }
    for layer in range(LAYERS):
        for name, (rows, columns) in shapes.items():
            weights = matrix(rows, columns, columns**-0.5)
            if name in ("attn_output", "ffn_down"):
                weights[:2] = 0.0
            made[f"blk.{layer}.{name}.weight"] = weights
        for name in ("attn_norm", "ffn_norm"):
            made[f"blk.{layer}.{name}.weight"] = np.ones(WIDTH, dtype=np.float32)
    return made


def make(path: Path) -> None:
    """Write the model; the same bytes every time."""
    tokens, merges = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny random Llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([kind_of(token) for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, weights in tensors(tokens).items():
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, help="Where to write it.")
    make(parser.parse_args().path)
