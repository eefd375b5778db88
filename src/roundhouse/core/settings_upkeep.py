"""Settings of cleaning by hand or by cron, and of watching the disk."""

from __future__ import annotations

from pydantic import Field

from roundhouse.core.settings_section import Section


class UpkeepSettings(Section):
    """What `roundhouse clean` and `roundhouse disk` do unless their options say otherwise."""

    audio_keep_days: float = Field(
        7.0,
        ge=0,
        description="`clean audio` deletes recordings that were uploaded, and whose last job ended, so long ago.",
    )
    cache_keep_days: float = Field(
        1.0,
        ge=0,
        description="`clean cache` deletes parts of downloads to which nothing was added for so long.",
    )
    skip_cache: bool = Field(False, description="`clean all` leaves the cache alone.")
    dry_run: bool = Field(False, description="Tell what would be deleted, and delete nothing.")
    disk_threshold_percent: float = Field(
        80.0, gt=0, le=100, description="`disk` ends with 1 when a disk is fuller than this."
    )
    emergency: bool = Field(False, description="`disk` cleans when a disk is fuller than that.")
