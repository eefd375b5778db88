"""Environments of models, built by a Python and a pip that we script."""

import asyncio
import os
import shutil
import signal
import sys

import pytest

from peers.elsewhere import script
from roundhouse.core.errors import EnvironmentFailed, StorageFull, StorageUnavailable
from roundhouse.core.hosting import Recipe
from roundhouse.infra.hosting.environments import INSTALLER, Environment

RECIPE = Recipe("ears", "torch==2.0\n", alone=("ears==1.0",), imports=("ears", "torch"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script of POSIX's shell")


@pytest.fixture
def made(tmp_path):
    """An environment, and the folder that tells its pip what to do."""
    told = tmp_path / "told"
    return Environment(tmp_path / "environments", RECIPE, str(script(told))), told


async def built(environment):
    return [step async for step in environment.build()]


def entries(environment):
    return sorted(one.name for one in environment.home.parent.iterdir())


async def test_it_is_built_aside_and_seen_when_it_is_whole(made):
    environment, told = made
    assert environment.interpreter() is None
    seen = []
    async for step in environment.build():
        seen.append(step)
        assert environment.interpreter() is None
    assert seen[:2] == ["making it", "fetching torch-2.0+cpu.whl"]
    assert "torch-2.0+cpu.whl: 4.0 of 8.0 MB" in seen
    assert seen[-2:] == ["unpacking", "trying it out"]
    assert environment.interpreter() == str(environment.home / "bin" / "python")
    assert entries(environment) == [environment.home.name, "ears.lock"]
    _, own, every, alone = told.joinpath("said").read_text().splitlines()
    assert INSTALLER in own
    assert "--only-binary :all:" in every and "--requirement" in every and "--no-deps" not in every
    assert "--no-deps ears==1.0" in alone
    # What is there is not built again; what is not whole any more is.
    assert await built(environment) == []
    (environment.home / "bin" / "python").unlink()
    assert environment.interpreter() is None
    await built(environment)
    assert environment.interpreter() is not None


async def test_another_recipe_has_an_environment_of_its_own_which_takes_the_place(made, tmp_path):
    first, told = made
    await built(first)
    other = Environment(
        first.home.parent, Recipe("ears", "torch==2.1\n", imports=("ears",)), str(told / "python")
    )
    assert other.interpreter() is None
    assert first.interpreter() is not None
    await built(other)
    assert other.interpreter() is not None
    assert entries(other) == sorted([other.home.name, "ears.lock"])


@pytest.mark.parametrize(
    ("file", "words", "error", "match"),
    [
        ("fails", "ERROR: No matching distribution for torch==2.0", EnvironmentFailed, "No matching"),
        ("no-import", "", EnvironmentFailed, "libc10_cuda"),
        ("fails", "OSError: [Errno 28] No space left on device", StorageFull, "full disk"),
    ],
)
async def test_a_failure_has_the_last_words_and_no_secret_and_the_next_try_is_whole(
    made, file, words, error, match
):
    environment, told = made
    told.joinpath(file).write_text(words)
    with pytest.raises(error, match=match) as caught:
        await built(environment)
    assert "hunter2" not in caught.value.detail
    assert environment.interpreter() is None
    assert entries(environment) == ["ears.lock"]
    told.joinpath(file).unlink()
    await built(environment)
    assert environment.interpreter() is not None


async def test_who_gives_up_leaves_no_installer_and_who_is_killed_leaves_nothing_in_the_way(made):
    environment, told = made
    told.joinpath("slow").touch()
    building = asyncio.create_task(built(environment))
    for _ in range(1000):
        if told.joinpath("pid").exists():
            break
        await asyncio.sleep(0.01)
    # Another one waits, and builds when the first has given up.
    waiting = asyncio.create_task(built(Environment(environment.home.parent, RECIPE, str(told / "python"))))
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.joinpath("pid").read_text()), signal.SIGKILL)
    told.joinpath("slow").unlink()
    # As if a process had been killed in the middle.
    (environment.home.parent / "ears.0000.partial").mkdir()
    assert (await waiting)[0] == "waiting for another process that builds it"
    assert environment.interpreter() is not None
    assert "ears.0000.partial" not in entries(environment)


async def test_a_folder_that_cannot_be_made_and_a_python_that_is_gone(made, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable):
        await built(Environment(tmp_path / "file" / "below", RECIPE))
    with pytest.raises(EnvironmentFailed, match="cannot be started"):
        await built(Environment(tmp_path / "other", RECIPE, str(tmp_path / "no-python")))
    shutil.rmtree(tmp_path / "other")
