"""Entry point of ``python -m bench.jobs``."""

import sys

from bench.jobs.run import main

sys.exit(main())
