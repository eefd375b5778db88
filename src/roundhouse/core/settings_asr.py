"""Settings of the recognition of speech."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from roundhouse.core.settings_section import Section


class AsrSettings(Section):
    """Recognition of speech by Whisper and ChunkFormer models of this machine."""

    model: str = Field(
        "whisper/small",
        pattern=r"^[^/\s]+/\S+$",
        max_length=200,
        description="Recogniser that `auto` takes if it is there, and that is downloaded where none is: "
        "`provider/model`.",
    )
    pull_on_first_use: bool = Field(
        True,
        description="A request whose model is not there starts its download; unset, it fails with the command.",
    )
    folders: list[Path] = Field(
        [],
        description="Further folders whose sub-folders are Whisper models in the format of CTranslate2; "
        "`models/whisper` in the data folder always counts.",
    )
    chunkformer_model: str = Field(
        "chunkformer/large-vie",
        pattern=r"^chunkformer/[^/\s]+(/[^/\s]+)?$",
        max_length=200,
        description="What the bare name `chunkformer` means: `chunkformer/large-vie`, `chunkformer/rnnt-large-vie`, "
        "`chunkformer/org/name` of the hub, or the name of a folder.",
    )
    chunkformer_folders: list[Path] = Field(
        [],
        description="Further folders whose sub-folders are ChunkFormer models (`config.yaml`, `vocab.txt`, weights); "
        "`models/chunkformer` in the data folder always counts.",
    )
    chunkformer_python: Path | None = Field(
        None,
        description="Python of an environment of your own, with `chunkformer`, `msgspec` and `psutil`; then "
        "`models pull` builds none.",
    )
    chunkformer_window_s: float = Field(
        120.0,
        ge=10,
        le=1800,
        description="So much sound ChunkFormer hears at once: its memory grows with it.",
    )
    chunkformer_chunk_frames: int = Field(
        64, ge=1, le=10_000, description="Frames of 80 ms that ChunkFormer looks at together."
    )
    chunkformer_left_frames: int = Field(
        128, ge=0, le=10_000, description="Frames before them that it sees as well."
    )
    chunkformer_right_frames: int = Field(
        128, ge=0, le=10_000, description="Frames behind them that it sees as well."
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where models run: `auto` = on the first card if there is one, `cpu`, `cuda`, `cuda:1`.",
    )
    compute_type: str = Field(
        "default",
        pattern=r"^[a-z0-9_]+$",
        description="Number format, e.g. `int8`, `float16`, `int8_float16`; `default` = as the weights are. "
        "One that the device lacks falls back, and the result says so.",
    )
    cpu_threads: int = Field(0, ge=0, le=1024, description="Threads of a model on the CPU; 0 = one per core.")
    beam_size: int = Field(5, ge=1, le=32, description="Guesses that are followed at a time.")
    batch_size: int = Field(
        8, ge=1, le=128, description="Stretches of speech of a long recording that are heard at a time."
    )
    batched_from_s: float = Field(
        90.0,
        ge=0,
        description="Recordings with more speech than this are heard in batches: faster, without the second "
        "and third try at unclear passages that shorter ones get.",
    )
    hub_url: str = Field(
        "https://huggingface.co", pattern=r"^https?://.+$", description="Where weights are downloaded from."
    )
    hub_token: SecretStr | None = Field(None, description="Token for models of the hub that need one.")
