"""The task gateway of an API process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from roundhouse.infra.rooms import gathered

if TYPE_CHECKING:
    from roundhouse.app.parts import Parts


class TaskRoom:
    """Capabilities, tasks, flows and the inbox of people, as an API process serves them.

    Args:
        parts: The shared parts of the process.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        """All routes of the room."""
        return gathered()
