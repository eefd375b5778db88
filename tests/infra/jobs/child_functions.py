"""What the tests run in child processes."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from roundhouse.core import errors

FOREVER = [sys.executable, "-c", "import time; time.sleep(3600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(3600)",
]


class TooMany(errors.Busy):
    """A plugin's own."""

    code = "too_many"


def echo(argument, tell):
    return argument


def where(argument, tell):
    import json  # Not the one that lies in the folder.

    return [str(Path.cwd()), json.loads("[1]"), sys.stdin.read(), os.getpid()]


def count(argument, tell):
    for number in range(argument):
        tell(number / argument, f"{number} of {argument}")
        if argument <= 10:
            time.sleep(0.06)
    return "counted"


def fail(argument, tell):
    tell(0.5, "soon")
    match argument:
        case "busy":
            raise errors.Busy("Full.", retry_after_s=7.0)
        case "backend":
            raise errors.BackendRefused("No.", param="model", status=418)
        case "plugin":
            raise TooMany("Too many.", retry_after_s=1.5)
        case "ours":
            raise errors.RoundhouseError("A fault of ours.")
        case "fault":
            raise ValueError("a secret")
        case "memory":
            raise MemoryError
        case "group":
            raise ExceptionGroup("several", [ValueError("a secret")])
    return object()


def end(argument, tell):
    sys.stderr.write("last words\n")
    sys.stderr.flush()
    if argument == "exit":
        sys.exit(3)
    if argument == "abort":
        # As a native library does.
        ctypes.CDLL(None).abort()
    os.kill(os.getpid(), getattr(signal, argument))


def flood(argument, tell):
    """Native code and Python write to both streams, with and without lines."""
    for _ in range(argument):
        os.write(1, b"\x00\xff{" * 20_000)
        os.write(2, b"one line\r" * 5_000 + b"\n")
        print("printed" * 1000)  # noqa: T201 - that is the fault
    return "flooded"


def large(argument, tell):
    return "x" * argument


def thread(argument, tell):
    threading.Thread(target=time.sleep, args=(3600,)).start()
    return "done"


def leave_behind(argument, tell):
    """Start a program that lives on, and return its id."""
    return [spawn(STUBBORN), spawn(STUBBORN, start_new_session=True)]


def stand(argument, tell):
    """Start programs of its own, write down who there is, and never end by itself."""
    found = {"worker": os.getpid(), "keeper": os.getppid()}
    found["grandchild"] = spawn(STUBBORN if "stubborn" in argument else FOREVER)
    if "session" in argument:
        found["session"] = spawn(STUBBORN, start_new_session=True)
    if "stubborn" in argument:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path("pids.new").write_text("\n".join(f"{name} {pid}" for name, pid in found.items()))
    Path("pids.new").rename("pids")
    if "native" in argument:
        # Holds the interpreter's lock: no thread and no signal handler of Python gets its turn.
        ctypes.PyDLL(None).sleep(3600)
    time.sleep(3600)


def spawn(command, **options):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, **options)
    if command is STUBBORN:
        process.stdout.readline()
    return process.pid


async def coroutine(argument, tell):
    return argument
