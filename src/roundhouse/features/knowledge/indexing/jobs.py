"""Jobs of index versions: `store.reindex` fills one, compares it and has it searched; `index.calibrate` measures.

Each step may be cut off anywhere and be run again: what is filled is written down batch by batch, comparing changes
nothing, and a switch is one transaction. Until then the version before is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import Pipeline, RetryPolicy, Step, StepContext
from roundhouse.core.ports import Clock
from roundhouse.features.knowledge.embedding.model import Image
from roundhouse.features.knowledge.indexing.building import Building, Target
from roundhouse.features.knowledge.indexing.building import Pictures as ShownPictures
from roundhouse.features.knowledge.indexing.calibrating import CALIBRATE, Calibrating
from roundhouse.features.knowledge.indexing.comparing import Comparing
from roundhouse.features.knowledge.indexing.ports import Pictures
from roundhouse.features.knowledge.indexing.switching import drop_gone, switch, version_of
from roundhouse.features.knowledge.stores.model import IndexVersion, Passage, Store
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.store import indexes, stores
from roundhouse.infra.db import Database

REINDEX = "store.reindex"
"""Kind of the job that makes an index version."""


class IndexJobs:
    """What is done for index versions in the background.

    Args:
        db: The database.
        homes: Where vectors are kept.
        building: Fills versions.
        comparing: Compares them.
        calibrating: Measures what is searched.
        clock: Time.
        timeout_s: Longest time of filling one.
        pictures: Gets the pictures of passages; None = only what is written about them is embedded.

    Attributes:
        pipelines: Of both kinds.
    """

    def __init__(
        self,
        db: Database,
        homes: VectorHomes,
        building: Building,
        comparing: Comparing,
        calibrating: Calibrating,
        clock: Clock,
        timeout_s: float,
        pictures: Pictures | None = None,
    ) -> None:
        self._db = db
        self._homes = homes
        self._building = building
        self._comparing = comparing
        self._calibrating = calibrating
        self._clock = clock
        self._pictures = pictures
        retry = RetryPolicy(max_attempts=6, base_s=5.0, factor=3.0, max_s=300.0)
        steps = (
            Step("build", self.build),
            Step("compare", self.compare),
            Step("switch", self.switch),
            Step("tidy", self.tidy),
        )
        self.pipelines = (
            Pipeline(REINDEX, steps, queue="cpu", retry=retry, timeout_s=timeout_s),
            Pipeline(CALIBRATE, (Step("calibrate", self.calibrate),), queue="cpu", retry=retry),
        )

    async def build(self, context: StepContext) -> int:
        """Write what the version lacks."""
        target = await self._target(context)
        if target.version.state == "failed":
            await self._change(target.version.number, {"state": "building", "error": None})

        def tell(done: int, total: int) -> None:
            context.progress(min(1.0, done / max(1, total)), f"{done} of {total} passages")

        try:
            return await self._building.fill(target, tell, self._shown(context))
        except RoundhouseError as error:
            await self._failed(target.version, error)
            raise

    async def compare(self, context: StepContext) -> dict[str, Any]:
        """Ask the store's own questions; what is searched from then on is weighed by what they gave."""
        target = await self._target(context)
        searched = await self._searched(target)
        try:
            measured, probe = await self._comparing.compare(target, searched)
        except RoundhouseError as error:
            await self._failed(target.version, error)
            raise
        values: dict[str, Any] = {
            "calibration": msgspec.to_builtins(measured.calibration),
            "analyser": measured.calibration.analyser,
            "probe": msgspec.to_builtins(probe),
        }
        if target.version.state == "building":
            values["state"] = "ready"
        await self._change(target.version.number, values)
        return {"passed": probe.passed, "before": probe.before, "after": probe.after}

    async def switch(self, context: StepContext) -> dict[str, Any]:
        """Have it searched, where that is wanted and nothing speaks against it."""
        how, passed = context.job.input["switch"], context.results["compare"]["passed"]
        if how == "manual" or (how == "auto" and not passed):
            return {"switched": False, "passed": passed}
        number = int(context.job.input["index"])
        async with self._db.begin() as tx:
            await switch(tx, context.job.caller, context.job.input["store_id"], number, self._clock.now_s())
        return {"switched": True, "passed": passed}

    async def tidy(self, context: StepContext) -> dict[str, Any]:
        """Write what came while it was switched, and remove what nobody wants any more."""
        target = await self._target(context)
        written = await self._building.fill(target, lambda _done, _total: None, self._shown(context))
        dropped = await drop_gone(self._db, self._homes, target.store.id)
        return {
            "index": target.version.number,
            "passages": context.results["build"] + written,
            "dropped": dropped,
            **context.results["switch"],
        }

    async def calibrate(self, context: StepContext) -> dict[str, Any]:
        """Measure the version that is searched."""
        found = await self._calibrating.calibrate(context.job.input["store_id"])
        return {} if found is None else {"alpha": found.alpha, "questions": found.questions}

    def _shown(self, context: StepContext) -> ShownPictures | None:
        pictures = self._pictures
        if pictures is None:
            return None

        async def shown(store: Store, passages: Sequence[Passage]) -> dict[int, Image]:
            return await pictures.of(store, passages, context)

        return shown

    async def _target(self, context: StepContext) -> Target:
        given = context.job.input
        source = given.get("copy_from")
        async with self._db.read() as tx:
            store, version = await version_of(tx, given["store_id"], int(given["index"]))
            known = await indexes.numbered(tx, [] if source is None else [int(source)])
        return Target(store, version, known.get(int(source)) if source is not None else None)

    async def _searched(self, target: Target) -> IndexVersion | None:
        async with self._db.read() as tx:
            store = await stores.any_of(tx, target.store.id)
            number = None if store is None else store.active_index
            if number is None or number == target.version.number:
                return None
            return (await indexes.numbered(tx, [number])).get(number)

    async def _failed(self, version: IndexVersion, error: RoundhouseError) -> None:
        """Show why it does not go on; the job tries again where that may help."""
        async with self._db.begin() as tx:
            now = (await indexes.numbered(tx, [version.number])).get(version.number)
            if now is None or now.state == "gone":
                return
            values: dict[str, Any] = {"error": {"code": error.code, "message": error.detail}}
            if now.state == "building" and not error.retryable:
                # It gets no more vectors of new files until somebody tries again.
                values["state"] = "failed"
            await indexes.change(tx, version.number, values)

    async def _change(self, number: int, values: dict[str, Any]) -> None:
        async with self._db.begin() as tx:
            await indexes.change(tx, number, values)
