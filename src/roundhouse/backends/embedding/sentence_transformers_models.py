"""Models of sentence-transformers in folders of this machine: which there are, and what each is.

A model is a folder that `SentenceTransformer` or `CrossEncoder` loads: with `modules.json`, or one of `transformers`
with `config.json` and weights, such as a CLIP. Code that lies beside weights is never run, nor brought.

Source:
    sentence-transformers 6.2 (2026), its sources: `modules.json`, `config_sentence_transformers.json`.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from roundhouse.backends.hub import HubFile, HubModel
from roundhouse.backends.model_folders import FolderOptions, ModelFolders
from roundhouse.core.errors import MissingExtra, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider

LIBRARY = "sentence_transformers"
MISSING = "Models of sentence-transformers need a library: pip install 'roundhouse[transformers]'"

_MODULES, _CONFIG, _OWN_CONFIG = "modules.json", "config.json", "config_sentence_transformers.json"
_WEIGHTS = re.compile(r"(model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)")
_SMALL = re.compile(r"[\w.-]+\.(json|txt|model|jinja)")
# What else lies in repositories: the same weights for other runtimes, figures, former trainings.
_ELSEWHERE = re.compile(r"(?i)onnx|openvino|coreml|\.git|eval|checkpoint|runs|assets?|images?")
_RERANKERS = "ForSequenceClassification"
_KINDS = {"", "SentenceTransformer", "CrossEncoder"}


class SentenceTransformersOptions(FolderOptions, frozen=True):
    """`provider.options` of the kind `sentence_transformers`; the settings section of that name tells their meaning."""

    model: str = "multilingual-e5-small"
    python: str | None = None
    compute_type: str = "default"
    batch_size: int = 32


class SentenceTransformerModels(ModelFolders[SentenceTransformersOptions]):
    """The models of one provider.

    Args:
        provider: Of the kind `sentence_transformers`.
        context: For the data folder and the processes.
    """

    family = "sentence_transformers"
    title = "model of sentence-transformers"
    layout = "model of sentence-transformers, or of transformers with weights for PyTorch"
    process = "roundhouse.backends.embedding.sentence_transformers_host:SentenceTransformersHost"
    repositories: ClassVar[dict[str, str]] = {
        "multilingual-e5-small": "intfloat/multilingual-e5-small",
        "multilingual-e5-large": "intfloat/multilingual-e5-large",
        "bge-m3": "BAAI/bge-m3",
        "bge-reranker-v2-m3": "BAAI/bge-reranker-v2-m3",
        "clip-vit-b32": "openai/clip-vit-base-patch32",
    }

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        super().__init__(provider, context, SentenceTransformersOptions)

    def argument(self) -> dict[str, Any]:
        """Number format, and how much is done at a time."""
        return {"compute_type": self.options.compute_type, "batch_size": self.options.batch_size}

    def terms(self, model: str) -> str:
        """A request never begins the download: it would take whatever its sender names."""
        return "Its weights take some hundred MB or several GB, and have a licence of their own."

    def is_ready(self) -> bool:
        """Whether the library is there; of another Python, whether that is."""
        python = self.options.python
        if python is not None:
            return Path(python).expanduser().is_file()
        return importlib.util.find_spec(LIBRARY) is not None

    def interpreter(self) -> str | None:
        """The operator's Python, None = ours."""
        python = self.options.python
        return None if python is None else str(Path(python).expanduser())

    async def made_ready(self) -> AsyncGenerator[str, None]:
        """Nothing is built: raises MissingExtra, NotSupported when it is not ready."""
        if not self.is_ready():
            if self.options.python is None:
                raise MissingExtra(MISSING)
            raise NotSupported(f"sentence_transformers.python: there is no {self.options.python}.")
        for step in list[str]():
            yield step

    def weights_in(self, folder: Path) -> Path | None:
        """The largest file of weights, where the folder holds a model that can be loaded."""
        if not _is_loadable(folder):
            return None
        found = [one for one in _files_in(folder) if _WEIGHTS.fullmatch(one.name)]
        return max(found, key=lambda one: one.stat().st_size, default=None)

    def describe(self, name: str, folder: Path) -> ModelInfo:
        """What it does by its architecture, whether it takes pictures, and its longest text."""
        config = _config_of(folder)
        if _reranks(folder, config):
            return ModelInfo(name, operations=("rerank",), context_tokens=_longest(folder))
        pictures = "vision_config" in config
        return ModelInfo(
            name,
            operations=("embeddings",),
            inputs=("image",) if pictures else (),
            context_tokens=_longest(folder),
        )

    def files_of(self, found: HubModel) -> tuple[list[HubFile], set[str]]:
        """Configurations, vocabularies and weights, the safe format alone where there is one."""
        plain = [one for one in found.files if _is_wanted(one.name)]
        safe = {_parent(one.name) for one in plain if one.name.endswith(".safetensors")}
        wanted = [one for one in plain if not (one.name.endswith(".bin") and _parent(one.name) in safe)]
        names = {one.name for one in wanted}
        missing = set() if names & {_MODULES, _CONFIG} else {_CONFIG}
        if not any(_WEIGHTS.fullmatch(name.rpartition("/")[2]) for name in names):
            missing.add("model.safetensors")
        return wanted, missing


def _is_wanted(path: str) -> bool:
    """Whether a file of a repository is brought; its name was chosen by somebody else."""
    *folders, name = path.split("/")
    if len(folders) > 1 or not all(re.fullmatch(r"[\w-][\w.-]*", one) for one in (*folders, name)):
        return False
    if any(_ELSEWHERE.search(one) for one in folders):
        return False
    return bool(_WEIGHTS.fullmatch(name) or _SMALL.fullmatch(name))


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _files_in(folder: Path) -> list[Path]:
    found = list(folder.iterdir())
    for inner in [one for one in found if one.is_dir()]:
        found += inner.iterdir()
    return [one for one in found if one.is_file()]


def _is_loadable(folder: Path) -> bool:
    """Whether the library loads it without running somebody's code."""
    own = _json(folder / _OWN_CONFIG)
    if isinstance(own, dict) and own.get("model_type", "") not in _KINDS:
        return False
    if not (folder / _MODULES).is_file():
        return (folder / _CONFIG).is_file()
    modules = _json(folder / _MODULES)
    return isinstance(modules, list) and all(
        isinstance(one, dict) and str(one.get("type", "")).startswith(f"{LIBRARY}.") for one in modules
    )


def _config_of(folder: Path) -> dict[str, Any]:
    """The configuration of the network itself; empty where it has none."""
    modules = _json(folder / _MODULES)
    first = modules[0].get("path", "") if isinstance(modules, list) and modules else ""
    for one in (folder / str(first), folder, *(folder / str(first)).glob("0_*")):
        config = _json(one / _CONFIG)
        if isinstance(config, dict):
            return config
    return {}


def _reranks(folder: Path, config: dict[str, Any]) -> bool:
    own = _json(folder / _OWN_CONFIG)
    if isinstance(own, dict) and own.get("model_type"):
        return bool(own["model_type"] == "CrossEncoder")
    architectures = config.get("architectures") or [""]
    return not (folder / _MODULES).is_file() and str(architectures[0]).endswith(_RERANKERS)


def _longest(folder: Path) -> int | None:
    for name, member in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        told = _json(folder / name)
        found = told.get(member) if isinstance(told, dict) else None
        # A number beyond all texts stands for "not told".
        if isinstance(found, int) and 0 < found < 10_000_000:
            return found
    return None


def _json(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
