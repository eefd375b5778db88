"""Stage `fetch`: the sound of an address becomes a file; what was uploaded is one already."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from roundhouse.core.jobs import StepContext
from roundhouse.core.types import NewFile
from roundhouse.features.audio.model import UNACCEPTED_S
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.stages.keeping import begin, held, is_wanted, keep
from roundhouse.features.audio.store import recordings

_MIB = 1024 * 1024


async def fetch(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Fetch what is not here.

    Raises:
        AddressRefused: The address leads inside.
        BadInput: It does not answer, or not well.
        TooLarge, QuotaExceeded, UnsupportedMedia: What it points to.
    """
    if not is_wanted(context, "fetch"):
        return {}
    recording = await begin(desk, context, "fetch")
    if recording.source_url is None or recording.file_id is not None:
        return {}
    began_s = desk.clock.monotonic_s()
    settings = desk.settings
    context.progress(0.0, "downloading")
    pieces = desk.downloads.download(
        recording.source_url,
        limit_bytes=settings.max_upload_mib * _MIB,
        limit_s=settings.download_timeout_s,
    )
    # Fetched twice, because the first try was cut off behind it: the same file.
    new = NewFile(_name_of(recording.source_url), "audio", UNACCEPTED_S, context.idempotency_key)
    info = await desk.files.create(context.job.caller, new, pieces)
    async with desk.db.begin() as tx:
        recording = await held(tx, context)
        changes = {"file_id": info.id, "owns_file": True}
        if not recording.title:
            changes["title"] = info.filename
        await desk.files.retain(tx, context.job.caller, info.id)
        await recordings.write(tx, recording.id, changes)
        return await keep(desk, tx, recording, "fetch", began_s=began_s, metrics={"bytes": info.size_bytes})


def _name_of(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2], errors="replace") or "recording"
