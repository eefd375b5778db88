"""One document after the other into a vector store: what is there already stays, what changed takes its place."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import quote

import msgspec

from roundhouse.cli.client import Client
from roundhouse.cli.exits import UNREACHABLE, Stop
from roundhouse.cli.following import follow
from roundhouse.cli.sources import Source
from roundhouse.cli.terminal import Advance
from roundhouse.features.knowledge.files.names import safe_name

T = TypeVar("T")

Outcome = Literal["added", "replaced", "unchanged", "skipped", "failed"]
"""What became of a document; `skipped`: of no type that is read, and it was only found in a folder."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

PATH = "path"
"""Attribute of a file in a store: what it was called where it came from."""

_PATIENCE_S = 60.0
_PAUSE_S = 0.5
_SETTLED_S = 30.0
_BLOCK_BYTES = 1024 * 1024
_OF_NO_TYPE = frozenset({"unsupported_media_type", "unsupported_content"})


class Taken(msgspec.Struct, frozen=True):
    """What became of a document.

    Attributes:
        name: Its source's.
        outcome: See `Outcome`.
        file_id: In the store; None = it is not there.
        warnings: What was left out or could not be read.
        error_code: Why it failed, or was skipped; one of the reference, empty where it is none of those.
        message: The same in words.
    """

    name: str
    outcome: Outcome
    file_id: str | None = None
    warnings: list[str] = []
    error_code: str = ""
    message: str = ""


class Present:
    """Files that a store has, and which of them is meant by a source.

    Args:
        files: As the API shows them, the oldest first.
        sources: All that is to be taken in.
    """

    def __init__(self, files: Sequence[dict[str, Any]], sources: Sequence[Source]) -> None:
        self._ids = {str(file["id"]) for file in files}
        self._by_name: dict[str, dict[str, Any]] = {}
        self._nameless: dict[str, list[dict[str, Any]]] = {}
        self._alike: dict[str, int] = {}
        # The newest of a name counts; older ones are on their way out.
        for file in files:
            name = file["source_url"] or file["attributes"].get(PATH)
            if name is None:
                self._nameless.setdefault(file["filename"], []).append(file)
            else:
                self._by_name[str(name)] = file
        for source in sources:
            if source.path is not None:
                filename = safe_name(source.path.name)
                self._alike[filename] = self._alike.get(filename, 0) + 1

    def find(self, source: Source) -> dict[str, Any] | None:
        """The file that a source was before; None = it is new.

        A file that came another way has no path: it is meant where its filename is the only one like it, there and
        here.
        """
        known = self._by_name.get(source.name)
        if known is not None or source.path is None:
            return known
        filename = safe_name(source.path.name)
        alike = self._nameless.get(filename, [])
        return alike[0] if len(alike) == 1 and self._alike[filename] == 1 else None

    def has(self, file_id: str) -> bool:
        """Whether the store had a file."""
        return file_id in self._ids


class Taking:
    """Takes documents into a store, from any thread.

    Args:
        client: The server.
        store_id: The store.
        present: What it has.
        attributes: Of each document that is added, or takes the place of another.
        sleep: Waits.
    """

    def __init__(
        self,
        client: Client,
        store_id: str,
        present: Present,
        attributes: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._path = f"/v1/vector_stores/{quote(store_id, safe='')}/files"
        self._present = present
        self._attributes = attributes
        self._sleep = sleep
        self._followed: dict[str, str] = {}

    def followed(self) -> list[str]:
        """Jobs whose end is waited for just now."""
        return sorted(self._followed.copy().values())

    def take(self, source: Source, advance: Advance) -> Taken:
        """Take one in, and wait until it is found, or failed.

        Args:
            source: The document.
            advance: Told how far it is.

        Raises:
            Stop: The server is away, or does not let this key do it.
        """
        taken = self._guarded(source, advance)
        self._followed.pop(source.name, None)
        return taken

    def _guarded(self, source: Source, advance: Advance) -> Taken:
        try:
            return self._take(source, advance)
        except Stop as stop:
            if not stop.error_code or stop.error_code in ("not_signed_in", "not_allowed"):
                raise
            skipped = source.was_found and stop.error_code in _OF_NO_TYPE
            outcome: Outcome = "skipped" if skipped else "failed"
            return Taken(source.name, outcome, error_code=stop.error_code, message=stop.message)
        except OSError as error:
            return Taken(source.name, "failed", message=error.strerror or type(error).__name__)

    def _take(self, source: Source, advance: Advance) -> Taken:
        former: Mapping[str, Any] | None = self._present.find(source)
        if former is None:
            return self._ended(source, "added", self._add(source, None, advance), advance)
        was_going = former["status"] == "in_progress"
        if was_going:
            # What takes its place before it is there would leave the one before that behind.
            former = self._end_of(source, former, advance)
        if source.path is None and was_going:
            return _told(source, "added", former)
        if source.path is None or not self._is_same(source.path, former):
            return self._ended(source, "replaced", self._add(source, former, advance), advance)
        if former["status"] == "completed":
            return _told(source, "added" if was_going else "unchanged", former)
        again = {"file_id": former["id"]}
        return self._ended(source, "added", self._call("POST", self._path, again), advance)

    def _is_same(self, path: Path, former: Mapping[str, Any]) -> bool:
        """Whether a file is what the store has of it."""
        if path.stat().st_size != former["bytes"]:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        info = self._call("GET", f"/v1/files/{quote(former['id'], safe='')}")
        return bool(info["sha256"] == digest.hexdigest())

    def _add(self, source: Source, former: Mapping[str, Any] | None, advance: Advance) -> Mapping[str, Any]:
        """Have the server work on it; it is in the store then."""
        attributes = dict(self._attributes)
        body: dict[str, Any] = {}
        if former is not None:
            attributes = {**former["attributes"], **attributes}
            body = {"replaces": self._replaced(former), "chunking_strategy": former["chunking_strategy"]}
        if source.path is None:
            body["url"] = source.name
        else:
            advance("sending", 0.0)
            path = source.path
            sent = {"purpose": "assistants"}
            body["file_id"] = self._patiently(lambda: self._client.upload("/v1/files", sent, path))["id"]
            attributes[PATH] = source.name
        body["attributes"] = attributes
        return self._call("POST", self._path, body)

    def _replaced(self, former: Mapping[str, Any]) -> str | None:
        """The file that is found until a new one is: where the last change of it failed, the one before."""
        if former["status"] == "completed" or former["replaces"] is None:
            return str(former["id"])
        self._call("DELETE", f"{self._path}/{quote(former['id'], safe='')}")
        return str(former["replaces"]) if self._present.has(former["replaces"]) else None

    def _ended(self, source: Source, outcome: Outcome, file: Mapping[str, Any], advance: Advance) -> Taken:
        return _told(source, outcome, self._end_of(source, file, advance))

    def _end_of(self, source: Source, file: Mapping[str, Any], advance: Advance) -> Mapping[str, Any]:
        """A file as it is when nobody works on it any more."""
        if file["job_id"] is not None:
            self._followed[source.name] = file["job_id"]
            follow(self._client, file["job_id"], advance)
        path = f"{self._path}/{quote(file['id'], safe='')}"
        waited_s = 0.0
        # The end of a job that died reaches its file a moment later.
        while (now := self._call("GET", path))["status"] == "in_progress" and waited_s < _SETTLED_S:
            waited_s += _PAUSE_S
            self._sleep(_PAUSE_S)
        return now

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._patiently(lambda: self._client.call(method, path, body))
        return answer

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask again as long as the server is busy: then nothing came of it."""
        waited_s = 0.0
        while True:
            try:
                return ask()
            except Stop as stop:
                if not stop.passing or stop.code == UNREACHABLE or waited_s >= _PATIENCE_S:
                    raise
            waited_s += _PAUSE_S
            self._sleep(_PAUSE_S)


def _told(source: Source, outcome: Outcome, file: Mapping[str, Any]) -> Taken:
    """What became of a document whose file nobody works on any more."""
    if file["status"] == "completed":
        return Taken(source.name, outcome, file["id"], file["warnings"])
    told = file["last_error"] or {"error_code": "", "message": f"It is {file['status']}."}
    error_code = told["error_code"]
    failed: Outcome = "skipped" if source.was_found and error_code in _OF_NO_TYPE else "failed"
    return Taken(source.name, failed, file["id"], file["warnings"], error_code, told["message"])
