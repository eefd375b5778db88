"""A gigabyte through the server: its memory stays where it was."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_flat_whatever_the_size(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.upload", "--mib", "1024", "--folder", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = {
        name.strip(): float(value) for name, value in re.findall(r"^(.+?)\s+([\d.]+)$", ended.stdout, re.M)
    }
    assert found["ratio of the two"] < 1.2, ended.stdout
    assert found["peak memory with the download, MiB"] < 1.2 * found["peak memory with the small upload, MiB"]
