"""Runs the `check_…` functions of a script in an environment of its own and tells how they went, as JSON.

The script gets the running product on its standard input: `{"url", "key", "limited_key", "narrow_key"}`. It shares
no module with the product or its tests, so that any version of a client can be installed beside it.
"""

import asyncio
import inspect
import json
import sys
import traceback
from types import SimpleNamespace


def run(checks, version):
    """Run every `check_…` in `checks` (a module's globals) and print the report."""
    house = SimpleNamespace(**json.load(sys.stdin))
    passed, failed = [], {}
    for name, check in checks.items():
        if not name.startswith("check_"):
            continue
        try:
            running = check(house)
            if inspect.iscoroutine(running):
                asyncio.run(running)
            passed.append(name)
        except Exception:
            failed[name] = traceback.format_exc()
    sys.stdout.write(json.dumps({"version": version, "passed": passed, "failed": failed}) + "\n")


def raised(kind, call, *arguments, **named):
    """The error of this kind that the call raises."""
    try:
        call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")
