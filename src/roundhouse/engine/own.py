"""Providers that are always there: models inside this package, and what runs on this machine without a server."""

from __future__ import annotations

from typing import Any

from roundhouse.core.settings_asr import AsrSettings
from roundhouse.core.settings_diarization import DiarizationSettings
from roundhouse.core.settings_sentence_transformers import SentenceTransformersSettings
from roundhouse.core.types import Provider, Timeouts

BUILTIN_PROVIDER = Provider(name="roundhouse", kind="builtin", max_concurrent=4, retries=0)
"""Models inside this package; last in order of preference."""

ESPEAK_PROVIDER = Provider(name="espeak", kind="espeak", max_concurrent=4, max_waiting=64, retries=0)
"""The program espeak-ng, where it is installed."""

OWN_NAMES = frozenset({"roundhouse", "whisper", "chunkformer", "pyannote", "sentence_transformers", "espeak"})
"""Names that no other provider may have; the settings file may describe one of them anew."""

OWN_KINDS = frozenset({"builtin", "whisper", "chunkformer", "pyannote", "sentence_transformers", "espeak"})
"""Kinds that use this machine's files and programs: no provider of such a kind can be made through the API."""


def whisper_provider(settings: AsrSettings) -> Provider:
    """Whisper models in folders of this machine."""
    options: dict[str, Any] = {
        "folders": [str(folder) for folder in settings.folders],
        "compute_type": settings.compute_type,
        "cpu_threads": settings.cpu_threads,
        "beam_size": settings.beam_size,
        "batch_size": settings.batch_size,
        "batched_from_s": settings.batched_from_s,
    }
    provider, _, model = settings.model.partition("/")
    if provider == "whisper":
        options["model"] = model
    return _hearing("whisper", settings, options)


def chunkformer_provider(settings: AsrSettings) -> Provider:
    """ChunkFormer models in folders of this machine."""
    options = {
        "model": settings.chunkformer_model.partition("/")[2],
        "folders": [str(folder) for folder in settings.chunkformer_folders],
        "python": None if settings.chunkformer_python is None else str(settings.chunkformer_python),
        "cpu_threads": settings.cpu_threads,
        "window_s": settings.chunkformer_window_s,
        "chunk_frames": settings.chunkformer_chunk_frames,
        "left_frames": settings.chunkformer_left_frames,
        "right_frames": settings.chunkformer_right_frames,
    }
    return _hearing("chunkformer", settings, options)


def _hearing(kind: str, settings: AsrSettings, options: dict[str, Any]) -> Provider:
    """What all recognisers of this machine have in common."""
    options["hub_url"] = settings.hub_url
    options |= _on_device(settings.device)
    return Provider(
        name=kind,
        kind=kind,
        key=settings.hub_token.get_secret_value() if settings.hub_token else None,
        options=options,
        timeouts=Timeouts(idle_s=900.0, total_s=24 * 3600.0),
        # A model hears one recording at a time; two models may.
        max_concurrent=2,
        max_waiting=64,
    )


def pyannote_provider(settings: DiarizationSettings) -> Provider:
    """The pipeline that tells speakers apart."""
    return Provider(
        name="pyannote",
        kind="pyannote",
        key=settings.token.get_secret_value() if settings.token else None,
        options={"model": settings.model, **_on_device(settings.device)},
        timeouts=Timeouts(idle_s=900.0, total_s=24 * 3600.0),
        max_concurrent=1,
        max_waiting=64,
        retries=0,
    )


def sentence_transformers_provider(settings: SentenceTransformersSettings, hub: AsrSettings) -> Provider:
    """Embedding models and rerankers in folders of this machine, brought from where recognisers are."""
    options = {
        "folders": [str(folder) for folder in settings.folders],
        "python": None if settings.python is None else str(settings.python),
        "compute_type": settings.compute_type,
        "cpu_threads": settings.cpu_threads,
        "batch_size": settings.batch_size,
        "hub_url": hub.hub_url,
    }
    return Provider(
        name="sentence_transformers",
        kind="sentence_transformers",
        key=hub.hub_token.get_secret_value() if hub.hub_token else None,
        options=options | _on_device(settings.device),
        timeouts=Timeouts(idle_s=300.0),
        # A model does one request after the other; two models may.
        max_concurrent=2,
        max_waiting=256,
    )


def own_providers(settings: AsrSettings) -> tuple[Provider, ...]:
    """All of them, in order of preference."""
    return whisper_provider(settings), chunkformer_provider(settings), ESPEAK_PROVIDER, BUILTIN_PROVIDER


def _on_device(device: str) -> dict[str, str]:
    """The option that names a device of the machine; none where the best one is taken."""
    return {} if device == "auto" else {"device": "cuda:0" if device == "cuda" else device}
