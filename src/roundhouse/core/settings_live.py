"""Settings of live transcription."""

from __future__ import annotations

from pydantic import Field

from roundhouse.core.settings_section import Section


class LiveSettings(Section):
    """Live transcription over a WebSocket, `/v1/realtime`."""

    max_sessions: int = Field(
        64,
        ge=1,
        description="Sessions at a time per process; more are answered 429. A key whose requests at a time are "
        "limited has at most as many sessions.",
    )
    idle_timeout_s: float = Field(
        300.0, gt=0, description="A session whose client sends nothing ends after this."
    )
    max_buffered_s: float = Field(
        60.0,
        ge=30,
        le=3600,
        description="Sound of a session that may wait to be heard; a client that sends it faster is made to wait.",
    )
    pace_s: float | None = Field(
        1.0,
        ge=0.1,
        description="Shortest time between two hearings of what is being said; unset = only when it was said.",
    )
