"""A file while it arrives: how large it is so far, what its beginning says, and whether it may be at all."""

from __future__ import annotations

from collections.abc import Callable

from roundhouse.core.errors import BadInput, TooLarge
from roundhouse.core.types import NewFile
from roundhouse.features.knowledge.files.kinds import check_purpose, check_type
from roundhouse.features.knowledge.files.names import safe_name
from roundhouse.features.knowledge.files.schemas import LONGEST_S, SHORTEST_S
from roundhouse.features.knowledge.files.sniffing import HEAD_BYTES, sniff
from roundhouse.infra.forms import FormShape, UploadForm

_ANCHOR, _SECONDS = "expires_after[anchor]", "expires_after[seconds]"
_SHAPE = FormShape(
    "Send multipart/form-data with the fields file and purpose.", frozenset({"purpose", _ANCHOR, _SECONDS})
)


class Draft:
    """Passes bytes on and looks at them. Its methods may run in a thread, one at a time.

    Args:
        write: Where the bytes go.
        max_bytes: Largest file.

    Attributes:
        size_bytes: So many have come.
    """

    def __init__(self, write: Callable[[bytes], None], max_bytes: int) -> None:
        self.size_bytes = 0
        self._write = write
        self._max_bytes = max_bytes
        self._head = b""

    def take(self, data: bytes) -> None:
        """The next bytes; raises TooLarge, and what `write` raises."""
        self.size_bytes += len(data)
        if self.size_bytes > self._max_bytes:
            raise TooLarge(f"The file is larger than {self._max_bytes} bytes.", param="file")
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self._write(data)

    @property
    def is_told(self) -> bool:
        """Whether so much is there that its type can be said."""
        return len(self._head) == HEAD_BYTES

    def check(self, purpose: str, filename: str) -> str:
        """Its media type, if a file of this purpose may have it.

        Raises:
            BadInput: It is empty.
            UnsupportedMedia: It may not.
        """
        if not self._head:
            raise BadInput("The file is empty.", param="file")
        found = sniff(self._head, filename, whole=self.size_bytes == len(self._head))
        check_type(purpose, found)
        return found


class Intake:
    """A form with a file, read as it arrives; what it cannot become is refused before all of it has come.

    Args:
        content_type: Header of the request.
        draft: Is given the file.

    Raises:
        UnsupportedMedia: The request is no form.
    """

    def __init__(self, content_type: str, draft: Draft) -> None:
        self._draft = draft
        self._form = UploadForm(content_type, draft.take, _SHAPE)
        self._is_checked = False

    def feed(self, data: bytes) -> None:
        """Read the next bytes of the body.

        Raises:
            BadInput: The form is malformed, or a field is wrong.
            UnsupportedMedia: The purpose does not take this type of file.
            TooLarge: The file is.
        """
        self._form.feed(data)
        purpose = self._form.fields.get("purpose")
        if not self._is_checked and purpose is not None:
            check_purpose(purpose)
            if self._draft.is_told:
                self._draft.check(purpose, safe_name(self._form.filename or ""))
                self._is_checked = True

    def close(self, idempotency_key: str | None) -> NewFile:
        """What the form asks for; raises BadInput when something is missing or wrong."""
        filename = safe_name(self._form.close())
        fields = self._form.fields
        if "purpose" not in fields:
            raise BadInput("The field purpose is missing.", param="purpose")
        check_purpose(fields["purpose"])
        return NewFile(filename, fields["purpose"], _lasting_s(fields), idempotency_key)


def _lasting_s(fields: dict[str, str]) -> float | None:
    """How long the file is to be kept, None = it does not say."""
    if not fields.keys() & {_ANCHOR, _SECONDS}:
        return None
    if fields.get(_ANCHOR) != "created_at":
        raise BadInput("The anchor of expires_after is always created_at.", param=_ANCHOR)
    told = fields.get(_SECONDS, "")
    seconds = int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else -1
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise BadInput(f"It must lie between {SHORTEST_S} and {LONGEST_S}.", param=_SECONDS)
    return float(seconds)
