"""Which Host and Origin headers are answered: against names rebound to us, and against pages of other sites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from roundhouse.core.errors import BadInput, NotAllowed
from roundhouse.core.settings import ServerSettings

LOCALHOST_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
"""Origins whose pages may call while the server runs for development."""

_REMEMBERED_HOSTS = 256
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{0,5}))?")


class HostRules:
    """Which Host and Origin headers are answered.

    Args:
        settings: Of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._open = settings.open
        self._hosts = frozenset(host.lower() for host in settings.allowed_hosts)
        self._origins = frozenset(settings.cors_origins)
        self._debug = settings.debug
        self._names: dict[str, str] = {}

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise BadInput on a malformed Host, NotAllowed on one (or an Origin) that may not call.

        With `--open` a web page of another site could use this service through its reader's browser: then only
        loopback hosts and origins pass (no DNS name can be rebound to us, no page can call us).
        """
        host = headers.get("host", "")
        name = self._names.get(host) or self._name(host)
        if self._open and name not in _LOOPBACK:
            raise NotAllowed("Started with --open, this service answers to localhost only.")
        if self._hosts and name not in self._hosts and name not in _LOOPBACK:
            raise NotAllowed("This service does not answer to that host name.")
        origin = headers.get("origin")
        if (
            self._open
            and origin is not None
            and origin not in self._origins
            and not same_origin(origin, host)
        ):
            raise NotAllowed("Started with --open, this service refuses pages of other origins.")

    def check_socket(self, headers: Mapping[str, str]) -> None:
        """The same for a WebSocket; raises likewise.

        A browser lets any page open one and leaves it to the server to look at the Origin: what CORS does for
        requests is done here.
        """
        self.check(headers)
        origin = headers.get("origin")
        if origin is None or "*" in self._origins or origin in self._origins:
            return
        if self._debug and re.fullmatch(LOCALHOST_ORIGIN, origin):
            return
        if not same_origin(origin, headers.get("host", "")):
            raise NotAllowed("Pages of this origin may not call; those that may are in server.cors_origins.")

    def _name(self, host: str) -> str:
        name = host_name(host)
        if name is None:
            raise BadInput("The Host header is malformed.")
        # Parsing costs more than the rest of the check; a client sends the same Host every time.
        if len(self._names) < _REMEMBERED_HOSTS:
            self._names[host] = name
        return name


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin is this service itself; another port of localhost is another program's page.

    Args:
        origin: The Origin header.
        host: The Host header. The scheme is not compared: a proxy in front may speak https.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def host_name(host: str) -> str | None:
    """The name in a Host header, lower case; None when the header is malformed."""
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 0) > 65_535:
        return None
    return (match["v6"] or match["name"]).lower()
