"""Speech by the program espeak-ng, where it is installed: small, fast, in about a hundred languages, and not beautiful.

The text goes in on standard input and is never part of a command. Other formats than WAV are made by `encoding`.

Source:
    espeak-ng 1.51 manual: `-v`, `-s`, `--stdin`, `--stdout`; markup is read with `-m` only.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import struct
import sys
from contextlib import suppress
from typing import NoReturn

from roundhouse.backends.speech.shape import CONTENT_TYPES, WholeSpeech
from roundhouse.core.audio import SpeechFormat, SpeechRequest
from roundhouse.core.errors import BackendFailed, BackendTimeout, BadInput, MissingExtra
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider

PROGRAM = "espeak-ng"
MODEL = "espeak-ng"

_VOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_-]{0,39}")
_WORDS_PER_MINUTE = 175
_LONGEST_S = 60.0
_MEMORY_BYTES = 2 * 1024**3
_MOST_BYTES = 256 * 1024**2
_WAV_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
_VARIANTS = {
    "alloy": "", "ash": "+m1", "ballad": "+m2", "cedar": "+m4", "coral": "+f2", "echo": "+m3", "fable": "+m5",
    "marin": "+f1", "nova": "+f3", "onyx": "+m7", "sage": "+f4", "shimmer": "+f5", "verse": "+m6",
}  # fmt: skip
"""OpenAI's voices, each as a voice of the text's language."""

_LANGUAGES = (
    (re.compile("[\u0590-\u05ff]"), "he"),
    (re.compile("[\u3040-\u30ff]"), "ja"),
    (re.compile("[\uac00-\ud7af]"), "ko"),
    (re.compile("[\u3400-\u9fff]"), "cmn"),
    (re.compile("[\u0600-\u06ff]"), "ar"),
    (re.compile("[\u0400-\u04ff]"), "ru"),
    (re.compile("[\u01a0\u01a1\u01af\u01b0\u1ea0-\u1ef9\u0110\u0111]"), "vi"),
)


class EspeakSpeech:
    """`core.ports.SpeechBackend` for the kind `espeak`.

    Args:
        provider: Its settings.
        context: Not needed.
        program: What is run; another one in tests.
    """

    def __init__(self, provider: Provider, context: BackendContext, program: str = PROGRAM) -> None:
        self._program = program

    async def speak(self, request: SpeechRequest, model: str) -> WholeSpeech:
        """Say a text. The voice is one of OpenAI's, or one of the program's, such as `vi` or `en-gb+f3`.

        Raises:
            MissingExtra: The program is not installed.
            BadInput: It has no such voice.
            BackendFailed: It failed.
            BackendTimeout: It took too long.
        """
        path = shutil.which(self._program)
        if path is None:
            raise MissingExtra(
                "espeak-ng is not installed (Debian: apt install espeak-ng, macOS: brew install espeak-ng)."
            )
        speed = str(min(450, max(80, round(_WORDS_PER_MINUTE * request.speed))))
        command = [path, "-b", "1", "-v", _voice(request), "-s", speed, "--stdin", "--stdout"]
        wav = await _run(command, request.text.encode(), self._refuse(request))
        sound = await _encoded(_with_length(wav), request.format)
        return WholeSpeech(CONTENT_TYPES[request.format], sound)

    @staticmethod
    def _refuse(request: SpeechRequest) -> str:
        return f"espeak-ng has no voice {request.voice!r}; it lists them with: espeak-ng --voices"

    async def close(self) -> None:
        """Nothing is held."""


def _voice(request: SpeechRequest) -> str:
    """The program's name of a voice; raises BadInput for what cannot be one."""
    if request.voice and request.voice not in _VARIANTS:
        if not _VOICE.fullmatch(request.voice):
            raise BadInput("The voice may hold letters, digits, '+', '-' and '_' only.", param="voice")
        return request.voice
    language = next((code for letters, code in _LANGUAGES if letters.search(request.text)), "en-us")
    return language + _VARIANTS.get(request.voice, "")


async def _encoded(wav: bytes, form: SpeechFormat) -> bytes:
    if form == "wav":
        return wav
    module = "roundhouse.backends.speech.encoding"
    return await _run([sys.executable, "-P", "-m", module, form], wav, "")


async def _run(command: list[str], given: bytes, voice_refusal: str) -> bytes:
    """What a program writes; it has limits of time and memory, and ends with who waits for it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if sys.platform == "linux":
            import resource

            with suppress(OSError):
                resource.prlimit(process.pid, resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        async with asyncio.timeout(_LONGEST_S):
            told, said = await process.communicate(given)
    except TimeoutError:
        raise BackendTimeout(f"Speaking took longer than {_LONGEST_S:g} s.") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode or not told or len(told) > _MOST_BYTES:
        _failed(said, voice_refusal)
    return told


def _failed(said: bytes, voice_refusal: str) -> NoReturn:
    if voice_refusal and b"voice" in said.lower():
        raise BadInput(voice_refusal, param="voice")
    lines = said.decode("utf-8", "replace").strip().splitlines()
    raise BackendFailed(f"Speaking failed: {lines[-1][:200] if lines else 'the program wrote nothing'}.")


def _with_length(wav: bytes) -> bytes:
    """The program does not know the length when it writes the head."""
    if len(wav) < _WAV_HEAD.size or not wav.startswith(b"RIFF"):
        raise BackendFailed("espeak-ng wrote something else than sound.")
    head = list(_WAV_HEAD.unpack_from(wav))
    head[1], head[-1] = len(wav) - 8, len(wav) - _WAV_HEAD.size
    return _WAV_HEAD.pack(*head) + wav[_WAV_HEAD.size :]
