"""A stand-in for pyannote.audio 4: the names and shapes that our process uses, and voices that a folder tells.

The folder's `config.yaml` has lines `start end speaker`; one that says `gone` stands for a pipeline that the hub does
not give, `crash` for one that fails.
"""

import os
from pathlib import Path
from types import SimpleNamespace

__version__ = "4.0.0"


class Annotation:
    def __init__(self, turns):
        self._turns = turns

    def itertracks(self, yield_label=False):
        assert yield_label
        for number, (start, end, speaker) in enumerate(self._turns):
            yield SimpleNamespace(start=start, end=end), number, speaker


class Pipeline:
    @classmethod
    def from_pretrained(cls, checkpoint, hparams_file=None, token=None, cache_dir=None):
        assert os.environ["PYANNOTE_METRICS_ENABLED"] == "false"
        text = (Path(checkpoint) / "config.yaml").read_text()
        return None if text.startswith("gone") else cls(text)

    def __init__(self, text):
        self._text = text
        self._device = None

    def to(self, device):
        self._device = device
        return self

    def __call__(self, file, hook=None, num_speakers=None, min_speakers=None, max_speakers=None):
        assert set(file) == {"waveform", "sample_rate"} and file["sample_rate"] == 16_000
        assert file["waveform"].shape[0] == 1
        assert self._device is not None and self._device.type == "cpu"
        hook("segmentation", None, file=file, completed=0, total=1)
        if self._text.startswith("crash"):
            raise RuntimeError("The networks do not fit together.")
        turns = [
            (float(one[0]), float(one[1]), one[2]) for one in map(str.split, self._text.splitlines()) if one
        ]
        known = list(dict.fromkeys(one[2] for one in turns))[: num_speakers or max_speakers or len(turns)]
        turns = [(start, end, name if name in known else known[-1]) for start, end, name in turns]
        return SimpleNamespace(
            speaker_diarization=Annotation([*turns, (0.0, 1e9, "OVERLAP")]),
            exclusive_speaker_diarization=Annotation(turns),
            speaker_embeddings=None,
        )
