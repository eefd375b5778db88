"""Entry point of ``python -m bench.tasks``."""

import sys

from bench.tasks.run import main

sys.exit(main())
