"""A model of sentence-transformers inside a process of its own: embeds texts and pictures, or reranks.

It may run under the Python of another environment, so of this package it imports only what needs no other library
than `msgspec`. Code that lies beside weights is never run, and nothing is downloaded. The library takes a text that
looks like the address or path of a picture for that picture, and would fetch it: texts are therefore handed over as
what they are.

Source:
    sentence-transformers 6.2 and transformers 5.23 (2026), their sources.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import (
    BadInput,
    Cancelled,
    ContextTooLong,
    MissingExtra,
    NotSupported,
    UnsupportedContent,
    WeightsMissing,
)

_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_MOST_PIXELS = 50_000_000
# A tokeniser that was told none says a number of this size.
_NO_LIMIT_TOKENS = 10_000_000


class Loading(msgspec.Struct):
    """What the process is told at its start; see the settings section `sentence_transformers`."""

    name: str
    folder: str
    device: str = "auto"
    cpu_threads: int = 0
    compute_type: str = "default"
    batch_size: int = 32


class Embedding(msgspec.Struct, tag_field="kind", tag="embed"):
    """Inputs to embed: `{"text"}`, or `{"image"}` with base64.

    Attributes:
        inputs: At least one.
        role: What texts are, for models with prompts of their own: `query`, `document`; None = neither.
        dimensions: Length of the vectors; None = as they are.
        truncate: Cut texts that are too long, instead of refusing them.
    """

    inputs: list[dict[str, str]]
    role: str | None = None
    dimensions: int | None = None
    truncate: bool = False


class Ranking(msgspec.Struct, tag_field="kind", tag="rank"):
    """Documents to judge; what is too long is cut."""

    query: str
    documents: list[str]


class SentenceTransformersHost:
    """`core.hosting.HostedModel`.

    Args:
        argument: A `Loading`.

    Raises:
        MissingExtra: The library is not installed.
        WeightsMissing: The folder holds no model, or not all of it.
        NotSupported: It is a model for something else, or runs somebody's code.
    """

    def __init__(self, argument: Any) -> None:
        loading = msgspec.convert(argument, Loading)
        # Before the libraries are there: they look at them when they are imported.
        os.environ.update(_QUIET)  # noqa: TID251 - of the libraries, not ours
        try:
            import sentence_transformers
            import torch
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"Models of sentence-transformers need the library {error.name!r}: "
                "pip install 'roundhouse[transformers]'"
            ) from None
        if loading.cpu_threads:
            torch.set_num_threads(loading.cpu_threads)
        self._loading = loading
        self._version = f"sentence-transformers {sentence_transformers.__version__}"
        self._runtime = f"torch {torch.__version__}"
        self._device = _device(torch, loading.device)
        reranks = _reranks(Path(loading.folder))
        kind = sentence_transformers.CrossEncoder if reranks else sentence_transformers.SentenceTransformer
        dtype = None if loading.compute_type == "default" else getattr(torch, loading.compute_type)
        try:
            self._model = kind(
                loading.folder,
                device=self._device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={} if dtype is None else {"dtype": dtype},
            )
        except OSError as error:
            raise WeightsMissing(
                f"{loading.name} is not complete: {error}", model=loading.name, by_command=True
            ) from None
        except (ValueError, ImportError, KeyError) as error:
            raise NotSupported(f"{loading.name} cannot be loaded: {error}", param="model") from None
        self._reranks = reranks
        self._check()

    def describe(self) -> dict[str, Any]:
        """Device, number format, kinds of inputs and versions of the libraries."""
        return {
            "model": self._loading.name,
            "library": self._version,
            "runtime": self._runtime,
            "device": self._device,
            "compute_type": str(self._model.dtype).removeprefix("torch."),
            "inputs": [one for one in self._model.modalities if isinstance(one, str)],
        }

    def work(self, request: Any, tell: Callable[[Any], None], stopped: Callable[[], bool]) -> Any:
        """Embed, or judge; tells None as a sign of life after every batch.

        Raises:
            ContextTooLong: A text is longer than the model takes.
            UnsupportedContent: A picture cannot be read, or the model takes none.
            BadInput: More dimensions than the model has.
            NotSupported: The model does the other thing.
            Cancelled: Nobody wants the result any more.
        """
        asked = msgspec.convert(request, Embedding | Ranking)
        if isinstance(asked, Ranking) != self._reranks:
            does = "ranks documents" if self._reranks else "embeds"
            raise NotSupported(
                f"The model {self._loading.name} {does}, and does nothing else.", param="model"
            )

        def beat() -> None:
            if stopped():
                raise Cancelled("Nobody wants it any more.")
            tell(None)

        return self._ranked(asked, beat) if isinstance(asked, Ranking) else self._embedded(asked, beat)

    def _embedded(self, asked: Embedding, beat: Callable[[], None]) -> dict[str, Any]:
        import numpy as np

        texts = {place: one["text"] for place, one in enumerate(asked.inputs) if "text" in one}
        pictures = [place for place in range(len(asked.inputs)) if place not in texts]
        if pictures and "image" not in self._model.modalities:
            raise UnsupportedContent(f"The model {self._loading.name} takes no pictures.", param="input")
        prompt = self._model.prompts.get(asked.role) if asked.role else None
        tokens = self._counted([(prompt or "") + text for text in texts.values()], truncate=asked.truncate)
        tokens += len(pictures) * self._patches()
        rows: dict[int, Any] = {}
        # Those of a length together: a batch is as long as its longest.
        for places in self._batches(sorted(texts, key=lambda place: -len(texts[place]))):
            some = [{"text": texts[place]} for place in places]
            rows |= zip(places, self._encoded(some, asked.role, prompt), strict=True)
            beat()
        for places in self._batches(pictures):
            seen = [_picture(asked.inputs[place]["image"]) for place in places]
            rows |= zip(places, self._encoded(seen, None, None), strict=True)
            beat()
        vectors = np.stack([rows[place] for place in range(len(asked.inputs))])
        return _told(vectors, asked.dimensions) | {"tokens": tokens}

    def _encoded(self, inputs: list[Any], role: str | None, prompt: str | None) -> Any:
        more: dict[str, Any] = {} if role is None else {"task": role, "prompt": prompt or ""}
        return self._model.encode(
            inputs, batch_size=len(inputs), show_progress_bar=False, convert_to_numpy=True, **more
        )

    def _ranked(self, asked: Ranking, beat: Callable[[], None]) -> dict[str, Any]:
        scores = [0.0] * len(asked.documents)
        for places in self._batches(
            sorted(range(len(scores)), key=lambda place: -len(asked.documents[place]))
        ):
            pairs = [(asked.query, asked.documents[place]) for place in places]
            found = self._model.predict(pairs, batch_size=len(pairs), show_progress_bar=False)
            for place, score in zip(places, found, strict=True):
                scores[place] = float(score)
            beat()
        tokenizer, longest = self._model.tokenizer, self._longest()
        ids = tokenizer([asked.query] * len(scores), asked.documents)["input_ids"]
        return {"scores": scores, "tokens": sum(min(len(one), longest) for one in ids)}

    def _counted(self, texts: Sequence[str], *, truncate: bool) -> int:
        """Tokens of texts as the model reads them; raises ContextTooLong."""
        tokenizer, longest = getattr(self._model, "tokenizer", None), self._longest()
        if not texts or not callable(tokenizer):
            return sum(len(text.split()) for text in texts)
        counts = [len(one) for one in tokenizer(list(texts), verbose=False)["input_ids"]]
        if max(counts) > longest and not truncate:
            # In OpenAI's words: clients know this error by them.
            raise ContextTooLong(
                f"This model's maximum context length is {longest} tokens; an input has {max(counts)}.",
                param="input",
            )
        return sum(min(one, longest) for one in counts)

    def _patches(self) -> int:
        """What a picture counts as: the pieces that the network sees of it; 1 where it does not tell."""
        vision = getattr(getattr(self._model, "config", None), "vision_config", None)
        size, patch = (getattr(vision, name, None) for name in ("image_size", "patch_size"))
        if isinstance(size, int) and isinstance(patch, int):
            return (size // patch) ** 2 + 1
        return 1

    def _longest(self) -> int:
        told = self._model.max_length if self._reranks else self._model.max_seq_length
        return told if isinstance(told, int) and told < _NO_LIMIT_TOKENS else _NO_LIMIT_TOKENS

    def _batches(self, places: Sequence[int]) -> Iterator[Sequence[int]]:
        for start in range(0, len(places), self._loading.batch_size):
            yield places[start : start + self._loading.batch_size]

    def _check(self) -> None:
        if not self._reranks:
            return
        if self._model.num_labels != 1:
            raise NotSupported(
                f"{self._loading.name} sorts texts into {self._model.num_labels} classes; it is no reranker.",
                param="model",
            )
        if "image" in self._model.modalities:
            raise NotSupported(f"{self._loading.name} judges pictures; only texts are judged.", param="model")


def _reranks(folder: Path) -> bool:
    def told(name: str) -> dict[str, Any]:
        try:
            found = msgspec.json.decode((folder / name).read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    kind = told("config_sentence_transformers.json").get("model_type")
    if kind:
        return bool(kind == "CrossEncoder")
    architectures = told("config.json").get("architectures") or [""]
    return not (folder / "modules.json").is_file() and str(architectures[0]).endswith(
        "ForSequenceClassification"
    )


def _picture(coded: str) -> Any:
    """A picture in memory, in three colours; raises UnsupportedContent."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS // 2
    try:
        # No other format is even looked at: some are read by programs outside.
        with Image.open(io.BytesIO(base64.b64decode(coded)), formats=_FORMATS) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnsupportedContent(
            f"A picture cannot be read: {type(error).__name__}.", param="input"
        ) from None


def _told(vectors: Any, dimensions: int | None) -> dict[str, Any]:
    """Vectors of length 1, as little-endian float32 in base64."""
    import numpy as np

    found = vectors.shape[1]
    if dimensions is not None and not 1 <= dimensions <= found:
        raise BadInput(f"'dimensions' must be a whole number from 1 to {found}.", param="dimensions")
    wide = vectors[:, :dimensions].astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = (wide / np.maximum(lengths, np.finfo(np.float32).tiny)).astype("<f4")
    return {"dimensions": unit.shape[1], "vectors": base64.b64encode(unit.tobytes()).decode("ascii")}


def _device(torch: Any, wanted: str) -> str:
    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    return "cuda:0" if wanted == "cuda" else wanted
