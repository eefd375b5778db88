"""One machine has one id as long as it runs."""

import subprocess
import sys

from roundhouse.infra.machine import machine_id


def test_every_process_of_a_machine_gets_the_same() -> None:
    code = "from roundhouse.infra.machine import machine_id; print(machine_id())"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert machine_id() == machine_id() == other
    assert other.startswith(sys.platform)
    # The column has room for it.
    assert len(sys.platform) + 2 < len(other) <= 80
