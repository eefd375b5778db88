"""Models that tests put into processes of their own."""

import os
import signal
import sys
import time
from importlib.util import find_spec

from roundhouse.core.errors import NotSupported


class Counter:
    """Counts to what it is asked, in steps of `step_s`."""

    def __init__(self, argument):
        if argument.get("broken"):
            raise NotSupported("It cannot be loaded.")
        if argument.get("faulty"):
            raise KeyError("a fault")
        time.sleep(argument.get("load_s", 0.0))
        self._argument = argument
        self._left = 0
        self._most = 0
        self._now = 0

    def describe(self):
        importable = [name for name in self._argument.get("imports", ()) if find_spec(name)]
        found = {"prefix": sys.prefix, "importable": importable}
        return {"device": "cpu", "left": self._left, "most": self._most, **found, **self._argument}

    def work(self, request, tell, stopped):
        self._now += 1
        self._most = max(self._most, self._now)
        try:
            return self._count(request, tell, stopped)
        finally:
            self._now -= 1

    def _count(self, request, tell, stopped):
        if request.get("refuse"):
            raise NotSupported("Not this.", param="n")
        if request.get("fail"):
            raise ValueError("a fault")
        if request.get("die"):
            tell("last words")
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGKILL)
        for number in range(request["n"]):
            if stopped():
                self._left += 1
                return None
            tell(number)
            time.sleep(request.get("step_s", 0.0))
        return {"counted": request["n"]}
