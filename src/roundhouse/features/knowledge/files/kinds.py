"""Which purposes there are, and which types of file each one takes."""

from __future__ import annotations

from roundhouse.core.errors import BadInput, UnsupportedMedia

_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_MORE_IMAGES = frozenset({"image/bmp", "image/tiff", "image/avif", "image/heic"})
_AUDIO = frozenset(
    f"audio/{name}" for name in ("aac", "aiff", "amr", "flac", "mp4", "mpeg", "ogg", "wav", "x-caf")
)
_VIDEO = frozenset(
    f"video/{name}"
    for name in (
        *("3gpp", "mp2t", "mp4", "mpeg", "ogg", "quicktime", "webm"),
        *("x-flv", "x-matroska", "x-ms-asf", "x-msvideo"),
    )
)
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_DOCUMENTS = frozenset(
    {
        "application/pdf",
        "application/rtf",
        "application/epub+zip",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        *(f"{_ODF}{name}" for name in ("text", "spreadsheet", "presentation")),
        f"{_OFFICE}wordprocessingml.document",
        f"{_OFFICE}spreadsheetml.sheet",
        f"{_OFFICE}presentationml.presentation",
    }
)
_LINES = frozenset({"application/json", "application/x-ndjson"})
_PLAIN = frozenset({"text/plain", "text/csv", "text/tab-separated-values", "text/markdown"})
_TEXTS = _LINES | _PLAIN | {"text/html", "application/xml", "image/svg+xml"}
_ARCHIVES = frozenset({"application/zip", "application/x-tar", "application/gzip"})
_TABLES = frozenset({"application/vnd.apache.parquet"})
_MAIL = frozenset({"message/rfc822"})
_ANYTHING = _TEXTS | _MAIL | _DOCUMENTS | _IMAGES | _MORE_IMAGES

TYPES: dict[str, frozenset[str]] = {
    "assistants": _ANYTHING | _ARCHIVES,
    "batch": _LINES,
    "fine-tune": _LINES | _PLAIN | _TABLES,
    "vision": _IMAGES | _MORE_IMAGES,
    "user_data": _ANYTHING | _AUDIO | _VIDEO,
    "evals": _LINES | _PLAIN | _TABLES,
    "audio": _AUDIO | _VIDEO,
}
"""Types by purpose: OpenAI's, and `audio`."""

_TOLD = {
    "assistants": "texts, JSON, documents, e-mails, images and archives",
    "batch": "JSON lines",
    "fine-tune": "JSON, JSON lines, plain texts, CSV and Parquet",
    "vision": "images",
    "user_data": "texts, JSON, documents, e-mails, images, audio and video",
    "evals": "JSON, JSON lines, plain texts, CSV and Parquet",
    "audio": "audio and video",
}

RESULTS = frozenset({"assistants_output", "batch_output", "fine-tune-results"})
"""Purposes of files that the house itself makes; of any type."""

_SHOWN = _IMAGES | _MORE_IMAGES | _AUDIO | _VIDEO | _DOCUMENTS | _LINES | _PLAIN | _ARCHIVES | _TABLES
"""Types that are told when a file is delivered. None of them can hold a script that a browser would run."""


def check_purpose(purpose: str, *, made_here: bool = False) -> None:
    """Raise BadInput unless a file may have this purpose."""
    if purpose in TYPES or (made_here and purpose in RESULTS):
        return
    raise BadInput(f"purpose must be one of: {', '.join(TYPES)}.", param="purpose")


def check_type(purpose: str, content_type: str) -> None:
    """Raise UnsupportedMedia, naming what was found, unless the purpose takes it."""
    allowed = TYPES.get(purpose)
    if allowed is None or content_type in allowed:
        return
    raise UnsupportedMedia(
        f"By its bytes this is {content_type}. The purpose {purpose!r} takes {_TOLD[purpose]}.",
        param="file",
    )


def delivered_type(content_type: str) -> str:
    """How a file is labelled when it is delivered: as what it is, or as mere bytes."""
    return content_type if content_type in _SHOWN else "application/octet-stream"
