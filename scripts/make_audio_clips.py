"""Write the clips of `tests/audio_clips`: spoken sentences in every container that is taken in, silence, and a film.

Needs espeak-ng and ffmpeg; the tests do not, they read what lies in the repository. Run it from the root of the
repository: `python scripts/make_audio_clips.py`.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "audio_clips"
VOICE, WORDS_A_MINUTE = "en-us", 150
SILENCE_S = 0.4
PAUSE_S = 2.0
RATE_HZ = 16_000

SENTENCES = {
    "monday": "the meeting starts on monday morning",
    "engineers": "we decided to hire two engineers",
    "report": "please send the report before friday",
    "refund": "the customer asked for a refund",
    "calling": "thank you for calling",
}
FORMATS: dict[str, Sequence[str]] = {
    "ogg": ("-c:a", "libopus", "-b:a", "24k"),
    "vorbis.ogg": ("-c:a", "libvorbis", "-q:a", "0"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "32k"),
    "m4a": ("-c:a", "aac", "-b:a", "32k"),
    "flac": ("-c:a", "flac", "-ar", "8000"),
    "webm": ("-c:a", "libopus", "-b:a", "16k"),
    "aac": ("-c:a", "aac", "-b:a", "32k"),
}


def main() -> None:
    """Write them all anew."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        spoken = {name: speak(text, Path(folder) / f"{name}.wav") for name, text in SENTENCES.items()}
        for name, clip in spoken.items():
            encode(clip, FOLDER / f"{name}.ogg", *FORMATS["ogg"])
        for ending, options in FORMATS.items():
            if ending != "ogg":
                encode(spoken["monday"], FOLDER / f"monday.{ending}", *options)
        encode(spoken["monday"], FOLDER / "monday.wav", "-ar", "8000")
        in_order([spoken["monday"], spoken["engineers"], spoken["refund"]], FOLDER / "meeting.ogg")
        side_by_side(spoken["monday"], spoken["engineers"], FOLDER / "stereo.ogg")
        side_by_side(spoken["monday"], spoken["monday"], FOLDER / "both.ogg")
        ffmpeg("-f", "lavfi", "-i", f"anullsrc=r={RATE_HZ}:cl=mono", "-t", "8", "-c:a", "libopus", "-b:a", "6k",
               str(FOLDER / "silence.ogg"))  # fmt: skip
        grey = ("-f", "lavfi", "-i", "color=c=gray:s=64x64:r=5:d=3")
        film = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
        ffmpeg(*grey, *film, str(FOLDER / "film_without_sound.mp4"))
        encode(spoken["monday"], FOLDER / "film.mp4", *grey, *film, "-c:a", "aac", "-b:a", "32k")


def speak(text: str, path: Path) -> Path:
    """Speak a sentence, with silence at both ends."""
    raw = path.with_suffix(".raw.wav")
    subprocess.run(["espeak-ng", "-v", VOICE, "-s", str(WORDS_A_MINUTE), "-w", str(raw), text], check=True)
    silence = f"adelay={int(SILENCE_S * 1000)}:all=1,apad=pad_dur={SILENCE_S}"
    ffmpeg("-i", str(raw), "-af", f"aresample={RATE_HZ},{silence}", str(path))
    return path


def encode(source: Path, target: Path, *options: str) -> None:
    """Write it in another format."""
    ffmpeg("-i", str(source), *options, str(target))


def in_order(clips: Sequence[Path], target: Path) -> None:
    """One after the other, with a pause between them."""
    inputs = [part for clip in clips for part in ("-i", str(clip))]
    padded = "".join(f"[{n}:a]apad=pad_dur={PAUSE_S}[p{n}];" for n in range(len(clips)))
    joined = "".join(f"[p{n}]" for n in range(len(clips)))
    ffmpeg(*inputs, "-filter_complex", f"{padded}{joined}concat=n={len(clips)}:v=0:a=1", "-c:a", "libopus",
           "-b:a", "24k", str(target))  # fmt: skip


def side_by_side(left: Path, right: Path, target: Path) -> None:
    """One clip per channel."""
    ffmpeg("-i", str(left), "-i", str(right), "-filter_complex",
           "[0:a]apad[l];[1:a]apad[r];[l][r]join=inputs=2:channel_layout=stereo,atrim=end=4", "-c:a", "libopus",
           "-b:a", "48k", str(target))  # fmt: skip


def ffmpeg(*arguments: str) -> None:
    """Run it; what it writes depends on its version alone."""
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments[:-1], "-map_metadata", "-1", "-fflags", "+bitexact",
         "-flags:a", "+bitexact", arguments[-1]],
        check=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
