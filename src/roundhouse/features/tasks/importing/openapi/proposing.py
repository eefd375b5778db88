"""A whole document as a proposal."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from roundhouse.core.errors import RemoteReference, Unprocessable
from roundhouse.features.tasks.importing.naming import distinct, module_part, path_part, verb_part
from roundhouse.features.tasks.importing.openapi.addresses import check_path, server_url
from roundhouse.features.tasks.importing.openapi.operations import Operation, operations, propose_operation
from roundhouse.features.tasks.importing.openapi.pointers import Pointers
from roundhouse.features.tasks.importing.openapi.reading import read_document
from roundhouse.features.tasks.importing.proposed import Proposal, Proposed, Skipped

MOST_OPERATIONS = 500


class Wanted(msgspec.Struct, frozen=True):
    """What is wanted of a document.

    Attributes:
        base_url: Address that paths are put behind; empty = the document's first server.
        prefix: Of all names; empty = made of the document's title.
        include: Globs; of the names, the operation ids, or `POST /solve`, one must match. Empty = all.
        found_at: URL of the document, empty = it came by itself.
    """

    base_url: str = ""
    prefix: str = ""
    include: tuple[str, ...] = ()
    found_at: str = ""


def propose(given: bytes | dict[str, Any], wanted: Wanted) -> Proposal:
    """What a description proposes.

    Raises:
        BadInput: It names no server and no `base_url` is given.
        RemoteReference: Something that is wanted refers to another document.
        Unprocessable: It is no description, too large, or holds a path that climbs out of its server.
    """
    document = read_document(given)
    pointers = Pointers(document)
    info = document.get("info") if isinstance(document.get("info"), dict) else {}
    assert isinstance(info, dict)
    found = operations(pointers, document)
    if len(found) > MOST_OPERATIONS:
        raise Unprocessable(f"The document has more than {MOST_OPERATIONS} operations.", param="document")
    for one in found:
        check_path(one.path)
    title = str(info.get("title") or "")
    prefix = _prefix(wanted.prefix or title)
    made, skipped = list[Proposed](), list[Skipped]()
    for name, operation in _named(found, prefix):
        if not _included(name, operation, wanted.include):
            continue
        url = server_url((operation.told, operation.item, document), wanted.found_at, wanted.base_url)
        try:
            made.append(propose_operation(pointers, operation, name, url))
        except RemoteReference:
            raise
        except Unprocessable as error:
            skipped.append(Skipped(operation.label, error.detail))
    made.sort(key=lambda one: one.name)
    return Proposal(title, str(info.get("version") or ""), tuple(made), tuple(skipped))


def _prefix(given: str) -> str:
    parts = [module_part(one) for one in given.split(".")]
    return ".".join(one for one in parts if one) or "module"


def _named(found: Sequence[Operation], prefix: str) -> list[tuple[str, Operation]]:
    """Each operation with its name; names do not depend on which of them are included."""
    taken: set[str] = set()
    made = []
    for one in found:
        by_path = path_part(one.method, one.path)
        wanted = verb_part(one.id, one.method, one.path) if one.id else by_path
        made.append((f"{prefix}.{distinct(wanted, (by_path,), taken)}", one))
    return made


def _included(name: str, operation: Operation, include: Sequence[str]) -> bool:
    texts = (name, operation.id, operation.label, operation.path)
    return not include or any(fnmatchcase(text, pattern) for pattern in include for text in texts if text)
