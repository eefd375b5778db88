"""What the console's own routes take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Login(BaseModel):
    """How one signs in."""

    model_config = ConfigDict(extra="forbid")

    credential: str = Field(
        min_length=1,
        max_length=3000,
        pattern=r"^[\x21-\x7e]+$",
        description="A key, or a JWT of the outer system. Browsers keep cookies of up to 4096 bytes.",
    )
    remember: bool = Field(False, description="Keep it when the browser is closed, for 30 days.")


class Me(BaseModel):
    """Who is signed in, and what this server offers."""

    signed_in: bool
    open: bool = Field(description="Started with --open: nobody needs to sign in.")
    version: str
    ways: list[Literal["key", "jwt"]] = Field(description="What one can sign in with.")
    rooms: list[str] = Field(description="Rooms that are on.")
    key_id: str | None = None
    site_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    scopes: list[str] = []
    expires_at: datetime | None = Field(None, description="When the credential ends; null = never.")
