"""What the product does itself, as verbs that capabilities call: chat, embed, transcribe, search, summarise."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core import wire
from roundhouse.core.audio import TranscriptionRequest
from roundhouse.core.errors import (
    BackendBadAnswer,
    Cancelled,
    NotAllowed,
    RoundhouseError,
    StorageUnavailable,
)
from roundhouse.core.ids import new_id
from roundhouse.core.settings import AudioSettings
from roundhouse.core.transports import Verb
from roundhouse.core.types import Caller, Decision, ModelRequest, Operation, Usage
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Accounts
from roundhouse.features.gateway.sound.answers import joined
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.knowledge.searching.service import SearchService
from roundhouse.features.knowledge.searching.shapes import SearchAsk
from roundhouse.infra.audio import AudioLimits, Sound, VadSettings, filter_segments, prepare

_TASK = (
    "Summarise the text that follows in its own language, in {sentences} sentences. Write the summary only."
)


class OwnVerbs:
    """The verbs of one process; each takes the caller and an input that is valid, and gives a JSON value.

    Args:
        engine: Every model.
        accounts: Asks models, and records what was used.
        searching: Searches vector stores.
        files: Has recordings.
        audio: What recordings may be.
        folder: Where recordings are taken apart.
    """

    def __init__(
        self,
        engine: Engine,
        accounts: Accounts,
        searching: SearchService,
        files: FileService,
        audio: AudioSettings,
        folder: Path,
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._searching = searching
        self._files = files
        self._audio = audio
        self._folder = folder

    def table(self) -> Mapping[str, Verb]:
        """All of them by name."""
        return {
            "chat": self.chat,
            "embed": self.embed,
            "transcribe": self.transcribe,
            "search": self.search,
            "summarise": self.summarise,
        }

    async def chat(self, caller: Caller, given: Any) -> Any:
        """Ask a language model."""
        messages = list(given.get("messages") or [{"role": "user", "content": given.get("prompt", "")}])
        if "system" in given:
            messages.insert(0, {"role": "system", "content": given["system"]})
        more = {
            name: given[name] for name in ("temperature", "max_tokens", "response_format") if name in given
        }
        said = await self._ask(caller, "chat", given, {"messages": messages, **more}, _Said)
        choice = said.answer.choices[0] if said.answer.choices else None
        if choice is None:
            raise BackendBadAnswer("The model's answer has no message.")
        return {
            "text": choice.message.content or "",
            "model": said.target,
            "cut": choice.finish_reason == "length",
        }

    async def summarise(self, caller: Caller, given: Any) -> Any:
        """Summarise a text."""
        task = _TASK.format(sentences=given.get("sentences", 5))
        told = "\n".join(text for text in (task, given.get("instructions", "")) if text)
        asked = {"prompt": f"{told}\n\n{given['text']}", "model": given.get("model", "auto")}
        said = await self.chat(caller, asked)
        return {"summary": said["text"], "model": said["model"]}

    async def embed(self, caller: Caller, given: Any) -> Any:
        """Turn texts into vectors."""
        texts = [given["input"]] if isinstance(given["input"], str) else given["input"]
        said = await self._ask(
            caller, "embeddings", given, {"input": texts, "encoding_format": "float"}, _Vectors
        )
        ordered = sorted(said.answer.data, key=lambda one: one.index)
        return {"vectors": [one.embedding for one in ordered], "model": said.target}

    async def search(self, caller: Caller, given: Any) -> Any:
        """Find passages in vector stores."""
        _require(caller, "knowledge:read")
        asked = SearchAsk(
            queries=(given["query"],), limit=given.get("limit", 10), mode=given.get("mode", "hybrid")
        )
        found = await self._searching.search(caller, given["vector_store_ids"], asked)
        passages = [
            {
                "file_id": one.file_id,
                "filename": one.filename,
                "vector_store_id": one.store_id,
                "text": one.text,
                "score": one.score,
                "page": one.page,
            }
            for one in found.passages
        ]
        return {"passages": passages, "warnings": list(found.warnings)}

    async def transcribe(self, caller: Caller, given: Any) -> Any:
        """Write down what is said in a file."""
        _require(caller, "inference")
        async with _workplace(self._folder) as folder, self._files.path(caller, given["file_id"]) as source:
            sound = await prepare(
                source,
                folder,
                AudioLimits.of(self._audio),
                vad=VadSettings.of(self._audio),
                on_progress=lambda _share, _words: None,
            )
            return await self._heard(caller, given, sound)

    async def _heard(self, caller: Caller, given: Any, sound: Sound) -> Any:
        track = sound.tracks[0]
        request = TranscriptionRequest(
            model=given.get("model", "auto"),
            caller=caller,
            audio=Path(track.path),
            duration_s=track.duration_s,
            regions=None if track.regions is None else tuple(track.regions),
            language=given.get("language"),
            prompt=given.get("prompt", ""),
            request_id=new_id("req"),
        )
        decision, usage = Decision(requested=request.model), Usage()
        error: RoundhouseError | None = Cancelled("Nobody waits for it any more.")
        try:
            hearing = await self._engine.transcribe(request, decision)
            try:
                heard = [segment async for segment in hearing]
                language = hearing.recognition.language
            finally:
                await hearing.aclose()
            usage, error = Usage(audio_s=track.duration_s), None
        except RoundhouseError as failed:
            error = failed
            raise
        finally:
            self._accounts.record(
                caller, request.request_id, "transcriptions", decision, usage, error, track.duration_s
            )
        kept = filter_segments(heard, regions=track.regions, language=language).kept
        return {
            "text": joined(kept, language),
            "language": language,
            "duration_s": track.duration_s,
            "segments": [{"start_s": one.start_s, "end_s": one.end_s, "text": one.text} for one in kept],
        }

    async def _ask(
        self, caller: Caller, operation: Operation, given: Any, body: dict[str, Any], shape: type[Any]
    ) -> _Asked:
        _require(caller, "inference")
        model = given.get("model", "auto")
        fields = wire.open_object(msgspec.json.encode({"model": model, **body}))
        request = ModelRequest(operation, model, fields, caller)
        request.request_id = new_id("req")
        decision = Decision(requested=model)
        answer = await self._accounts.answer(request, decision)
        try:
            return _Asked(msgspec.json.decode(answer.body, type=shape), decision.target)
        except msgspec.MsgspecError:
            raise BackendBadAnswer("The model's answer cannot be read.") from None


@asynccontextmanager
async def _workplace(home: Path) -> AsyncGenerator[Path]:
    """A folder for one call, gone at its end; named as those whose leftovers are swept away there."""
    try:
        await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True, mode=0o700)
        made = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="heard-", dir=home))
    except OSError as error:
        raise StorageUnavailable(f"{home} cannot be used: {error.strerror}.") from error
    try:
        yield made
    finally:
        await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)


def _require(caller: Caller, scope: str) -> None:
    if not caller.may(scope):
        raise NotAllowed(f"This needs the scope {scope!r}.")


class _Asked(msgspec.Struct):
    answer: Any
    target: str


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Said(msgspec.Struct):
    choices: list[_Choice]


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]
