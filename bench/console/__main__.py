"""Entry point of ``python -m bench.console``."""

import sys

from bench.console.run import main

sys.exit(main())
