"""A parent that a test kills: `child_parent.py <folder> <argument>`."""

import asyncio
import sys
from pathlib import Path

from roundhouse.infra.jobs.child import run_in_child

asyncio.run(
    run_in_child(
        "child_functions:stand",
        sys.argv[2],
        on_progress=lambda fraction, message: None,
        folder=Path(sys.argv[1]),
        packages=["child_functions"],
    )
)
