"""Settings of the task gateway."""

from __future__ import annotations

from pydantic import Field

from roundhouse.core.settings_section import Section


class TaskSettings(Section):
    """Tasks: calls of capabilities that are accepted, kept and traced."""

    at_once: int = Field(
        64,
        ge=0,
        le=1024,
        description="Calls that a server makes itself, at a time, the moment it accepts them; others wait for an "
        "executor. 0 = executors make all.",
    )
