"""Entry point of ``python -m bench.events``."""

import sys

from bench.events.run import main

sys.exit(main())
