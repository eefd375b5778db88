"""What recordings cost: the pipeline beside its recogniser, decoding beside FFmpeg, uploads, stages, long queues.

Needs `ffmpeg` on the path: it makes the recordings, and is what decoding is compared with. Linux.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from bench.audio import decode, pipeline, stages, upload


def main() -> int:
    """Run what is asked for.

    Returns:
        Exit code.
    """
    options = _parser().parse_args()
    if options.command == "whole":
        print(json.dumps(decode.through_everything(options.path)))
        return 0
    if options.command == "bare":
        pipeline.serve(json.loads(options.order))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-audio-", dir=options.folder) as name:
        folder = Path(name)
        if options.command == "decode":
            decode.compare(folder, options.minutes, options.rounds, options.only.split(","))
            if options.hours:
                decode.memory(folder, options.minutes, options.hours)
        elif options.command == "pipeline":
            pipeline.compare(folder, options.minutes, options.tokens, options.rounds, options.threads)
        elif options.command == "upload":
            upload.measure(folder, options.mib)
        else:
            stages.overhead(folder, options.recordings)
            if options.queued:
                stages.queue(folder, options.queued)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.audio", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where everything is made")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("decode", help="decoding, its CPU and its memory")
    one.add_argument("--minutes", type=int, default=10, help="length of the recordings")
    one.add_argument(
        "--hours", type=float, default=3.0, help="length of the one whose memory is measured; 0 = none"
    )
    one.add_argument("--rounds", type=int, default=5, help="each measured so often, in turns")
    one.add_argument("--only", default="mp3,m4a,wav,opus,flac", help="formats, with commas")
    one = commands.add_parser("pipeline", help="upload to summary beside faster-whisper alone")
    one.add_argument("--minutes", type=int, default=10, help="length of the recording")
    one.add_argument("--tokens", type=int, default=96, help="said in each stretch of half a minute")
    one.add_argument("--rounds", type=int, default=3, help="both measured so often, in turns")
    one.add_argument("--threads", type=int, default=0, help="of the model; 0 = as many as its library takes")
    one = commands.add_parser("upload", help="a large upload: speed and memory")
    one.add_argument("--mib", type=int, default=1024, help="size of the file")
    one = commands.add_parser("stages", help="what a stage costs besides its work, and a long queue")
    one.add_argument("--recordings", type=int, default=30, help="measured one after the other")
    one.add_argument("--queued", type=int, default=10_000, help="recordings in the long queue; 0 = none")
    one = commands.add_parser("whole", help="one recording through everything; told in JSON")
    one.add_argument("path", type=Path)
    one = commands.add_parser("bare", help="the recogniser alone; `pipeline` starts it")
    one.add_argument("order")
    return parser
