"""Locks on files: seen by others without being taken, free when their holder dies, never held on a removed file."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from roundhouse.infra.file_lock import FileLock, look, remove_if_free


def test_one_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    one, two = FileLock(path), FileLock(path)
    assert look(path) == "gone"
    assert one.take()
    assert one.take()
    assert not two.take()
    assert (one.is_held, two.is_held) == (True, False)
    assert look(path) == look(str(path)) == "held"
    assert path.stat().st_mode & 0o777 == 0o600
    one.give_back()
    one.give_back()
    assert look(path) == "free"
    assert two.take()
    two.give_back()


def test_who_looks_takes_it_from_nobody(tmp_path: Path) -> None:
    """Two who look at once must not take one another for the holder."""
    path = tmp_path / "a.lock"
    path.touch()
    seen: set[str] = set()

    def looking() -> None:
        for _ in range(500):
            seen.add(look(path))

    threads = [threading.Thread(target=looking) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert seen == {"free"}


def test_it_is_free_when_its_holder_was_killed_although_a_child_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    code = (
        "import subprocess, sys, time, pathlib; from roundhouse.infra.file_lock import FileLock\n"
        f"lock = FileLock(pathlib.Path({str(path)!r})); assert lock.take()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            assert look(path) == "held"
            holder.kill()
            holder.wait()
            assert look(path) == "free"
        finally:
            os.kill(child, 9)


def test_only_a_free_one_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = FileLock(path)
    lock.take()
    remove_if_free(path)
    assert path.exists()
    lock.give_back()
    remove_if_free(path)
    assert not path.exists()
    remove_if_free(path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_holds_a_file_that_was_removed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    stop = threading.Event()

    def removing() -> None:
        while not stop.is_set():
            remove_if_free(path)

    thread = threading.Thread(target=removing)
    thread.start()
    try:
        for _ in range(300):
            lock = FileLock(path)
            while not lock.take():
                pass
            assert look(path) == "held"
            lock.give_back()
    finally:
        stop.set()
        thread.join()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "none" / "a.lock").take()
    remove_if_free(tmp_path / "none" / "a.lock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_file_of_another_user_can_be_locked() -> None:
    """In a folder of all, as two installations of one machine share it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        path = Path(folder) / "gpu.lock"
        lock = FileLock(path, mode=0o644)
        assert lock.take()
        code = (
            "import fcntl, os, pathlib; from roundhouse.infra.file_lock import FileLock\n"
            "os.setgid(65534); os.setuid(65534)\n"
            f"lock = FileLock(pathlib.Path({str(path)!r})); print(lock.take(), flush=True)\n"
            "input(); print(lock.take())"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "False\n"
            lock.give_back()
            assert other.communicate("\n")[0] == "True\n"
