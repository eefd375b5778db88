"""What the fake backends do, written into `provider.options`: they answer without any model, always the same."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, RoundhouseError, tree
from roundhouse.core.types import Provider


class Fault(msgspec.Struct, frozen=True):
    """Failures to play.

    Attributes:
        code: `code` of a class of the error tree.
        times: That many calls fail, then all is well; None = every call fails.
        after_pieces: A stream gives so many pieces first; 0 = the call itself fails.
        retry_after_s: Told with the error.
    """

    code: str
    times: int | None = None
    after_pieces: int = 0
    retry_after_s: float | None = None


class FakeModel(msgspec.Struct, frozen=True):
    """The memory of a model of `FakeControl`; the option `model_info` tells the rest, as for other kinds.

    Attributes:
        footprint_mib: Memory it holds when loaded.
        on_cpu: Whether that is RAM.
    """

    footprint_mib: int = 0
    on_cpu: bool = False


class FakeScript(msgspec.Struct, frozen=True):
    """`provider.options` of the kind `fake`.

    Attributes:
        reply: Text of every answer; None = it repeats what it was told.
        tool_arguments: Arguments of the tool call that it makes when it is given tools.
        delay_s: Wait before each piece of a stream and before each whole answer.
        endless: A stream never ends by itself.
        fault: Failures to play.
        context_tokens: Longest prompt, in words.
        dimensions: Length of embeddings.
        manages_memory: Whether models can be loaded and unloaded.
        load_s: How long loading takes.
        models: Models by name, besides `provider.models`.
        pull_steps: Steps of a download; 0 = it cannot download.
    """

    reply: str | None = None
    tool_arguments: dict[str, Any] = {}
    delay_s: float = 0.0
    endless: bool = False
    fault: Fault | None = None
    context_tokens: int | None = None
    dimensions: int = 16
    manages_memory: bool = False
    load_s: float = 0.0
    models: dict[str, FakeModel] = {}
    pull_steps: int = 3


def read_script(provider: Provider) -> FakeScript:
    """The script of a provider; raises BadInput when it is malformed."""
    try:
        return msgspec.convert(provider.options, FakeScript)
    except msgspec.ValidationError as error:
        raise BadInput(f"options of provider {provider.name}: {error}", param="options") from None


class FaultPlayer:
    """Plays the failures of a script, each once."""

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self._left = fault.times if fault is not None else 0
        self._kind = _kind_of(fault.code) if fault is not None else RoundhouseError

    @property
    def after_pieces(self) -> int:
        """How many pieces a stream gives before it fails."""
        return self._fault.after_pieces if self._fault is not None else 0

    def play(self) -> None:
        """Raise the scripted error, while there are failures left."""
        if self._fault is None or self._left == 0:
            return
        if self._left is not None:
            self._left -= 1
        raise self._kind("A scripted failure.", retry_after_s=self._fault.retry_after_s)


def _kind_of(code: str) -> type[RoundhouseError]:
    for kind in tree():
        if kind.code == code:
            return kind
    raise BadInput(f"No error has the code {code!r}.", param="options")
