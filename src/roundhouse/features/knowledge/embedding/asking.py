"""Asking an embedding model through the engine: requests of a size that suits it, too long texts, the record of use.

Source:
    Weighted mean of the parts' vectors for a text that is too long: OpenAI Cookbook, "Embedding texts that are longer
    than the model's maximum context length" (2022).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from roundhouse.core.errors import BackendBadAnswer, ContextTooLong
from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller, Decision, ModelRequest
from roundhouse.engine.metering import Accounts
from roundhouse.features.knowledge.embedding.manner import Manner
from roundhouse.features.knowledge.embedding.model import Image, Input, Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from roundhouse.features.knowledge.embedding.model import Vectors

_MOST_CHARS = 200_000
"""Characters of one request: OpenAI takes 300,000 tokens, and a Chinese character may be more than one."""

_IMAGE_CHARS = _MOST_CHARS // 8
"""A picture counts as so many."""

_IMAGE_BYTES = 8 * 1024 * 1024
"""Pictures of one request together."""

_SHORTEST_CHARS = 32
"""A text that is not longer is not halved."""

# Most inputs of one request, and requests at a time. A model of this machine does one request after the other.
_HABITS = {
    "builtin": (128, 1),
    "ollama": (64, 1),
    "sentence_transformers": (64, 1),
    "openai": (256, 4),
    "vllm": (256, 4),
    "jina": (128, 4),
}
_HABIT = (64, 2)


class Asked(msgspec.Struct, frozen=True):
    """A model as it is to be asked by one caller.

    Attributes:
        caller: Who asks; what it may use was looked at.
        requested: Name as it was written.
        target: `provider/model`.
        kind: Of the provider.
        manner: What the model wants to be told.
    """

    caller: Caller
    requested: str
    target: str
    kind: str
    manner: Manner

    @property
    def width(self) -> int:
        """Requests at a time."""
        return _HABITS.get(self.kind, _HABIT)[1]

    def batches(self, inputs: Sequence[Input]) -> Iterator[slice]:
        """Which of them make one request each."""
        most = self.manner.inputs or _HABITS.get(self.kind, _HABIT)[0]
        start = weight = 0
        for place, one in enumerate(inputs):
            more = _weight(one)
            if place > start and (place - start == most or weight + more > _MOST_CHARS):
                yield slice(start, place)
                start, weight = place, 0
            weight += more
        if start < len(inputs):
            yield slice(start, len(inputs))


class Asking:
    """Embeds through the engine.

    Args:
        accounts: Asks, and records what was used.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def vectors(self, asked: Asked, inputs: Sequence[Input], role: Role) -> Vectors:
        """Vectors of one batch, float32 [inputs, dimensions], of length 1.

        A text that is longer than the model takes is halved between words until its parts fit; it gets the mean of
        their vectors, weighted by their lengths.

        Raises:
            BackendBadAnswer: The answer holds other vectors than were asked for.
            RoundhouseError: And whatever else the engine raises.
        """
        import numpy as np

        try:
            return await self._call(asked, inputs, role)
        except ContextTooLong:
            if len(inputs) > 1:
                # Which of them it is, is not told; nor whether all of them together are too much.
                half = len(inputs) // 2
                halves = [await self.vectors(asked, some, role) for some in (inputs[:half], inputs[half:])]
                return np.concatenate(_alike(halves))
            (text,) = inputs
            if not isinstance(text, str) or len(text) <= _SHORTEST_CHARS:
                raise
        parts = _halves(text)
        first, second = _alike([await self.vectors(asked, [part], role) for part in parts])
        return unit(len(parts[0]) * first + len(parts[1]) * second)

    async def _call(self, asked: Asked, inputs: Sequence[Input], role: Role) -> Vectors:
        members = {
            "input": [item_of(asked.manner, one, role) for one in inputs],
            "encoding_format": "base64",
            **asked.manner.members(role),
        }
        request = ModelRequest(
            "embeddings",
            asked.target,
            {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()},
            # Its rights were looked at by the name it wrote, which may be an alias.
            msgspec.structs.replace(asked.caller, models=()),
            request_id=new_id("req"),
            cache="off",
        )
        decision = Decision(requested=asked.requested, target=asked.target)
        answer = await self._accounts.answer(request, decision)
        vectors = _read(answer.body, len(inputs))
        wanted = asked.manner.dimensions
        if wanted is None or vectors.shape[1] == wanted:
            return vectors
        if vectors.shape[1] < wanted:
            raise BackendBadAnswer(
                f"{asked.target} gives {vectors.shape[1]} dimensions; {wanted} were asked for."
            )
        # A server that does not know the member; the beginning of such a model's vector is a vector.
        return unit(vectors[:, :wanted])


async def side_by_side(work: Sequence[Callable[[], Awaitable[None]]], width: int) -> None:
    """Do all of it, so many at a time; when one fails the others are stopped."""
    waiting = iter(work)

    async def lane() -> None:
        for one in waiting:
            await one()

    lanes = [asyncio.create_task(lane()) for _ in range(min(width, len(work)))]
    try:
        await asyncio.gather(*lanes)
    finally:
        for one in lanes:
            one.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


def item_of(manner: Manner, one: Input, role: Role) -> Any:
    """An input as it is sent: a text behind its prefix, a picture in Jina's form."""
    if isinstance(one, str):
        return manner.prefix(role) + one
    return {"image": f"data:{one.content_type};base64,{base64.b64encode(one.data).decode('ascii')}"}


def unit(vectors: NDArray[Any]) -> Vectors:
    """Vectors made length 1; one without a direction gets that in which all numbers are the same.

    A dot product with it is no cosine of anything, but a number; a model gives none for what it has no words for.
    """
    import numpy as np

    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    empty = lengths[:, 0] < np.finfo(np.float32).tiny
    wide[empty] = 1.0
    lengths[empty] = vectors.shape[1] ** 0.5
    result: Vectors = (wide / lengths).astype(np.float32)
    return result


def _weight(one: Input) -> int:
    if isinstance(one, Image):
        return max(_IMAGE_CHARS, len(one.data) * _MOST_CHARS // _IMAGE_BYTES)
    return len(one)


def _halves(text: str) -> tuple[str, str]:
    """A text cut where words end, near its middle; anywhere where there are none."""
    middle = len(text) // 2
    before = text.rfind(" ", len(text) // 4, middle)
    after = text.find(" ", middle, len(text) * 3 // 4)
    near = [one for one in (before, after) if one > 0]
    cut = min(near, key=lambda one: abs(one - middle)) if near else middle
    return text[:cut], text[cut:]


class _Item(msgspec.Struct):
    embedding: str | list[float]
    index: int | None = None


class _List(msgspec.Struct):
    data: list[_Item]


_decode = msgspec.json.Decoder(_List).decode


def _read(body: bytes, count: int) -> Vectors:
    """The vectors of an answer in the order of the inputs, made length 1."""
    import numpy as np

    try:
        items = _decode(body).data
        rows = [
            np.frombuffer(base64.b64decode(one.embedding, validate=True), "<f4")
            if isinstance(one.embedding, str)
            else np.array(one.embedding, np.float64)
            for one in items
        ]
    except (msgspec.DecodeError, ValueError):
        raise BackendBadAnswer("The embedding model's answer holds no vectors.") from None
    places = [place if one.index is None else one.index for place, one in enumerate(items)]
    if sorted(places) != list(range(count)):
        raise BackendBadAnswer("The embedding model gave another number of vectors than it was asked for.")
    sizes = {len(row) for row in rows}
    if len(sizes) != 1 or sizes == {0}:
        raise BackendBadAnswer("The embedding model gave vectors of different lengths.")
    ordered = np.stack([rows[place] for place in np.argsort(places)])
    if not np.isfinite(ordered).all():
        raise BackendBadAnswer("The embedding model gave vectors with numbers that are none.")
    return unit(ordered)


def _alike(halves: list[Vectors]) -> list[Vectors]:
    if len({one.shape[1] for one in halves}) != 1:
        raise BackendBadAnswer("The embedding model gave vectors of different lengths.")
    return halves
