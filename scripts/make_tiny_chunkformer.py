"""Makes a ChunkFormer of 2 MB with random weights, as a folder that the package `chunkformer` loads.

It has no sense, but every part of a real one: a recogniser that runs it can be tested in full. It needs that package,
so it runs in the environment that has it.

    python scripts/make_tiny_chunkformer.py tiny
    python scripts/make_tiny_chunkformer.py tiny-rnnt --kind transducer
    python scripts/make_tiny_chunkformer.py broken --without ctc.

Source:
    chunkformer 1.2 (2025): names of the members of `config.yaml`, and of the files of a model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from chunkformer.chunkformer_model import ChunkFormerConfig, ChunkFormerModel

SEED = 20_26
WIDTH = 64
MELS = 80
SYLLABLES = ["xin", "chào", "các", "bạn", "cuộc", "họp", "bắt", "đầu", "lúc", "chín", "giờ", "cảm", "ơn"]


def vocabulary() -> list[str]:
    """Tokens in the order of their numbers; a syllable begins with SentencePiece's mark of a word."""
    return ["<blank>", "<unk>", *(f"\N{LOWER ONE EIGHTH BLOCK}{one}" for one in SYLLABLES), "<sos/eos>"]


def config(kind: str) -> dict[str, Any]:
    """What `config.yaml` says; `kind` is `asr_model` (CTC) or `transducer` (RNN-T)."""
    tokens = len(vocabulary())
    told: dict[str, Any] = {
        "model": kind,
        "input_dim": MELS,
        "output_dim": tokens,
        "encoder": "chunkformer",
        "encoder_conf": {
            "output_size": WIDTH,
            "attention_heads": 2,
            "linear_units": 2 * WIDTH,
            "num_blocks": 2,
            "cnn_module_kernel": 15,
            "cnn_module_norm": "layer_norm",
            "dropout_rate": 0.0,
            "dynamic_conv": True,
            "input_layer": "dw_striding",
            "pos_enc_layer_type": "chunk_rel_pos",
            "selfattention_layer_type": "chunk_rel_seflattn",
            "use_dynamic_chunk": True,
        },
        "decoder": "transformer",
        "decoder_conf": {"attention_heads": 2, "linear_units": 2 * WIDTH, "num_blocks": 1},
        "ctc": "ctc",
        "ctc_conf": {"ctc_blank_id": 0},
        "model_conf": {"ctc_weight": 1.0, "lsm_weight": 0.1, "length_normalized_loss": False},
        "fbank_conf": {"num_mel_bins": MELS, "frame_length": 25, "frame_shift": 10},
        "resample_conf": {"resample_rate": 16_000},
        "tokenizer_conf": {"special_tokens": None},
    }
    if kind == "transducer":
        told["model_conf"] = {"ctc_weight": 0.3, "transducer_weight": 0.7}
        told["predictor"], told["joint"] = "rnn", "transducer_joint"
        told["predictor_conf"] = {
            "embed_size": WIDTH,
            "output_size": WIDTH,
            "embed_dropout": 0.0,
            "hidden_size": WIDTH,
            "num_layers": 1,
            "dropout": 0.0,
        }
        told["joint_conf"] = {"enc_output_size": WIDTH, "pred_output_size": WIDTH, "join_dim": WIDTH}
    return told


def write(folder: Path, kind: str, without: str) -> None:
    """Write the folder; its weights lack the tensors whose names begin with `without`."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config(kind)), "utf-8")
    lines = (f"{token} {number}\n" for number, token in enumerate(vocabulary()))
    (folder / "vocab.txt").write_text("".join(lines), "utf-8")
    means = {"mean_stat": [0.0] * MELS, "var_stat": [1.0] * MELS, "frame_num": 1}
    (folder / "global_cmvn").write_text(json.dumps(means), "utf-8")
    torch.manual_seed(SEED)
    told = config(kind) | {"cmvn_file": str(folder / "global_cmvn")}
    model = ChunkFormerModel(ChunkFormerConfig.from_dict(told))
    weights = {
        name: tensor
        for name, tensor in model.model.state_dict().items()
        if not without or not name.startswith(without)
    }
    torch.save(weights, folder / "pytorch_model.bin")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=("asr_model", "transducer"), default="asr_model")
    parser.add_argument("--without", default="", metavar="PREFIX")
    asked = parser.parse_args()
    write(asked.folder, asked.kind, asked.without)


if __name__ == "__main__":
    main()
