"""Secrets at rest: provider keys are encrypted with a key that lies in a file of the data folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from roundhouse.core.errors import StorageUnavailable

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Vault:
    """Encrypts and decrypts short texts (Fernet: AES-128-CBC with HMAC-SHA256).

    The key is made at first use and kept in `vault.key`, readable by its owner only. The library is loaded at
    first use: most starts need none of it.

    Args:
        data_dir: Folder of the key file.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "vault.key"
        self._cipher: Fernet | None = None

    def seal(self, text: str) -> bytes:
        """Encrypt; two calls give different bytes."""
        return self._fernet().encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt.

        Raises:
            StorageUnavailable: The key file is not the one it was sealed with.
        """
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet().decrypt(sealed).decode()
        except InvalidToken:
            raise StorageUnavailable(
                f"{self._path.name} is not the key these secrets were encrypted with; restore it from a backup."
            ) from None

    def _fernet(self) -> Fernet:
        if self._cipher is None:
            from cryptography.fernet import Fernet

            self._cipher = Fernet(read_or_make_secret(self._path, Fernet.generate_key))
        return self._cipher


def read_or_make_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a secret file, made (mode 0600) when it is not there.

    Two processes that start at once end up with the same secret.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            # A link fails when another process was first; then its secret is the one.
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_bytes()
