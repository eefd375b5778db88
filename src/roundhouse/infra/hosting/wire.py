"""What a model's process and its callers say to each other: frames of JSON over a line of `infra/rendezvous`."""

from __future__ import annotations

import hashlib

import msgspec

from roundhouse.core.hosting import HostState
from roundhouse.infra.jobs.child_wire import Failure

ANOTHER_LEADS = 3
"""Exit code of a process that found another one in its place."""


class Birth(msgspec.Struct):
    """What a process is told on its standard input.

    Attributes:
        folder: Where it meets its callers.
        name: Its name there.
        model: `module:Class`.
        packages: Packages that the class may be in.
        argument: For the class.
        interpreter: Python that it runs under; empty = ours.
    """

    folder: str
    name: str
    model: str
    packages: list[str]
    argument: msgspec.Raw
    interpreter: str = ""

    @property
    def digest(self) -> str:
        """Tells apart what was started with another argument, or under another Python."""
        told = (self.model.encode(), bytes(self.argument), self.interpreter.encode())
        return hashlib.sha256(b"\0".join(told)).hexdigest()


# From callers


class Look(msgspec.Struct, tag="look"):
    """Asks for `State`, without waiting."""


class Load(msgspec.Struct, tag="load"):
    """Asks for `State`, once the model is loaded."""


class Work(msgspec.Struct, tag="work"):
    """Asks for `Begun`, `Piece`s and a `Result`. Hanging up takes it back."""

    request: msgspec.Raw


class Quit(msgspec.Struct, tag="quit"):
    """Ends the process."""


# To callers


class Hello(msgspec.Struct, tag="hello"):
    """First frame: who is called. Numbers of processes mean something within one `space`."""

    digest: str
    pid: int
    space: str


class State(msgspec.Struct, tag="state"):
    """How it is; None = the model is not loaded yet."""

    state: HostState | None


class Begun(msgspec.Struct, tag="begun"):
    """The work's turn has come."""


class Piece(msgspec.Struct, tag="piece"):
    """A partial result."""

    value: msgspec.Raw


class Result(msgspec.Struct, tag="result"):
    """Last frame of a work."""

    value: msgspec.Raw


Asked = Look | Load | Work | Quit
Told = Hello | State | Begun | Piece | Result | Failure
