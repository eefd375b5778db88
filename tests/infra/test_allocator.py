"""Memory that was freed is used again."""

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, sys
from roundhouse.infra.allocator import keep_freed

done = "keep" in sys.argv and keep_freed()
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [bytes(100_000) for _ in range(80)]
    held.clear()
print(int(done), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments):
    """Whether it was done, and page faults of 8 MB that are taken and given back for the fifth time."""
    ran = subprocess.run(
        [sys.executable, "-c", ROUNDS, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    done, count = ran.stdout.split()
    return done == "1", int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others have no such option")
def test_what_was_freed_is_there_without_page_faults():
    assert faults()[1] > 1_000
    done, count = faults("keep")
    assert done
    assert count < 100
