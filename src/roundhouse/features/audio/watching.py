"""Recordings that come by a folder: what is laid into it is heard, and its texts lie beside it at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, NotFound, RoundhouseError
from roundhouse.core.settings import AudioSettings, WatchSettings
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.audio.exporting import ExportForm, export
from roundhouse.features.audio.model import ENDED, Options, Recording
from roundhouse.features.audio.options import FIELDS, PLACES, read_options
from roundhouse.features.audio.service import Accepting, TemplateService
from roundhouse.features.audio.service.accepting import Source, Wanted
from roundhouse.features.audio.shapes import settled
from roundhouse.features.audio.store import recordings, segments
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.watching.model import End, Folder, Note, Taken

_MIB = 1024 * 1024
_SCOPES = frozenset({"audio:read", "audio:write", "inference", "knowledge:write"})
_DELETED = End("failed", error={"code": "not_found", "message": "The recording was deleted."})


class RecordingInbox:
    """An `infra.watching.inbox.Inbox` of which recordings come.

    Args:
        db: The database.
        accepting: Takes recordings in.
        templates: Knows the forms of summaries.
        settings: Limits.
        watched: Which folder, and what is wanted of its recordings.

    Attributes:
        folder: The folder.
        purpose: Of the files that are kept.
        object_name: How a recording is named where a failure is told.
        largest_bytes: Larger files are refused.

    Raises:
        BadInput: It cannot be watched as the settings say.
    """

    purpose = "audio"
    object_name = "recording_id"

    def __init__(
        self,
        db: Database,
        accepting: Accepting,
        templates: TemplateService,
        settings: AudioSettings,
        watched: WatchSettings,
    ) -> None:
        self._db = db
        self._accepting = accepting
        self._templates = templates
        self.largest_bytes = settings.max_upload_mib * _MIB
        caller = Caller("watch", watched.site_id, watched.user_id, watched.app_id, _SCOPES)
        moves = watched.afterwards == "move"
        folder = Folder.at(
            "recordings", watched.path, caller, moves=moves, out=watched.out, stable_s=watched.stable_s
        )
        self._forms: Sequence[ExportForm] = watched.results
        self.folder = folder if self._forms else msgspec.structs.replace(folder, out=None)
        self._options = _options(watched, settings.default_template)

    async def check(self) -> None:
        """Raise QueueFull, or Unprocessable where template or vector store are not there: no fault of the files."""
        await self._accepting.check_room(self.folder.caller)
        await self._accepting.check_store(self.folder.caller, self._options)
        if self._options.wants_summary:
            await self._templates.check_known(self.folder.caller, self._options.template_id or "")

    async def enter(self, taken: Taken, info: FileInfo, note: Note) -> None:
        """Make a recording of a file; raises as `Accepting.accept` does."""

        async def noted(tx: Tx, accepted: Sequence[Recording]) -> None:
            await note(tx, accepted[0].id)

        wanted = Wanted(self._options, source="watch")
        await self._accepting.accept(self.folder.caller, wanted, [Source.uploaded(info)], noted)

    async def uses(self, tx: Tx, file_id: str) -> bool:
        """Whether a recording came of a file."""
        return await recordings.has_file(tx, file_id)

    async def going(self, tx: Tx, object_ids: Sequence[str]) -> set[str]:
        """Those of some recordings that are worked on."""
        return await recordings.going(tx, object_ids)

    async def end_of(self, taken: Taken) -> End | None:
        """How a recording has ended, with its texts; None = it has not."""
        async with self._db.read() as tx:
            try:
                found = await recordings.get(tx, self.folder.caller, taken.object_id or "")
            except NotFound:
                return _DELETED
            recording = settled(found, (await recordings.jobs_of(tx, [found])).get(found.id))
        if recording.stage == "done":
            return End("done", await self._texts(recording))
        if recording.stage in ENDED:
            return End("failed", error=recording.error or {})
        return None

    async def settled(self, taken: Taken) -> None:
        """Recordings take the place of none."""

    async def take_out(self, taken: Taken) -> None:
        """Recordings stay when files go."""

    async def _texts(self, recording: Recording) -> list[tuple[str, bytes]]:
        if not self._forms or "transcribe" not in recording.metrics:
            return []
        async with self._db.read() as tx:
            texts = await recordings.texts(tx, recording.id)
            said = await segments.every(tx, recording.id)
        return [
            (form, (await asyncio.to_thread(export, form, recording, texts, said)).body)
            for form in self._forms
        ]


def _options(watched: WatchSettings, default_template: str) -> Options:
    """What is wanted of the recordings of a folder; raises BadInput."""
    values = _values(watched.fields)
    unknown = sorted(values.keys() - (FIELDS - PLACES - {"title", "metadata"}))
    if unknown:
        raise BadInput(f"{watched.path}: there is no field {unknown[0]!r}.", param="watched_folders")
    try:
        return read_options(values, default_template)
    except RoundhouseError as error:
        raise BadInput(f"{watched.path}: {error.detail}", param="watched_folders") from None


def _values(fields: dict[str, Any]) -> dict[str, list[str]]:
    """Fields of a form as TOML has them."""
    found: dict[str, list[str]] = {}
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        found[name] = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
    return found
