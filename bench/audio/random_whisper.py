"""Random weights in the shape of Whisper base, for CTranslate2, that say a fixed number of tokens in every stretch.

What is said means nothing and depends on the sound. Three dimensions of the model are kept free of everything random:
one makes the end come after so many tokens and not before, one keeps time stamps, other special tokens and bytes out of
the text, one begins it at the time 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

LAYERS, HEADS, WIDTH, INNER, MELS = 6, 8, 512, 2048, 80
WORDS, LANGUAGES, TIMES, POSITIONS = 50_257, 99, 1501, 448
END = WORDS
"""Id of the token that ends a text; special tokens follow it."""

_ENDS, _PLAIN, _ZERO, _FREE = 0, 1, 2, 3
_BYTES = 256
_STRONG, _SHARP = 60.0, 0.6
_PROMPT = 1
_ONSETS = [
    "b",
    "d",
    "f",
    "g",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "z",
    "br",
    "dr",
    "fl",
    "gr",
    "pl",
    "st",
    "tr",
]
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
_CODAS = ["", "n", "r", "s", "l", "m"]


def write(folder: Path, tokens: int) -> None:
    """Make a folder that the recogniser takes for a model.

    Args:
        folder: Made anew.
        tokens: Said in each stretch of sound before it ends.
    """
    from ctranslate2.specs import WhisperSpec

    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    names = _vocabulary()
    spec = WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    _encoder(spec.encoder, random)
    _decoder(spec.decoder, random, tokens, len(names))
    spec.register_vocabulary(names)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [END]
    spec.config.lang_ids = list(range(END + 2, END + 2 + LANGUAGES))
    spec.config.alignment_heads = [[LAYERS - 1, head] for head in range(HEADS)]
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    _write_tokenizer(folder, names)


def _vocabulary() -> list[str]:
    """Bytes, then invented words, some with a full stop; then what Whisper has."""
    syllables = [a + b + c for a in _ONSETS for b in _VOWELS for c in _CODAS]
    words: list[str] = []
    number = 0
    while len(words) < WORDS - _BYTES:
        first, second = divmod(number, len(syllables))
        word = syllables[second] + (syllables[first - 1] if first else "")
        words.append("Ġ" + word + ("." if number % 12 == 0 else "," if number % 12 == 6 else ""))
        number += 1
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    codes = [code for code in _LANGUAGE_CODES if code != "yue"]
    special = [
        "endoftext",
        "startoftranscript",
        *codes,
        "translate",
        "transcribe",
        "startoflm",
        "startofprev",
    ]
    special += ["nospeech", "notimestamps", *(f"{number * 0.02:.2f}" for number in range(TIMES))]
    return [*_byte_names(), *words, *(f"<|{name}|>" for name in special)]


def _byte_names() -> list[str]:
    """The 256 bytes as byte-level tokenizers write them: printable ones as they are, the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [one for one in range(256) if one not in printable]
    return [chr(one) for one in printable] + [chr(256 + place) for place in range(len(rest))]


def _matrix(random: np.random.Generator, rows: int, columns: int, *, residual: bool = False) -> np.ndarray:
    """Random, of a size that keeps what goes through it as large as it was; nothing of it goes into what is free."""
    made = random.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)
    if residual:
        made[:_FREE] = 0
    return made


def _fill(linear: Any, weight: np.ndarray) -> None:
    linear.weight = weight
    linear.bias = np.zeros(len(weight), np.float32)


def _norm(spec: Any) -> None:
    spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def _encoder(spec: Any, random: np.random.Generator) -> None:
    for conv, channels in ((spec.conv1, MELS), (spec.conv2, WIDTH)):
        conv.weight = random.normal(0, (3 * channels) ** -0.5, (WIDTH, channels, 3)).astype(np.float32)
        conv.bias = np.zeros(WIDTH, np.float32)
    spec.position_encodings.encodings = random.normal(0, 0.1, (1500, WIDTH)).astype(np.float32)
    _norm(spec.layer_norm)
    for layer in spec.layer:
        _attention(layer.self_attention, random, 3)
        _feed_forward(layer.ffn, random)


def _decoder(spec: Any, random: np.random.Generator, tokens: int, vocabulary: int) -> None:
    spec.embeddings.weight = random.normal(0, _SHARP, (vocabulary, WIDTH)).astype(np.float32)
    spec.embeddings.weight[:, :_FREE] = 0
    # Not the same as the embeddings: every word would be followed by itself.
    weight = random.normal(0, _SHARP, (vocabulary, WIDTH)).astype(np.float32)
    weight[:, :_FREE] = 0
    weight[:_BYTES, _PLAIN] = weight[END + 1 :, _PLAIN] = -_STRONG
    weight[vocabulary - TIMES, _ZERO] = _STRONG / 3
    weight[END] = 0
    weight[END, _ENDS] = _STRONG
    spec.projection.weight = weight
    positions = random.normal(0, 4 * _SHARP, (POSITIONS, WIDTH)).astype(np.float32)
    positions[:, [_PLAIN, _ZERO]] = _SHARP * 10
    positions[:, _ENDS] = -_SHARP * 10
    positions[_PROMPT + tokens :, _ENDS] = _SHARP * 20
    spec.position_encodings.encodings = positions
    _norm(spec.layer_norm)
    for layer in spec.layer:
        _attention(layer.self_attention, random, 3)
        _attention(layer.attention, random, 1)
        _feed_forward(layer.ffn, random)


def _attention(spec: Any, random: np.random.Generator, first: int) -> None:
    _norm(spec.layer_norm)
    _fill(spec.linear[0], _matrix(random, first * WIDTH, WIDTH))
    if first == 1:
        _fill(spec.linear[1], _matrix(random, 2 * WIDTH, WIDTH))
    _fill(spec.linear[-1], _matrix(random, WIDTH, WIDTH, residual=True))


def _feed_forward(spec: Any, random: np.random.Generator) -> None:
    _norm(spec.layer_norm)
    _fill(spec.linear_0, _matrix(random, INNER, WIDTH))
    _fill(spec.linear_1, _matrix(random, WIDTH, INNER, residual=True))


def _write_tokenizer(folder: Path, names: list[str]) -> None:
    special = [
        {"id": number, "content": names[number], "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": names[number][2:-2].isalpha()}
        for number in range(END, len(names))
    ]  # fmt: skip
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model: dict[str, Any] = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
        "fuse_unk": False, "byte_fallback": False,
        "vocab": {name: number for number, name in enumerate(names)}, "merges": [],
    }  # fmt: skip
    made = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level, "model": model,
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(made))
    preprocessor = {
        "feature_size": MELS,
        "sampling_rate": 16_000,
        "hop_length": 160,
        "n_fft": 400,
        "chunk_length": 30,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
