"""Stands in for the package `sentence_transformers`: a word leads the same way wherever it stands.

As the real one it takes a text that looks like the address of a picture for that picture, unless it is told otherwise.
"""

import hashlib
import json
import re
from pathlib import Path

import numpy as np

__version__ = "0.0.fake"


class _Tokenizer:
    def __call__(self, texts, others=None, **_):
        pairs = zip(texts, others or [""] * len(texts), strict=True)
        return {"input_ids": [f"[ {one} {two} ]".split() for one, two in pairs]}


class _Model:
    dtype = "torch.float32"

    def __init__(self, folder, *, device, local_files_only, trust_remote_code, model_kwargs):
        assert local_files_only
        assert not trust_remote_code
        assert Path(folder).is_dir(), "the real one would download it"
        self.told = json.loads((Path(folder) / "config.json").read_text())
        if "fails" in self.told:
            raise {"os": OSError, "value": ValueError}[self.told["fails"]]("no such file")
        self.modalities = ["text", "image"] if "vision_config" in self.told else ["text"]
        self.prompts = self.told.get("prompts", {})
        self.tokenizer = _Tokenizer()
        self.max_seq_length = self.max_length = self.told.get("longest", 12)
        self.num_labels = self.told.get("labels", 1)


class SentenceTransformer(_Model):
    def encode(self, inputs, *, batch_size, show_progress_bar, convert_to_numpy, task=None, prompt=None):
        assert len(inputs) <= 4
        return np.stack([self._one(one, prompt or "") for one in inputs])

    def _one(self, one, prompt):
        assert not isinstance(one, str), "a text that looks like an address would be fetched"
        said = (
            prompt + one["text"]
            if isinstance(one, dict)
            else "red"
            if one.getpixel((0, 0))[0] > 127
            else "blue"
        )
        vector = np.zeros(64, np.float32)
        for word in re.findall(r"\w+", said.lower()):
            vector[hashlib.sha256(word.encode()).digest()[0] % 64] += 2
        return vector


class CrossEncoder(_Model):
    def predict(self, pairs, *, batch_size, show_progress_bar):
        return np.array([len({*one.split()} & {*two.split()}) for one, two in pairs])
