"""Entry point of ``python -m bench.audio``."""

import sys

from bench.audio.run import main

sys.exit(main())
