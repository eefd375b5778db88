"""The door of a house: shared by services, opened by the first that needs it, closed by the last that leaves."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from roundhouse.core.errors import BadInput, NotFound
from roundhouse.studio.house import House, Work, closed

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings
    from roundhouse.core.types import Caller

T = TypeVar("T")
_MOST_ID_CHARS = 40
_MOST_QUERY_CHARS = 1000


class Door:
    """Where a house is, and the house once somebody needed it.

    Args:
        data_dir: Data folder; None = the settings', as for `roundhouse run`.
        config: Settings file; None = `roundhouse.toml` of the working folder, where there is one.
        site_id: Tenant.

    Raises:
        BadInput: The settings are wrong; a line for each.
    """

    def __init__(self, data_dir: str | Path | None, config: str | Path | None, site_id: str) -> None:
        from roundhouse.core.settings_load import load

        overrides = {} if data_dir is None else {"data_dir": Path(data_dir)}
        self.settings: Settings = load(overrides, None if config is None else Path(config))
        self.site_id = site_id
        self._opening = threading.Lock()
        self._house: House | None = None
        self._holders = 0
        self._forgotten: weakref.finalize[[], Door] | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody has opened the house."""
        return self._house is not None

    def leads_where(self, other: Door) -> bool:
        """Whether both lead to the same tenant of the same database."""
        mine, theirs = self.settings, other.settings
        return (mine.data_dir, mine.db_url, self.site_id) == (
            theirs.data_dir,
            theirs.db_url,
            other.site_id,
        )

    def take(self) -> Self:
        """One more holds it."""
        with self._opening:
            self._holders += 1
        return self

    def give_back(self) -> None:
        """One less holds it; the last closes the house."""
        with self._opening:
            self._holders -= 1
            house = self._house if self._holders == 0 else None
            if house is not None and self._forgotten is not None:
                self._forgotten.detach()
        if house is not None:
            house.close()

    def house(self) -> House:
        """The house; opened now if need be, in some tenths of a second. Raises what `House` raises, ShuttingDown."""
        with self._opening:
            if self._holders == 0:
                raise closed()
            if self._house is None:
                self._house = House(self.settings)
                # A service that is dropped without `close` leaves nothing behind.
                self._forgotten = weakref.finalize(self, self._house.close_soon)
                self._forgotten.atexit = False
            return self._house


class Service:
    """What all services have: a door, and an end. Any thread may use one.

    Nothing is opened before the first call. `close` a service, or use it in a `with` block; what is still open when
    the program ends is closed then.

    Args:
        data_dir: Data folder; None = the settings', as for `roundhouse run`.
        config: Settings file; None = `roundhouse.toml` of the working folder, where there is one.
        site_id: Tenant whose sessions it sees; a server's keys belong to `default` unless they say otherwise.
        door: Instead of the others: share the house of other services.

    Raises:
        BadInput: The settings are wrong; a line for each.
    """

    def __init__(
        self,
        data_dir: str | Path | None = None,
        *,
        config: str | Path | None = None,
        site_id: str = "default",
        door: Door | None = None,
    ) -> None:
        self._door = (Door(data_dir, config, site_id) if door is None else door).take()
        self._left = False

    def close(self) -> None:
        """Leave; the last service of a house closes it. Again is no error."""
        if not self._left:
            self._left = True
            self._door.give_back()

    @property
    def door(self) -> Door:
        """What it shares with others."""
        return self._door

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _move_to(self, door: Door) -> None:
        """Share a house; one that has opened its own already stays there. Raises BadInput."""
        if self._door is door:
            return
        if not self._door.leads_where(door):
            raise BadInput("These services are of different data folders, databases or tenants.")
        if not self._left and not self._door.is_open:
            self._door.give_back()
            self._door = door.take()

    def _house(self) -> House:
        if self._left:
            raise closed()
        return self._door.house()

    def _run(self, work: Work[T]) -> T:
        return self._house().run(work)

    def _try(self, thing_id: str, work: Work[object], name: str = "session_id") -> bool:
        """Whether a thing was there for something to be done with it."""
        try:
            check_id(thing_id, name)
            self._run(work)
        except NotFound:
            return False
        return True

    def _caller(self, user_id: str | None = None) -> Caller:
        """Who asks: whoever has the data folder, for all users of the tenant or for one."""
        from roundhouse.core.types import Caller

        if user_id is not None:
            check_text(user_id, "user_id")
        return Caller("studio", self._door.site_id, user_id, scopes=frozenset({"admin"}))


def check_text(value: object, name: str) -> None:
    """Raise BadInput unless it is a text that a database can be asked with."""
    if not isinstance(value, str) or "\x00" in value or not value.isprintable():
        raise BadInput(f"{name} must be a text of printable characters.", param=name)


def check_id(value: object, name: str) -> None:
    """Raise BadInput for what is no text, NotFound for what cannot be the id of anything."""
    check_text(value, name)
    text = str(value)
    if not (0 < len(text) <= _MOST_ID_CHARS and text.isascii()):
        raise NotFound("There is nothing of this id.", param=name)


def check_span(limit: object, offset: object) -> None:
    """Raise BadInput unless both are counts; no limit is one as well."""
    for name, value in (("limit", limit), ("offset", offset)):
        if name == "limit" and value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadInput(f"{name} must be a whole number, 0 or more.", param=name)


def check_query(query: object) -> None:
    """Raise BadInput unless something can be looked for."""
    if not isinstance(query, str) or not query.strip() or len(query) > _MOST_QUERY_CHARS:
        raise BadInput(f"query must be a text of at most {_MOST_QUERY_CHARS} characters.", param="query")
    if not query.isascii() and any("\ud800" <= one <= "\udfff" for one in query):
        raise BadInput("query holds half a character.", param="query")
