"""Chooses the store by the settings."""

from __future__ import annotations

from pathlib import Path

from roundhouse.core.ports import BlobStore
from roundhouse.core.settings import FileSettings
from roundhouse.infra.blobs.local import LocalBlobs
from roundhouse.infra.blobs.staging import Staging

_MIB = 1024 * 1024


def open_staging(settings: FileSettings, data_dir: Path) -> Staging:
    """The staging folder, `incoming` in the folder of bytes."""
    return Staging(settings.folder(data_dir) / "incoming", settings.reserve_mib * _MIB)


def open_blobs(settings: FileSettings, data_dir: Path, staging: Staging) -> BlobStore:
    """The store that `files.url` names; nothing is made or dialled yet.

    Raises:
        MissingExtra: S3 without the extra `s3`.
        BadInput: The settings of S3 do not fit together.
    """
    if not settings.url:
        return LocalBlobs(settings.folder(data_dir), staging)
    from roundhouse.infra.blobs.s3 import S3Blobs

    return S3Blobs(settings, staging)
