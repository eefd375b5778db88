"""Histories of the dialogue system, from its MongoDB: a document per session with all its messages inside.

A session keeps the name that its program gave it, so `/chat/stream` goes on with it where it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from roundhouse.core.errors import BadInput, MissingExtra, StorageUnavailable
from roundhouse.features.chat.transfer.making import Said, Told, linear, make, role_of, seconds
from roundhouse.features.chat.transfer.whole import MOST_MESSAGES, Refused, Whole, wrong

PROGRAM = "mongo"
COLLECTION = "chat_history"

_BATCH = 50
_WAITS_MS = {"serverSelectionTimeoutMS": 10_000, "connectTimeoutMS": 10_000, "socketTimeoutMS": 60_000}
_ROLE_NAMES = ("role", "type", "sender")
_CONTENT_NAMES = ("content", "text", "message")
_TIME_NAMES = ("timestamp", "created_at", "create_time", "time")


def read(documents: Iterable[Mapping[str, Any]]) -> Iterator[Whole | Refused]:
    """A session for each document `{session_id, user_id, messages: [{role, content, …}]}`.

    Args:
        documents: As the driver gives them.
    """
    for number, document in enumerate(documents):
        place = f"{COLLECTION}[{number}]"
        try:
            yield _whole(document, place)
        except BadInput as error:
            yield Refused(place, error.detail)


def documents_of(
    uri: str, database: str | None = None, collection: str = COLLECTION
) -> Iterator[Mapping[str, Any]]:
    """The documents of a server, in batches; blocking.

    Args:
        uri: `mongodb://…`; it is the operator's and may hold a password, so no error repeats it.
        database: Its name; None = the one in the URI.
        collection: Of the histories.

    Raises:
        MissingExtra: pymongo is not installed.
        BadInput: The URI is none, or names no database.
        StorageUnavailable: The server does not answer, or refuses.
    """
    try:
        import pymongo
        from pymongo import errors
    except ModuleNotFoundError:
        raise MissingExtra("MongoDB needs pymongo: pip install 'roundhouse[mongo]'") from None
    try:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri, **_waits_ms(uri))
        with client:
            found = client[database] if database else client.get_default_database()
            yield from found[collection].find({}, batch_size=_BATCH).sort("_id", 1)
    # A port that is none is a ValueError of its own; documents raise none while they are read.
    except (errors.ConfigurationError, errors.InvalidURI, errors.InvalidName, ValueError):
        raise BadInput("The MongoDB URI must look like mongodb://host:27017/database.", param="uri") from None
    except errors.PyMongoError as error:
        told = type(error).__name__
        raise StorageUnavailable(f"MongoDB does not answer as it should ({told}).") from None


def _waits_ms(uri: str) -> dict[str, Any]:
    """Our time-outs, those excepted that the URI names: what is given beside it would win."""
    named = uri.partition("?")[2].lower()
    return {name: wait_ms for name, wait_ms in _WAITS_MS.items() if f"{name.lower()}=" not in named}


def _whole(document: Mapping[str, Any], place: str) -> Whole:
    key = document.get("session_id")
    if not isinstance(key, str) or not key.strip() or len(key) > 200 or not key.isprintable():
        raise wrong(f"{place}.session_id", "is no name of 1 to 200 printable characters")
    user_id = document.get("user_id")
    if user_id is not None and not isinstance(user_id, str):
        raise wrong(f"{place}.user_id", "is no text")
    messages = document.get("messages") or []
    if not isinstance(messages, list) or len(messages) > MOST_MESSAGES:
        raise wrong(f"{place}.messages", f"is no list of at most {MOST_MESSAGES}")
    said = [_said(number, one, f"{place}.messages[{number}]") for number, one in enumerate(messages)]
    told = Told(
        program=PROGRAM,
        key=key,
        outside_id=key,
        title=_first(document, ("title", "name"), str) or "",
        user_id=user_id or None,
        created_at_s=seconds(_any(document, ("created_at", "create_time")), f"{place}.created_at")
        or _made_s(document.get("_id")),
        updated_at_s=seconds(_any(document, ("updated_at", "update_time")), f"{place}.updated_at"),
    )
    return make(told, linear(said), f"{place}.messages")


def _said(number: int, message: Any, place: str) -> Said:
    if not isinstance(message, Mapping):
        raise wrong(place, "is no object")
    role = _first(message, _ROLE_NAMES, str)
    content = _first(message, _CONTENT_NAMES, str)
    if role is None:
        raise wrong(f"{place}.role", "is missing")
    if content is None:
        raise wrong(f"{place}.content", "is missing")
    return Said(
        key=str(number),
        parent=None,
        role=role_of(role),
        content=content,
        at_s=seconds(_any(message, _TIME_NAMES), f"{place}.timestamp"),
        model=_first(message, ("model", "model_name"), str),
    )


def _any(document: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((document[name] for name in names if document.get(name) is not None), None)


def _first(document: Mapping[str, Any], names: tuple[str, ...], kind: type[str]) -> str | None:
    found = _any(document, names)
    return found if isinstance(found, kind) else None


def _made_s(object_id: Any) -> float | None:
    """When a document was made, which its id tells."""
    made = getattr(object_id, "generation_time", None)
    return seconds(made, "_id") if made is not None else None
