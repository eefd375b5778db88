"""Whether a new index version may take the place of the one that is searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.core.vectors import VectorIndex, VectorRow
from roundhouse.features.knowledge.evaluating.calibration import FEWEST_QUESTIONS
from roundhouse.features.knowledge.indexing.building import Target
from roundhouse.features.knowledge.indexing.measuring import Measurement, Measuring, Sample
from roundhouse.features.knowledge.stores.model import IndexVersion
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.store import documents
from roundhouse.infra.db import Database

if TYPE_CHECKING:
    from roundhouse.core.vectors import VectorStore

WORSE = 0.02
"""So much less recall@10 is still taken for the same: of 120 questions that are two."""

_READ_AT_ONCE = 1_000
_ALIKE = 0.999
# Some stores keep vectors in half precision: cosines below this are no rounding.


class Copied(msgspec.Struct, frozen=True):
    """What a comparison of two versions with the same vectors found.

    Attributes:
        vectors: Of visible documents in the version they were copied from.
        missing: Of those in the new one.
        different: Which are others there.
    """

    vectors: int
    missing: int
    different: int


class Probe(msgspec.Struct, frozen=True):
    """What the store's own questions gave.

    Attributes:
        questions: How many.
        before: recall@10 of the version that is searched, both sides together; None = it could not be asked.
        after: recall@10 of the new one.
        lexical: recall@10 of the words alone.
        copied: What came of the copy; None = the vectors were made anew.
        passed: Whether the new one may take its place unasked.
        at_s: When, Unix time.
    """

    questions: int
    before: float | None
    after: float
    lexical: float
    copied: Copied | None
    passed: bool
    at_s: float


class Comparing:
    """Compares versions.

    Args:
        db: The database.
        homes: Where vectors are kept.
        measuring: Asks the questions.
        clock: Time.
    """

    def __init__(self, db: Database, homes: VectorHomes, measuring: Measuring, clock: Clock) -> None:
        self._db = db
        self._homes = homes
        self._measuring = measuring
        self._clock = clock

    async def compare(self, target: Target, searched: IndexVersion | None) -> tuple[Measurement, Probe]:
        """Ask the version that is searched and the new one the same questions; count what was copied.

        Raises:
            EmbeddingChanged: Another model than that of the new one stands behind its name by now.
            VectorsUnavailable: A vector store does not answer.
            RoundhouseError: And whatever asking the new one's model raises.
        """
        sample = await self._measuring.sample(target.store)
        new = await self._measuring.measure(target.store, target.version, sample)
        after = self._measuring.qualities(sample, new)
        before = await self._before(target, searched, sample)
        copied = None if target.source is None else await self._counted(target.source, target.version)
        good = copied is None or copied.missing == copied.different == 0
        few = len(sample.questions) < FEWEST_QUESTIONS
        kept = few or before is None or after["fused"].recall_at_10 >= before - WORSE
        return new, Probe(
            questions=len(sample.questions),
            before=before,
            after=after["fused"].recall_at_10,
            lexical=after["lexical"].recall_at_10,
            copied=copied,
            passed=good and kept,
            at_s=self._clock.now_s(),
        )

    async def _before(self, target: Target, searched: IndexVersion | None, sample: Sample) -> float | None:
        if searched is None:
            return None
        try:
            old = await self._measuring.measure(target.store, searched, sample)
        except RoundhouseError:
            # Perhaps its model is gone: that is why there is a new one.
            return None
        return self._measuring.qualities(sample, old)["fused"].recall_at_10

    async def _counted(self, source: IndexVersion, version: IndexVersion) -> Copied:
        """Every vector of the source beside that of the copy."""
        vectors = missing = different = 0
        async with self._db.read() as tx:
            hidden = await documents.hidden(tx, source.store_id)
        theirs = _Reader(self._db, self._homes.get(version.kind), version)
        ours = _Reader(self._db, self._homes.get(source.kind), source)
        other = await theirs.next()
        while (row := await ours.next()) is not None:
            while other is not None and _key(other) < _key(row):
                other = await theirs.next()
            if row.document in hidden:
                continue
            vectors += 1
            if other is None or _key(other) != _key(row):
                missing += 1
            elif float(row.vector @ other.vector) < _ALIKE:
                different += 1
        return Copied(vectors, missing, different)


class _Reader:
    """All vectors of a version, in order."""

    def __init__(self, db: Database, home: VectorStore, version: IndexVersion) -> None:
        self._db = db
        self._home = home
        self._index = VectorIndex(version.number, version.dimensions)
        self._rows: list[VectorRow] = []
        self._place = 0
        self._last: tuple[int, int] | None = None

    async def next(self) -> VectorRow | None:
        """The next one; None = that was the last."""
        if self._place == len(self._rows):
            async with self._db.read() as tx:
                self._rows = await self._home.read(tx, self._index, self._last, _READ_AT_ONCE)
            self._place = 0
            if not self._rows:
                return None
            self._last = _key(self._rows[-1])
        self._place += 1
        return self._rows[self._place - 1]


def _key(row: VectorRow) -> tuple[int, int]:
    return row.passage, row.place
