"""What the first start makes: the pepper, and the first admin key with its file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.core.settings import AccessSettings
from roundhouse.features.access.credentials import KeyHasher, fixed_key
from roundhouse.features.access.service import KeyService
from roundhouse.infra.vault import read_or_make_secret

ADMIN_KEY_FILE = "admin.key"
_PEPPER_FILE = "pepper"
_NO_SPACE = 28


def open_hasher(settings: AccessSettings, data_dir: Path) -> KeyHasher:
    """The hasher with the configured pepper, else with that of the data folder (made at first start, mode 0600).

    Several machines on one database need the same pepper: set `access.pepper` there.

    Raises:
        StorageUnavailable: The data folder cannot be written.
    """
    if settings.pepper is not None and settings.pepper.get_secret_value():
        return KeyHasher(settings.pepper.get_secret_value().encode())
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        pepper = read_or_make_secret(data_dir / _PEPPER_FILE, lambda: secrets.token_hex(32).encode())
    except OSError as error:
        raise _unwritable(data_dir, error) from None
    return KeyHasher(pepper)


async def ensure_first_key(keys: KeyService, settings: AccessSettings, data_dir: Path) -> str | None:
    """Make the first admin key and keep it in `admin.key` (mode 0600).

    Args:
        keys: Makes it.
        settings: With a fixed key nothing is made.
        data_dir: Folder of the file.

    Returns:
        The key, to be shown once; None when there is one already, or a fixed one is set.

    Raises:
        BadInput: The fixed key is an example out of a template.
        StorageUnavailable: The file cannot be written, or the database is away.
    """
    if fixed_key(settings.secret_api_key.get_secret_value() if settings.secret_api_key else None) is not None:
        return None
    return await keys.create_first(lambda text: _write_private(data_dir / ADMIN_KEY_FILE, text + "\n"))


def _write_private(path: Path, text: str) -> None:
    """Write a file for its owner only; whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> StorageFull | StorageUnavailable:
    kind = StorageFull if error.errno == _NO_SPACE else StorageUnavailable
    return kind(f"{path} cannot be written: {error.strerror}.")
