from pathlib import Path

from roundhouse.core.settings import FileSettings
from roundhouse.infra.blobs.local import LocalBlobs
from roundhouse.infra.blobs.opening import open_blobs, open_staging
from roundhouse.infra.blobs.s3 import S3Blobs


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def test_the_settings_choose(tmp_path: Path) -> None:
    staging = open_staging(FileSettings(), tmp_path)
    assert isinstance(open_blobs(FileSettings(), tmp_path, staging), LocalBlobs)
    assert isinstance(open_blobs(FileSettings(url="s3://bucket/prefix"), tmp_path, staging), S3Blobs)
    await staging.close()
    assert is_empty(tmp_path)


async def test_bytes_lie_in_the_folder_that_is_named(tmp_path: Path) -> None:
    settings = FileSettings(dir=tmp_path / "audio")
    staging = open_staging(settings, tmp_path / "data")
    blobs = open_blobs(settings, tmp_path / "data", staging)
    key = f"{'ab' * 32}.{'0' * 16}"
    async with staging.open() as staged:
        staged.write(b"hello")
        staged.seal()
        await blobs.keep(key, staged.path)
    assert (tmp_path / "audio" / key[:2] / key[2:]).read_bytes() == b"hello"
    assert not (tmp_path / "data").exists()
    await staging.close()
