"""The desk where texts and pictures get their vectors: whichever model makes them, each is made once.

What was embedded is kept by its hash, for all tenants together. A model is known by the vector it gives to one short
text: as long as that stays, what was kept is of use; when it changes, another model stands behind the name.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import structlog

from roundhouse.core.errors import (
    BackendBadAnswer,
    EmbeddingChanged,
    ModelNotFound,
    NotAllowed,
    UnsupportedContent,
)
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, ModelRequest
from roundhouse.engine.engine import AUTO, Engine
from roundhouse.engine.metering import Accounts
from roundhouse.engine.patterns import matches
from roundhouse.features.knowledge.embedding import cache
from roundhouse.features.knowledge.embedding.asking import Asked, Asking, item_of, side_by_side
from roundhouse.features.knowledge.embedding.manner import manner_of
from roundhouse.features.knowledge.embedding.model import EmbeddingModel, Image, Input, Role
from roundhouse.infra.db import Database, Tx

if TYPE_CHECKING:
    from roundhouse.features.knowledge.embedding.model import Vectors

PROBE_TEXT = "The quick brown fox jumps over the lazy dog."
"""Gets the vector that a model is known by."""

_DAY_S = 86_400.0
_TOUCH_AFTER_S = _DAY_S
_LOOK_AGAIN_S = 600.0
_MOST_QUESTIONS = 1024
_OLD_AT_ONCE = 1000
_TRIES = 2
# Other weights give a cosine near 0; the same ones on another card, or in another number format, hardly below 1.
_SAME = 0.95

_log = structlog.get_logger(__name__)


class _Known(msgspec.Struct):
    """What is known of a model.

    Attributes:
        probe: Its vector of `PROBE_TEXT`, float32 [dimensions].
        looked_at_s: Monotonic time at which it gave that vector, or one like it, to this process.
    """

    probe: bytes
    looked_at_s: float = float("-inf")

    @property
    def dimensions(self) -> int:
        return len(self.probe) // 4


class EmbeddingDesk:
    """Embeds texts and pictures.

    Args:
        engine: Every model.
        db: Keeps vectors.
        accounts: Asks, and records what was used.
        clock: Time.
        default: Model that is meant by `auto`, and where none is named.
    """

    def __init__(
        self, engine: Engine, db: Database, accounts: Accounts, clock: Clock, default: str = "minilm"
    ) -> None:
        self._engine = engine
        self._db = db
        self._clock = clock
        self._default = default
        self._asking = Asking(accounts)
        self._known: dict[str, _Known] = {}
        self._questions: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def describe(self, caller: Caller, model: str = "") -> EmbeddingModel:
        """What is known of a model; one that is new here is asked for one vector.

        Args:
            caller: Who asks; its key says which models it may use.
            model: Name as clients write it; empty or `auto` = the one of the settings.

        Raises:
            ModelNotFound: Nobody knows the name.
            NotAllowed: The caller's key is not for it.
            RoundhouseError: And whatever asking it raises.
        """
        asked = await self._asked(caller, model)
        return self._described(asked, await self._knowledge(asked))

    async def embed(
        self,
        caller: Caller,
        model: str,
        inputs: Sequence[Input],
        role: Role,
        *,
        fingerprint: str | None = None,
    ) -> Vectors:
        """Vectors of texts and pictures.

        Args:
            caller: Who asks; its key says which models it may use.
            model: Name as clients write it; empty or `auto` = the one of the settings.
            inputs: Any number; none of the texts empty. The same twice is asked for once.
            role: What the texts are.
            fingerprint: Of the model that the vectors must be of; None = of whichever it is now.

        Returns:
            float32 [inputs, dimensions], each of length 1, in the order of `inputs`.

        Raises:
            EmbeddingChanged: Another model than that of the fingerprint stands behind the name.
            UnsupportedContent: A picture, and the model takes none.
            ModelNotFound: Nobody knows the name.
            NotAllowed: The caller's key is not for it.
            RoundhouseError: And whatever asking the model raises. What it had given before is kept.
        """
        import numpy as np

        asked = await self._asked(caller, model)
        keys = [_key(asked, one, role) for one in inputs]
        wanted = dict(zip(keys, inputs, strict=True))
        for _ in range(_TRIES):
            known = await self._knowledge(asked)
            _check(self._described(asked, known), inputs, fingerprint)
            found = await self._kept(asked, known, list(wanted), role)
            missing = {key: one for key, one in wanted.items() if key not in found}
            made = await self._made(asked, known, missing, role) if missing else {}
            if made is not None:
                found |= made
                result = np.empty((len(keys), known.dimensions), np.float32)
                for place, key in enumerate(keys):
                    result[place] = np.frombuffer(found[key], "<f4")
                return result
        raise BackendBadAnswer(f"{asked.target} gives now these, now other vectors.")

    async def forget_old(self, keep_days: float) -> int:
        """Drop vectors that nobody has used for so long; how many that were."""
        dropped = 0
        while True:
            before_s = self._clock.now_s() - keep_days * _DAY_S
            async with self._db.begin() as tx:
                some = await cache.forget_old(tx, before_s, _OLD_AT_ONCE)
            dropped += some
            if some < _OLD_AT_ONCE:
                return dropped

    async def _asked(self, caller: Caller, model: str) -> Asked:
        """The one model behind a name; of an alias with several the first, for their vectors do not mix."""
        name = self._default if model in ("", AUTO) else model
        route = await self._engine.resolve(ModelRequest("embeddings", name, {}, caller))
        target = self._engine.target(route.targets[0])
        self._check_allowed(caller, name, target.name)
        provider = target.backends.provider
        return Asked(caller, name, target.name, provider.kind, manner_of(provider, target.model))

    def _check_allowed(self, caller: Caller, name: str, target: str) -> None:
        """Whether the key is for the name, for the model behind it, or for an alias of that."""
        if not caller.models:
            return
        if any(matches(caller.models, one) for one in (name, target, target.partition("/")[2])):
            return
        for alias in self._engine.router.aliases:
            if matches(caller.models, alias) and self._first(alias) == target:
                return
        raise NotAllowed(f"This key may not use the model {name!r}.", param="model")

    def _first(self, alias: str) -> str:
        try:
            return self._engine.router.route(alias).targets[0]
        except ModelNotFound:
            return ""

    def _described(self, asked: Asked, known: _Known) -> EmbeddingModel:
        info = self._engine.target(asked.target).info
        takes_images = asked.manner.takes_images
        if takes_images is None:
            takes_images = info is not None and "image" in info.inputs
        told = known.probe + msgspec.json.encode(asked.manner)
        fingerprint = hashlib.sha256(told).hexdigest()[:32]
        return EmbeddingModel(asked.target, known.dimensions, takes_images, fingerprint)

    async def _knowledge(self, asked: Asked) -> _Known:
        """What is known of a model: by this process, by the database, else by asking it."""
        name = _name(asked)
        known = self._known.get(name)
        if known is None:
            async with self._db.read() as tx:
                row = (await cache.find(tx, name, [cache.PROBE])).get(cache.PROBE)
            known = _Known(row[0]) if row is not None else await self._learned(asked)
            known = self._known.setdefault(name, known)
        return known

    async def _learned(self, asked: Asked, probe: bytes = b"") -> _Known:
        """Ask a model for its vector, and write it down; who was first is right."""
        name = _name(asked)
        if not probe:
            probe = (await self._asking.vectors(asked, [PROBE_TEXT], "passage")).astype("<f4").tobytes()

        now_s = self._clock.now_s()

        async def write(tx: Tx) -> bytes:
            await cache.keep(tx, name, {cache.PROBE: probe}, now_s)
            return (await cache.find(tx, name, [cache.PROBE]))[cache.PROBE][0]

        return _Known(await self._db.whole(write), self._clock.monotonic_s())

    async def _kept(self, asked: Asked, known: _Known, keys: Sequence[str], role: Role) -> dict[str, bytes]:
        """Vectors that are there. Questions are kept in memory only: no search writes into the database."""
        name = _name(asked)
        if role == "query":
            found = {key: self._questions[name, key] for key in keys if (name, key) in self._questions}
            for key in found:
                self._questions.move_to_end((name, key))
            return found
        if not keys:
            return {}
        now_s = self._clock.now_s()
        async with self._db.read() as tx:
            rows = await cache.find(tx, name, keys)
        old = [key for key, (_, used_at_s) in rows.items() if used_at_s < now_s - _TOUCH_AFTER_S]
        if old:
            await self._db.whole(partial(cache.touch, model=name, keys=old, now_s=now_s))
        return {key: data for key, (data, _) in rows.items() if len(data) == len(known.probe)}

    async def _made(
        self, asked: Asked, known: _Known, wanted: dict[str, Input], role: Role
    ) -> dict[str, bytes] | None:
        """Vectors by the model; None = it is another one than was known, and all that was kept is forgotten."""
        keys = list(wanted)
        if known.looked_at_s < self._clock.monotonic_s() - _LOOK_AGAIN_S:
            probe = await self._asking.vectors(asked, [PROBE_TEXT], "passage")
            if not _is_same(known.probe, probe[0]):
                await self._forget(asked, known, probe[0].astype("<f4").tobytes())
                return None
            known.looked_at_s = self._clock.monotonic_s()
        made: dict[str, bytes] = {}
        others = False

        async def ask(some: slice) -> None:
            nonlocal others
            vectors = await self._asking.vectors(asked, [wanted[key] for key in keys[some]], role)
            if vectors.shape[1] != known.dimensions:
                others = True
                return
            rows = dict(zip(keys[some], (row.astype("<f4").tobytes() for row in vectors), strict=True))
            await self._keep(asked, rows, role)
            made.update(rows)

        batches = list(asked.batches([wanted[key] for key in keys]))
        if len(batches) == 1:
            await ask(batches[0])
        else:
            await side_by_side([partial(ask, some) for some in batches], asked.width)
        if others:
            await self._forget(asked, known, b"")
            return None
        return made

    async def _keep(self, asked: Asked, rows: dict[str, bytes], role: Role) -> None:
        name = _name(asked)
        if role == "query":
            for key, data in rows.items():
                self._questions[name, key] = data
                self._questions.move_to_end((name, key))
            while len(self._questions) > _MOST_QUESTIONS:
                self._questions.popitem(last=False)
            return
        await self._db.whole(partial(cache.keep, model=name, vectors=rows, now_s=self._clock.now_s()))

    async def _forget(self, asked: Asked, known: _Known, probe: bytes) -> None:
        """Another model stands behind the name: what the former one made is of no use."""
        name = _name(asked)
        if self._known.get(name) is not known:
            # Somebody else has seen it as well.
            return
        _log.warning("embedding_model_changed", model=asked.target, dimensions_before=known.dimensions)
        await self._db.whole(partial(cache.forget, model=name))
        for question in [one for one in self._questions if one[0] == name]:
            del self._questions[question]
        self._known[name] = await self._learned(asked, probe)


def _check(described: EmbeddingModel, inputs: Sequence[Input], fingerprint: str | None) -> None:
    if fingerprint is not None and fingerprint != described.fingerprint:
        raise EmbeddingChanged(
            f"Behind {described.name!r} stands another model than the one these vectors were made by, or it is asked "
            "in another way: the index must be made anew.",
            param="model",
        )
    if not described.takes_images and any(isinstance(one, Image) for one in inputs):
        raise UnsupportedContent(f"The model {described.name!r} takes no pictures.", param="input")


def _name(asked: Asked) -> str:
    """Under which a model's vectors are kept."""
    dimensions = asked.manner.dimensions
    return asked.target if dimensions is None else f"{asked.target}@{dimensions}"


def _key(asked: Asked, one: Input, role: Role) -> str:
    """Hash of all that the model is given."""
    given = [item_of(asked.manner, one, role), asked.manner.members(role)]
    return hashlib.sha256(msgspec.json.encode(given, order="sorted")).hexdigest()


def _is_same(known: bytes, probe: Vectors) -> bool:
    import numpy as np

    before = np.frombuffer(known, "<f4")
    return before.shape == probe.shape and float(before @ probe) >= _SAME
