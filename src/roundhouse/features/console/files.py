"""The built console: its files in memory, each with the headers it is served with."""

from __future__ import annotations

import gzip
import mimetypes
import secrets
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from roundhouse.core.errors import NotFound

UI_DIR = Path(__file__).parents[2] / "ui"
"""Where the build puts the console (web/vite.config.ts)."""

INDEX = "index.html"
_NONCE_MARK = b"%STYLE_NONCE%"
_PACKED = frozenset({".js", ".css", ".html", ".svg", ".json", ".txt"})
# Names of what the build writes below assets/ hold a hash of their content.
_LONGEST_PATH = 200
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}

NOT_BUILT = (
    "The console is not part of this installation. In a checkout, `make console` builds it; installed packages "
    "bring it along. The API works without it: see /docs."
)


class Asset(NamedTuple):
    """One file as it is served.

    Attributes:
        body: As it is.
        packed: As gzip, None where that is no use.
        kind: Its content type.
        etag: Quoted.
        cache_control: How long browsers may keep it.
    """

    body: bytes
    packed: bytes | None
    kind: str
    etag: str
    cache_control: str


class Page(NamedTuple):
    """The one page, made anew for every request.

    Attributes:
        body: Its HTML.
        policy: Its Content-Security-Policy, which names the nonce of its styles.
    """

    body: bytes
    policy: str


class ConsoleFiles:
    """What the build made, read when it is first asked for.

    Args:
        folder: Of the built console.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._assets: dict[str, Asset] = {}
        self._index = b""
        self._built_ns = 0

    @property
    def built(self) -> bool:
        """Whether there is a console to be served."""
        return (self._folder / INDEX).is_file()

    def page_blocking(self) -> Page:
        """The page.

        Raises:
            NotFound: The console is not built.
        """
        file = self._folder / INDEX
        try:
            built_ns = file.stat().st_mtime_ns
            if built_ns != self._built_ns:
                # Built anew while we run: its files have other names.
                self._index, self._built_ns = file.read_bytes(), built_ns
                self._assets.clear()
        except FileNotFoundError:
            raise NotFound(NOT_BUILT) from None
        nonce = secrets.token_urlsafe(16)
        return Page(self._index.replace(_NONCE_MARK, nonce.encode()), policy(nonce))

    def asset_blocking(self, path: str) -> Asset | None:
        """A file by its path below the console's address; None when it is none.

        Args:
            path: As in the URL, decoded; not trusted.
        """
        known = self._assets.get(path)
        if known is not None:
            return known
        name = PurePosixPath(path)
        if path == INDEX or not name.suffix or "\0" in path or len(path) > _LONGEST_PATH:
            return None
        file = (self._folder / name).resolve()
        if not file.is_relative_to(self._folder.resolve()) or not file.is_file():
            return None
        asset = self._assets[path] = _read(file, immutable=path.startswith("assets/"))
        return asset


def policy(nonce: str) -> str:
    """The Content-Security-Policy of the page: nothing comes from elsewhere, nothing goes there.

    Args:
        nonce: Of the style elements that parts of the page bring along; styles of others, and of attributes in
            HTML, are refused.
    """
    return (
        "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
        f"style-src 'self' 'nonce-{nonce}'; img-src 'self' blob: data:; media-src 'self' blob:"
    )


def _read(file: Path, *, immutable: bool) -> Asset:
    body = file.read_bytes()
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    packed = gzip.compress(body, compresslevel=9, mtime=0) if file.suffix in _PACKED else None
    stat = file.stat()
    return Asset(
        body=body,
        packed=packed,
        kind=kind,
        etag=f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"',
        cache_control=_FOR_EVER if immutable else _ASK_AGAIN,
    )
