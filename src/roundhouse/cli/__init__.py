"""The command line: `roundhouse …`.

Data goes to stdout, progress and complaints to stderr. Exit codes: 0 well; 1 it failed; 2 wrong usage or wrong
settings; 3 the server cannot be reached; 4 the key is missing, or may not do this; 130 interrupted.
"""

from __future__ import annotations


def main() -> None:
    """Run the command that `sys.argv` names."""
    from roundhouse.cli.tree import commands

    commands()
