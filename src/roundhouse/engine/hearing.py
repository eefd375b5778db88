"""Which recogniser hears, and which voice speaks, when a request leaves it to us."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from roundhouse.core.audio import DiarizationRequest, SpeechRequest, TranscriptionRequest
from roundhouse.core.errors import (
    DiarizationUnavailable,
    MissingExtra,
    NotAllowed,
    NotSupported,
    RoundhouseError,
    WeightsMissing,
)
from roundhouse.core.types import Caller, ModelInfo, ModelRequest, Operation
from roundhouse.engine.catalog import Catalog
from roundhouse.engine.footprint import estimate_mib
from roundhouse.engine.model import SoundRequest
from roundhouse.engine.patterns import matches
from roundhouse.engine.residency import Residency

HABITS = frozenset({"whisper-1", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"})
"""Names that clients of OpenAI send; where nobody has such a model they mean `auto`."""

FALLBACKS = 3
"""So many of the best are tried."""

NOBODY_DIARIZES = (
    "Nothing here tells speakers apart by their voices: pip install 'roundhouse[diarization]', and set "
    "diarization.model or diarization.token. For a stereo file with one on each side send split_channels=true."
)
"""What to do about it."""

_VIETNAMESE_KIND = "chunkformer"


@runtime_checkable
class Library(Protocol):
    """A control that knows which models it could download.

    Attributes:
        default: The model that the provider's bare name stands for.
    """

    default: str

    def offers(self, model: str) -> bool:
        """Whether it could have this model."""
        ...

    def terms(self, model: str) -> str:
        """What must be known before the download, which then begins by command only; empty = any request may."""
        ...


def request_of(asked: TranscriptionRequest | SpeechRequest | DiarizationRequest) -> ModelRequest:
    """A request for sound, or about sound, in the form of all requests."""
    operation: Operation = "speech"
    if isinstance(asked, TranscriptionRequest):
        operation = "transcriptions" if asked.task == "transcribe" else "translations"
    elif isinstance(asked, DiarizationRequest):
        operation = "diarization"
    return SoundRequest(
        operation=operation,
        model=asked.model,
        fields={},
        caller=asked.caller,
        stream=True,
        request_id=asked.request_id,
        cache="off",
        asked=asked,
    )


class SpeechChooser:
    """Chooses among the models of this machine: recordings leave the house only when a request names a provider.

    Args:
        catalog: Providers and their models.
        residency: Which fit in memory.
        preferred: Recogniser that is taken if it is there, `provider/model`, and downloaded where none is.
    """

    def __init__(self, catalog: Catalog, residency: Residency, preferred: str) -> None:
        self._catalog = catalog
        self._residency = residency
        self._preferred = preferred

    def choose(self, request: ModelRequest) -> tuple[list[str], str]:
        """Targets, best first, and why the first.

        Raises:
            WeightsMissing: No recogniser is on this machine.
            NotSupported: The preferred one is, but neither it nor another knows the language, or translates.
            MissingExtra: Nothing on this machine can speak.
            DiarizationUnavailable: Nothing on it can tell speakers apart.
        """
        able = list(self._able(request.caller, request.operation))
        if request.operation == "speech":
            if not able:
                raise MissingExtra(
                    "Nothing here can speak: install espeak-ng (Debian: apt install espeak-ng), or name a model of "
                    "a provider that speaks."
                )
            return [target for target, _ in able[:FALLBACKS]], "the first that speaks on this machine"
        if request.operation == "diarization":
            if not able:
                raise DiarizationUnavailable(NOBODY_DIARIZES)
            return [target for target, _ in able[:FALLBACKS]], "the first on this machine"
        asked = request.asked if isinstance(request, SoundRequest) else None
        language = asked.language if isinstance(asked, TranscriptionRequest) else None
        found = [one for one in able if self._may_hear(one[0], one[1], language)]
        found.sort(key=lambda one: self._rank(one[0], one[1], language))
        if not found:
            raise self._nobody(request.caller, request.operation, language)
        return [target for target, _ in found[:FALLBACKS]], self._reason(found[0][0], language)

    def diarizes(self, caller: Caller) -> bool:
        """Whether something on this machine tells speakers apart, for this caller."""
        return next(self._able(caller, "diarization"), None) is not None

    def missing(self, caller: Caller, model: str) -> WeightsMissing:
        """The error that says how to bring a model here; raises NotAllowed when it is not for this caller."""
        if caller.models and not matches(caller.models, model):
            raise NotAllowed(f"This key may not use the model {model!r}.", param="model")
        library, name = self._library(model)
        terms = "" if library is None else library.terms(name)
        return WeightsMissing(
            f"The weights of {model} are not on this machine. {f'{terms} ' if terms else ''}"
            f"Bring them with: roundhouse models pull {model}",
            model=model,
            by_command=bool(terms),
            param="model",
        )

    def offered(self, model: str) -> bool:
        """Whether a provider could download a model that it does not have, `provider/model`."""
        library, name = self._library(model)
        return library is not None and library.offers(name)

    def meant(self, model: str) -> str:
        """A model's name as `provider/model` where it is the bare name of a provider with a default; else as it is."""
        library, name = self._library(model)
        return f"{model}/{library.default}" if library is not None and not name else model

    def _library(self, model: str) -> tuple[Library | None, str]:
        provider, _, name = model.partition("/")
        backends = self._catalog.backends.get(provider)
        control: object = None if backends is None else backends.control
        return (control if isinstance(control, Library) else None), name

    def _able(self, caller: Caller, operation: Operation) -> Iterator[tuple[str, ModelInfo]]:
        for provider, info in self._catalog.every():
            target = f"{provider}/{info.id}"
            if operation not in info.operations or self._catalog.backends[provider].provider.url:
                continue
            if not caller.models or matches(caller.models, target) or matches(caller.models, info.id):
                yield target, info

    def _rank(
        self, target: str, info: ModelInfo, language: str | None
    ) -> tuple[bool, ...] | tuple[object, ...]:
        vietnamese = language == "vi" and self._kind(target) == _VIETNAMESE_KIND
        fits = self._residency.is_loaded(target) or self._residency.fits(target, info)
        return not vietnamese, not fits, target != self._preferred, -estimate_mib(info), target

    def _nobody(self, caller: Caller, operation: Operation, language: str | None) -> RoundhouseError:
        """Why nobody hears; raises NotAllowed as `missing`."""
        missing = self.missing(caller, self._preferred)
        if all(f"{provider}/{info.id}" != self._preferred for provider, info in self._catalog.every()):
            return missing
        translates = operation == "translations"
        return NotSupported(
            f"No recogniser of this machine {'translates' if translates else f'knows the language {language!r}'}. "
            "Bring one with: roundhouse models pull whisper/small",
            param="model" if translates else "language",
        )

    def _may_hear(self, target: str, info: ModelInfo, language: str | None) -> bool:
        """Whether it knows the language. Where none is told it must know several; whoever prefers one tells it."""
        if not info.languages or language in info.languages:
            return True
        return language is None and (len(info.languages) > 1 or target == self._preferred)

    def _reason(self, target: str, language: str | None) -> str:
        if language == "vi" and self._kind(target) == _VIETNAMESE_KIND:
            return "made for Vietnamese"
        return "the preferred recogniser" if target == self._preferred else "the largest recogniser that fits"

    def _kind(self, target: str) -> str:
        return self._catalog.backends[target.partition("/")[0]].provider.kind
