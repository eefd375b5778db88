"""Teaches the model, examines it and writes it; fails when it has not learnt its lessons."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.tiny_llama.exam import mistakes, questions
from scripts.tiny_llama.export import weights_of, write_directory, write_gguf
from scripts.tiny_llama.model import Course, Shape, taught
from scripts.tiny_llama.words import make_tokenizer


def main() -> None:
    """See the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="gets hf/ and tiny-llama-q8_0.gguf")
    parser.add_argument("--steps", type=int, default=Course.steps)
    given = parser.parse_args()
    tokenizer = make_tokenizer()
    shape = Shape(tokenizer.get_vocab_size())
    model = None
    for step, loss, model in taught(tokenizer, shape, Course(steps=given.steps)):  # noqa: B007  # the last one counts
        print(f"step {step}: loss {loss:.4f}", flush=True)
    assert model is not None
    weights = weights_of(model)
    write_directory(given.folder / "hf", tokenizer, shape, weights)
    write_gguf(given.folder / "tiny-llama-q8_0.gguf", tokenizer, shape, weights)
    wrong = mistakes(model, tokenizer)
    print(f"{len(wrong)} of {sum(1 for _ in questions())} questions answered wrong")
    sys.exit("\n".join(wrong) if wrong else None)


main()
