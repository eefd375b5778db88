import asyncio
import stat

import pytest

from roundhouse.core.errors import BadInput, StorageUnavailable
from roundhouse.core.settings import AccessSettings
from roundhouse.features.access.first_key import ensure_first_key, open_hasher


async def test_the_first_key_is_made_once_and_kept_privately(process, tmp_path):
    key = await ensure_first_key(process.keys, AccessSettings(), tmp_path / "data")
    file = tmp_path / "data" / "admin.key"
    assert file.read_text() == key + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["admin.key"]
    assert (await process.caller(key)).may("admin")
    assert await ensure_first_key(process.keys, AccessSettings(), tmp_path / "data") is None
    assert file.read_text() == key + "\n"


async def test_two_processes_make_one_key(start, tmp_path):
    processes = [await start() for _ in range(3)]
    made = await asyncio.gather(
        *(ensure_first_key(each.keys, AccessSettings(), tmp_path) for each in processes)
    )
    keys = [key for key in made if key is not None]
    assert len(keys) == 1
    assert (tmp_path / "admin.key").read_text().strip() == keys[0]


async def test_a_key_that_cannot_be_written_down_is_not_made(process, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageUnavailable):
        await ensure_first_key(process.keys, AccessSettings(), tmp_path / "file")
    assert await ensure_first_key(process.keys, AccessSettings(), tmp_path) is not None


async def test_a_key_of_the_environment_is_enough(start, tmp_path):
    process = await start(secret_api_key="the key of system A")
    access = AccessSettings.model_validate({"secret_api_key": "the key of system A"})
    assert await ensure_first_key(process.keys, access, tmp_path) is None
    assert list(tmp_path.glob("admin.key")) == []
    assert (await process.caller("the key of system A")).may("admin")


async def test_an_example_key_is_refused(process, tmp_path):
    with pytest.raises(BadInput, match="template"):
        await ensure_first_key(
            process.keys, AccessSettings.model_validate({"secret_api_key": "changeme"}), tmp_path
        )


def test_the_pepper_is_made_once_and_kept_privately(tmp_path):
    digest = open_hasher(AccessSettings(), tmp_path / "new").digest("key")
    file = tmp_path / "new" / "pepper"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert open_hasher(AccessSettings(), tmp_path / "new").digest("key") == digest
    configured = AccessSettings.model_validate({"pepper": "from the settings"})
    assert open_hasher(configured, tmp_path / "other").digest("key") != digest
    assert not (tmp_path / "other").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageUnavailable):
        open_hasher(AccessSettings(), tmp_path / "file" / "data")
