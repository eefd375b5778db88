"""Rules about URLs and IP addresses, without any input or output.

One strict grammar reads every URL, so that no second parser can see another host in it; one table says what
an IP address is. A name is judged by the addresses it resolves to (`resolving.py`).

Source:
    IANA IPv4 and IPv6 Special-Purpose Address Registries (2025): what is not globally reachable.
    WHATWG URL, host parsing (2025): a host whose last label is a number is an IPv4 address.
    Metadata services: AWS EC2 (169.254.169.254, fd00:ec2::254), Google (fd20:ce::254),
    Alibaba (100.100.100.200), Oracle Classic (192.0.0.192), Azure wire server (168.63.129.16).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import quote

import msgspec

from roundhouse.core.errors import AddressRefused, BadInput

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Reach(Enum):
    """Who can be behind an IP address."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


_NEVER = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local, holds most metadata services
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "224.0.0.0/4",  # multicast
        "255.255.255.255/32",
        "fe80::/10",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "ff00::/8",
    )
)
_PRIVATE_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_PRIVATE_V6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_MAPPED = IPv6Network("::ffff:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")


def embedded_v4(ip: Ip) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to (mapped, compatible, NAT64, 6to4, Teredo), if any."""
    if isinstance(ip, IPv4Address):
        return None
    number = int(ip)
    if ip in _SIX_TO_FOUR:
        return IPv4Address(number >> 80 & 0xFFFFFFFF)
    if ip in _TEREDO:
        return IPv4Address(~number & 0xFFFFFFFF)
    if number > 1 and any(ip in network for network in (_MAPPED, _COMPATIBLE, _NAT64, _LOCAL_NAT64)):
        return IPv4Address(number & 0xFFFFFFFF)
    return None


def reach_of(ip: Ip) -> Reach:
    """Who can be behind `ip`; for an address that embeds another, the narrower of the two."""
    if any(ip.version == network.version and ip in network for network in _NEVER):
        return Reach.NEVER
    if isinstance(ip, IPv4Address):
        return Reach.PRIVATE if any(ip in network for network in _PRIVATE_V4) else Reach.PUBLIC
    inner = embedded_v4(ip)
    if inner is not None:
        reach = reach_of(inner)
        # A packet for 6to4, Teredo or a local NAT64 goes through a relay of unknown place: at best private.
        direct = ip in _MAPPED or ip in _NAT64
        return reach if direct or reach is Reach.NEVER else Reach.PRIVATE
    if ip in _GLOBAL_V6 and not any(ip in network for network in _PRIVATE_V6):
        return Reach.PUBLIC
    return Reach.PRIVATE


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR form; raises BadInput for anything else."""
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise BadInput(f"outbound.allow_networks: {error}.") from error


class DialRules(msgspec.Struct, frozen=True):
    """Which addresses may be dialled.

    Attributes:
        private: Whether private addresses may be (the operator's own servers).
        networks: Private networks that may be even so.
        public: Whether public addresses may be.
        every: Whether one refused address refuses the whole name; otherwise it is only left out.
    """

    private: bool = False
    networks: tuple[Network, ...] = ()
    public: bool = True
    every: bool = True

    def allows(self, ip: Ip) -> bool:
        """Whether `ip` may be dialled."""
        reach = reach_of(ip)
        if reach is Reach.PUBLIC:
            return self.public
        if reach is Reach.PRIVATE and not self.private:
            inner = embedded_v4(ip) or ip
            return any(inner.version == network.version and inner in network for network in self.networks)
        return reach is not Reach.NEVER


OPERATOR_RULES = DialRules(private=True, every=False)
"""For addresses from the configuration."""
INSIDE_RULES = DialRules(private=True, public=False)
"""Of those the ones that are inside: this machine's and private networks'."""


class Url(msgspec.Struct, frozen=True):
    """An http(s) URL, taken apart.

    Attributes:
        scheme: `http` or `https`.
        host: ASCII name in lower case, or an IP address without brackets.
        port: TCP port.
        target: Path and query as sent in the request line.
        ip: The address, when the host is one.
    """

    scheme: str
    host: str
    port: int
    target: str
    ip: Ip | None = None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: fit for messages, for it holds no path and no query."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.target


_PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/?#@\\%]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][^#]*)?(?:#.*)?"
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_KEPT = "".join(chr(code) for code in range(0x21, 0x7F))


def parse_url(text: str) -> Url:
    """Take an http(s) URL apart by one strict grammar.

    Raises:
        BadInput: Not http(s), with user information, blanks, control characters or backslashes, or not a URL.
        AddressRefused: An IPv4 address in another spelling than four decimal numbers.
    """
    if len(text) > 8192:
        raise BadInput("The URL is longer than 8192 characters.")
    if _UNSAFE.search(text):
        raise BadInput("The URL holds a blank, a control character or a backslash.")
    match = _URL.fullmatch(text)
    if match is None:
        raise BadInput("Not a plain http(s) URL: scheme://host[:port]/path, without user name or password.")
    scheme = match["scheme"].lower()
    if scheme not in _PORTS:
        raise BadInput("Only http and https URLs are taken.")
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
    if not 0 < port < 65536:
        raise BadInput("The URL's port is out of range.")
    host, ip = _parse_host(match["host"])
    target = match["target"] or "/"
    if target.startswith("?"):
        target = "/" + target
    return Url(scheme, host, port, quote(target, safe=_KEPT), ip)


def _parse_host(text: str) -> tuple[str, Ip | None]:
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except ValueError as error:
            raise BadInput("The URL's IPv6 address is malformed.") from error
        return str(address), address
    try:
        # Wide digits and dots become plain ones here, so that the rules below see what would be dialled.
        host = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise BadInput("The URL's host name is malformed.") from error
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadInput("The URL's host name is malformed.")
    if not _NUMBER_LABEL.fullmatch(labels[-1]):
        return host, None
    try:
        return host, IPv4Address(host)
    except ValueError as error:
        raise AddressRefused("An IPv4 address must be written as four decimal numbers.") from error


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_OWN_HEADERS = frozenset(
    {"content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def check_method(method: str) -> str:
    """The method in upper case; raises BadInput when it is none that a backend needs."""
    upper = method.upper()
    if upper not in _METHODS:
        raise BadInput("Not an HTTP method that is sent.")
    return upper


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Request headers, names as given; raises BadInput for one that could end a line or is not to be set."""
    checked: dict[str, str] = {}
    for name, value in (headers or {}).items():
        if not _TOKEN.fullmatch(name):
            raise BadInput("A request header's name is malformed.")
        if name.lower() in _OWN_HEADERS:
            raise BadInput(f"The request header {name} cannot be set.")
        if not _HEADER_VALUE.fullmatch(value):
            raise BadInput(
                f"The value of the request header {name} holds a line break or a character outside ASCII."
            )
        checked[name] = value.strip()
    return checked


def parse_ip(text: str) -> Ip:
    """An IP address as the system's resolver writes it, a zone (`%eth0`) left out."""
    return ip_address(text.partition("%")[0])
