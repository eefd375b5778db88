"""Index versions as they begin."""

from __future__ import annotations

from roundhouse.features.knowledge.stores.model import IndexVersion, Store
from roundhouse.features.knowledge.stores.ports import DescribedModel
from roundhouse.infra.search.analyser import VERSION as ANALYSER


def new_version(
    store: Store, described: DescribedModel, kind: str, now_s: float, *, active: bool
) -> IndexVersion:
    """A version that is to be entered.

    Args:
        store: Of which store.
        described: The embedding model.
        kind: Of vector store.
        now_s: Unix time.
        active: Whether it is searched at once, as that of a new store, in which there is nothing; else it is built.
    """
    return IndexVersion(
        number=0,
        store_id=store.id,
        site_id=store.site_id,
        user_id=store.user_id,
        app_id=store.app_id,
        state="active" if active else "building",
        kind=kind,
        model=described.name,
        fingerprint=described.fingerprint,
        dimensions=described.dimensions,
        takes_images=described.takes_images,
        analyser=ANALYSER,
        calibration=None,
        probe=None,
        error=None,
        job_id=None,
        passages_total=0,
        passages_done=0,
        created_at_s=now_s,
        activated_at_s=now_s if active else None,
    )
