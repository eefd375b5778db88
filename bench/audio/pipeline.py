"""A recording from its upload to its summary, beside the same work of faster-whisper alone, in turns."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.audio.random_whisper import write
from bench.audio.service import Service
from bench.audio.sounds import FORMATS, LIMITS, make
from bench.gateway.measure import CpuReading
from roundhouse.backends.asr.whisper_host import STRETCH_S, Wav
from roundhouse.backends.asr.windows import joined, split
from roundhouse.core.audio import SAMPLE_RATE_HZ, Region
from roundhouse.infra.audio import VadSettings, prepare

GOAL = 1.05
FIELDS = {
    "features": "raw_transcript,clean_transcript,summary",
    "template_id": "meeting_notes",
    "asr_backend": "whisper/base",
    "language": "en",
    "model": "roundhouse/extractive",
}


def compare(folder: Path, minutes: int, tokens: int, rounds: int, threads: int) -> None:
    """Print the times of both, their ratio, and where ours goes.

    Args:
        folder: For everything; removed by the caller.
        minutes: Of speech.
        tokens: Said in each stretch of half a minute.
        rounds: Each measured so often.
        threads: Of the model, in both; 0 = as many as its library takes.
    """
    weights = folder / "data" / "models" / "whisper" / "base"
    write(weights, tokens)
    path = make(folder / "talk.mp3", minutes * 60.0, FORMATS["mp3"][1])
    settings = {"ASR__MODEL": "whisper/base", "ASR__BATCHED_FROM_S": "1", "ASR__CPU_THREADS": str(threads)}
    with Service(folder, **settings) as service:
        # The model's process is started and warm, and the parameters are known.
        _, told = service.process(make(folder / "warm.mp3", 40.0, FORMATS["mp3"][1]), **FIELDS)
        parameters = told["versions"]["transcribe"]["parameters"]
        with Bare(folder, weights, path, parameters, threads) as bare:
            bare.hear("warm")
            found = []
            for _ in range(rounds):
                found.append((bare.hear(), _ours(service, path)))
                print(
                    "  ".join(f"{one['wall_s']:.2f} s, CPU {one['cpu_s']:.2f} s" for one in found[-1]),
                    flush=True,
                )
    _print(found, minutes, tokens)


class Bare:
    """faster-whisper in a warm process of its own; a context manager.

    Args:
        folder: Where the sound is taken apart, once, as the product does it.
        weights: The model.
        path: The recording.
        parameters: Those that the product told with its result.
        threads: Of the model.
    """

    def __init__(
        self, folder: Path, weights: Path, path: Path, parameters: dict[str, Any], threads: int
    ) -> None:
        tracks = folder / "tracks"
        tracks.mkdir()
        sound = asyncio.run(
            prepare(path, tracks, LIMITS, vad=VadSettings(), on_progress=lambda share, text: None)
        )
        (track,) = sound.tracks
        order = {
            "weights": str(weights), "wav": str(tracks / track.path), "source": str(path), "parameters": parameters,
            "regions": msgspec.to_builtins(track.regions), "threads": threads,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.audio", "bare", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def hear(self, how: str = "all") -> dict[str, Any]:
        """Once, all of it or a little (`warm`); what `serve` told."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{how}\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


def serve(order: Any) -> None:
    """The process of `Bare`: hears the sound once for each line of input, and tells what that took."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel
    from faster_whisper.audio import decode_audio
    from faster_whisper.vad import get_speech_timestamps

    model = WhisperModel(
        order["weights"],
        device="cpu",
        compute_type="default",
        cpu_threads=order["threads"],
        local_files_only=True,
    )
    pipeline = BatchedInferencePipeline(model)
    regions = msgspec.convert(order["regions"], list[Region])
    for line in sys.stdin:
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        with Wav(Path(order["wav"])) as wav:
            samples = wav.read(0, wav.samples)
        stretches = _stretches(samples, regions)[: 1 if line == "warm\n" else None]
        segments, _info = pipeline.transcribe(
            samples, language="en", clip_timestamps=stretches, **order["parameters"]
        )
        text = "\n".join(segment.text.strip() for segment in segments)
        heard_s, heard_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        # What whoever uses it alone has to do before, in its own way.
        began_s = time.perf_counter()
        get_speech_timestamps(decode_audio(order["source"]))
        told = {
            "wall_s": heard_s, "cpu_s": heard_cpu_s, "before_s": time.perf_counter() - began_s,
            "segments": text.count("\n") + 1,
        }  # fmt: skip
        print(json.dumps(told), flush=True)


def _stretches(samples: np.ndarray, regions: list[Region]) -> list[dict[str, float]]:
    """As the product cuts them."""
    longest = int(STRETCH_S * SAMPLE_RATE_HZ)
    spans = [(int(one.start_s * SAMPLE_RATE_HZ), int(one.end_s * SAMPLE_RATE_HZ)) for one in regions]
    pieces = [piece for span in joined(spans, longest) for piece in split(samples, span, longest)]
    return [{"start": start / SAMPLE_RATE_HZ, "end": end / SAMPLE_RATE_HZ} for start, end in pieces]


def _ours(service: Service, path: Path) -> dict[str, Any]:
    before = CpuReading.of(service.server.pid)
    wall_s, told = service.process(path, **FIELDS)
    cpu_s = CpuReading.of(service.server.pid).ticks_s - before.ticks_s
    heard = told["metrics"]["stages"]["transcribe"]
    segments = heard["segments"] + sum(heard["dropped"].values())
    return {"wall_s": wall_s, "cpu_s": cpu_s, "told": told, "segments": segments}


def _print(found: list[tuple[dict[str, Any], dict[str, Any]]], minutes: int, tokens: int) -> None:
    bare, ours = zip(*found, strict=True)
    print(
        f"{minutes} min, {tokens} tokens for each stretch; median of {len(found)} rounds, ratios lowest .. highest"
    )
    for name, what in (("wall_s", "wall"), ("cpu_s", "CPU")):
        ratios = [our[name] / their[name] for their, our in found]
        ratio = statistics.median(ratios)
        told = f"  goal {GOAL}: {'met' if ratio <= GOAL else 'MISSED'}" if name == "wall_s" else ""
        print(
            f"{what:5} ours {statistics.median(one[name] for one in ours):.2f} s"
            f"  faster-whisper {statistics.median(one[name] for one in bare):.2f} s"
            f"  {ratio:.3f}x ({min(ratios):.3f} .. {max(ratios):.3f}){told}"
        )
    whole = [our["wall_s"] / (their["wall_s"] + their["before_s"]) for their, our in found]
    before_s = statistics.median(one["before_s"] for one in bare)
    print(
        f"wall  times faster-whisper with its own decoding and search for speech ({before_s:.2f} s):"
        f" {statistics.median(whole):.3f}x ({min(whole):.3f} .. {max(whole):.3f})"
    )
    stages: dict[str, list[float]] = {}
    for one in ours:
        measured = one["told"]["metrics"]["stages"]
        for stage, told in measured.items():
            stages.setdefault(stage, []).append(told["seconds"])
        stages.setdefault("around", []).append(one["wall_s"] - measured["total"]["seconds"])
    print("  ".join(f"{stage} {statistics.median(values):.2f} s" for stage, values in stages.items()))
    segments = {one["segments"] for one in (*bare, *ours)}
    print(f"segments heard by either: {segments}")
