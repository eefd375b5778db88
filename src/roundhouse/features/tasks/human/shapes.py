"""Questions to people as they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.features.tasks.human.model import HumanRequest, Note
from roundhouse.features.tasks.human.schemas import HumanRequestRead, NoteRead
from roundhouse.infra.moments import moment, moment_or_none


def read_request(one: HumanRequest, notes: Sequence[Note] | None = None) -> HumanRequestRead:
    """A question, with its history where that is given."""
    return HumanRequestRead(
        id=one.id,
        task_id=one.job_id,
        flow=one.flow,
        step=one.step,
        kind=one.kind,
        title=one.title,
        instructions=one.instructions,
        assignees=list(one.assignees),
        state=one.state,
        claimed_by=one.claimed_by,
        level=one.level,
        due_at=moment(one.due_at_s),
        form=one.form,
        draft=one.draft,
        options=list(one.options),
        context=one.context,
        answer=one.answer,
        comment=one.comment,
        answered_by=one.answered_by,
        answered_at=moment_or_none(one.answered_at_s),
        version=one.version,
        created_at=moment(one.created_at_s),
        history=None if notes is None else [_read_note(note) for note in notes],
    )


def _read_note(note: Note) -> NoteRead:
    return NoteRead(kind=note.kind, who=note.who, data=note.data, at=moment(note.at_s))
