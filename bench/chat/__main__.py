"""Entry point of ``python -m bench.chat``."""

import sys

from bench.chat.run import main

sys.exit(main())
