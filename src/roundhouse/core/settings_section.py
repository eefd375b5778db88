"""What every section of the settings is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings; an unknown name is an error, so that a typing mistake is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)
