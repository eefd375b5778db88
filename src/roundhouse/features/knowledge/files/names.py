"""File names from strangers: made safe to keep, to show, and to save on any system; and written into a header.

Source:
    Unicode Standard Annex #9 (2024): characters that turn the direction of a text. RFC 6266 (2011) and RFC 8187 (2017):
    `Content-Disposition`. Microsoft, "Naming Files, Paths, and Namespaces" (2024): reserved names and characters.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

MOST_CHARACTERS = 200
MOST_BYTES = 255

_MOST_RAW = 20_000
_SUFFIX_CHARACTERS = 20
_UNSAFE = re.compile(r'[<>:"|?*]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
# Control, format (bidirectional overrides, zero width), surrogate, private, unassigned; line and paragraph ends.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Without these two, words of some scripts and some emoji are spelled differently.
_JOINERS = "\u200c\u200d"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
_HEADER_SAFE = "!#$&+-.^_`|~"


def safe_name(raw: str) -> str:
    """A name of 1 to 200 characters and at most 255 bytes without folders, controls or tricks; never fails."""
    name = raw[-_MOST_RAW:].replace("\\", "/").rpartition("/")[2]
    name = "".join(
        character
        for character in " ".join(name.split())
        if unicodedata.category(character) not in _DROPPED or character in _JOINERS
    )
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", name))
    # A dot in front hides a file, one behind is dropped by Windows, a dash in front is an option of a program.
    name = name.lstrip(". -" + _JOINERS).rstrip(". " + _JOINERS)
    name = _shortened(name)
    if _DEVICES.fullmatch(name):
        name = f"_{name}"
    return name or "file"


def suffix_of(name: str) -> str:
    """The suffix with its dot, lower case, if it is plain: for programs that go by it. Else empty."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def disposition(name: str) -> str:
    """`Content-Disposition` of a download: a name in ASCII for old readers, the whole one beside it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'[%"\\\x00-\x1f\x7f]', "_", plain).strip()
    if not plain or plain.startswith("."):
        plain = f"file{plain}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_HEADER_SAFE)}"


def _shortened(name: str) -> str:
    """Cut the middle: the suffix says what the file is."""
    if len(name) <= MOST_CHARACTERS and len(name.encode()) <= MOST_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > _SUFFIX_CHARACTERS or not stem:
        stem, ending = name, ""
    else:
        ending = f".{suffix}"
    room_bytes = MOST_BYTES - len(ending.encode())
    stem = stem[: MOST_CHARACTERS - len(ending)].encode()[:room_bytes].decode("utf-8", "ignore")
    return stem.rstrip(". " + _JOINERS) + ending
