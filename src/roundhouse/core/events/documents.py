"""Events of files and vector stores."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, nullable, text

_FILE: Schema = fields(
    "id filename bytes purpose",
    id=text("The file."),
    object={"const": "file"},
    filename=text("As it was uploaded."),
    bytes={"type": "integer", "minimum": 0},
    purpose=text("What it is for."),
    created_at={"type": "integer", "description": "Unix seconds."},
    expires_at={"type": ["integer", "null"], "description": "Unix seconds; null = never."},
    content_type=nullable(text("Its media type.")),
    sha256=text("Of its bytes, hexadecimal."),
)
_STORE: Schema = fields(
    "vector_store_id name",
    vector_store_id=text("The vector store."),
    user_id=nullable(text("Whose it is; null = nobody's.")),
    name=text("Its name."),
)
_STORE_FILE: Schema = fields(
    "vector_store_id file_id filename",
    vector_store_id=text("The vector store."),
    user_id=nullable(text("Whose the store is; null = nobody's.")),
    file_id=nullable(text("The file in it.")),
    filename=text("Its name."),
    job_id=nullable(text("The job that reads it.")),
    error={"type": "object", "description": "Why it failed."},
)


def _file(what: str, about: str) -> EventKind:
    return EventKind(f"file.{what}", about, "the file", "files:read", _FILE)


def _store(what: str, about: str) -> EventKind:
    return EventKind(f"vector_store.{what}", about, "the vector store", "knowledge:read", _STORE)


def _store_file(what: str, about: str) -> EventKind:
    return EventKind(f"vector_store.file.{what}", about, "the vector store", "knowledge:read", _STORE_FILE)


DOCUMENTS = (
    _file("created", "A file was uploaded."),
    _file("deleted", "A file was deleted."),
    _store("created", "A vector store was made."),
    _store("updated", "A vector store was changed."),
    _store("deleted", "A vector store was deleted."),
    _store_file("completed", "A file in a vector store can be searched."),
    _store_file("failed", "A file in a vector store could not be read."),
    _store_file("cancelled", "Reading a file into a vector store was cancelled."),
    _store_file("deleted", "A file was taken out of a vector store."),
)
