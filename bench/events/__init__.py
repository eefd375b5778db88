"""Event stream benchmark: how long from a commit to the last of 200 readers. Run it as ``python -m bench.events``."""
