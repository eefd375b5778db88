"""Wire shapes of files: OpenAI's, with two fields more."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, Field

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals", "audio"]

SHORTEST_S, LONGEST_S = 3600, 2_592_000
"""How long a file may be wanted for, in seconds."""


class FileRead(BaseModel):
    """A file; times are Unix seconds, as everywhere in OpenAI's API."""

    object: Literal["file"] = "file"
    id: str
    bytes: int
    created_at: int
    expires_at: int | None = Field(description="When it is deleted; null = never.")
    filename: str
    purpose: str
    status: Literal["processed"] = Field(
        "processed", description="Always this: a file is there when it is told."
    )
    content_type: str = Field(description="What its bytes are, whatever its name says.")
    sha256: str


class FileList(BaseModel):
    """Files by creation."""

    object: Literal["list"] = "list"
    data: list[FileRead]
    has_more: bool
    first_id: str | None
    last_id: str | None
    next_cursor: str | None = Field(description="For `after`; the same as `last_id` where there is more.")


class FileDeleted(BaseModel):
    """A file that is no more."""

    object: Literal["file"] = "file"
    id: str
    deleted: Literal[True] = True


def upload_body() -> dict[str, Any]:
    """The form of an upload, as OpenAPI describes it; `intake.py` reads it."""
    properties = {
        "file": {"type": "string", "format": "binary", "description": "The file with its name."},
        "purpose": {
            "type": "string",
            "enum": list(get_args(Purpose)),
            "description": "What it is for; decides which types of file are taken.",
        },
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {
            "type": "integer",
            "minimum": SHORTEST_S,
            "maximum": LONGEST_S,
            "description": "Deleted so long after its creation.",
        },
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": ["file", "purpose"],
        "dependentRequired": {
            "expires_after[anchor]": ["expires_after[seconds]"],
            "expires_after[seconds]": ["expires_after[anchor]"],
        },
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
