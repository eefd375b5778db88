"""Settings of models of sentence-transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from roundhouse.core.settings_section import Section


class SentenceTransformersSettings(Section):
    """Embedding models and rerankers by sentence-transformers: `pip install 'roundhouse[transformers]'`.

    They are downloaded by `asr.hub_url` and `asr.hub_token`, as all weights are.
    """

    folders: list[Path] = Field(
        [],
        description="Further folders whose sub-folders are models of sentence-transformers or transformers; "
        "`models/sentence_transformers` in the data folder always counts.",
    )
    python: Path | None = Field(
        None,
        description="Python of another environment, with `sentence-transformers`, `pillow`, `msgspec` and `psutil`; "
        "unset = the one that Roundhouse runs under, where the extra `transformers` is installed.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where models run: `auto` = on the first card if there is one, `cpu`, `cuda`, `cuda:1`.",
    )
    compute_type: Literal["default", "float32", "float16", "bfloat16"] = Field(
        "default", description="Number format; `default` = as the weights are."
    )
    cpu_threads: int = Field(0, ge=0, le=1024, description="Threads of a model on the CPU; 0 = one per core.")
    batch_size: int = Field(
        32, ge=1, le=1024, description="Texts or pictures that a model looks at together."
    )
