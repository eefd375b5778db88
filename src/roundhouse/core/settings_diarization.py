"""Settings of telling speakers apart."""

from __future__ import annotations

from pydantic import Field, SecretStr

from roundhouse.core.settings_section import Section


class DiarizationSettings(Section):
    """Telling speakers apart by their voices, with pyannote.audio: `pip install 'roundhouse[diarization]'`."""

    model: str = Field(
        "pyannote/speaker-diarization-community-1",
        min_length=1,
        max_length=1000,
        description="Folder of a pipeline of pyannote.audio, with its `config.yaml`; or its name at the hub, from "
        "which it comes at the first use.",
    )
    token: SecretStr | None = Field(
        None, description="Token of the hub; its pipelines are given to those who accepted their conditions."
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where it runs: `auto` = on the first card if there is one, `cpu`, `cuda`, `cuda:1`.",
    )
