"""Settings of webhooks."""

from __future__ import annotations

from pydantic import Field

from roundhouse.core.settings_section import Section


class WebhookSettings(Section):
    """Events that are sent to others."""

    timeout_s: float = Field(15.0, gt=0, le=60, description="A receiver must have answered in this time.")
    in_flight: int = Field(10, ge=1, le=100, description="Tries at a time to one receiver.")
    disable_after_days: float = Field(
        5.0, gt=0, description="A webhook is switched off when every try has failed for so long."
    )
    max_per_site: int = Field(100, ge=1, description="Most webhooks of one tenant.")
