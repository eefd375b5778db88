"""What a leader leaves in writing, so that whoever leads next knows it even if nobody lives who was told.

That is what cannot be found out by asking: who else leases, what was being loaded or unloaded, and what is pinned.
It is written before anything of it begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from roundhouse.engine.memory import Resident


class Journal(msgspec.Struct, frozen=True):
    """The note of one leader.

    Attributes:
        machine: The boot of the machine: after another one only the pins are true.
        space: Where numbers of processes mean what they mean here.
        members: Followers by name, with the numbers of their processes.
        residents: Models that are being loaded or unloaded, or are pinned.
    """

    machine: str
    space: str
    members: Mapping[str, int] = {}
    residents: tuple[Resident, ...] = ()

    def text(self) -> str:
        """Itself as a line of JSON."""
        return msgspec.json.encode(self).decode()

    def told(self, residents: Sequence[Resident], members: Mapping[str, int]) -> Journal:
        """The same place, with what is the case now."""
        left = tuple(
            # Counts and times change all the time and are of no use to the next one.
            msgspec.structs.replace(one, leases=0, queue_length=0, last_used_at=None, expires_at=None)
            for one in residents
            if one.pinned or one.state in {"loading", "unloading"}
        )
        return msgspec.structs.replace(self, members=dict(members), residents=left)

    def heirs(self, hearsay: Iterable[Resident]) -> list[Resident]:
        """What the next ledger begins with: this, and what else is thought to be loaded."""
        mine = {one.target: one for one in self.residents}
        others = [one for one in hearsay if one.state == "loaded" and one.target not in mine]
        return [*self.residents, *(msgspec.structs.replace(one, pinned=False) for one in others)]


def read(text: str, machine: str) -> Journal | None:
    """The journal of a former leader; None when it is none. Of an earlier boot only the pins are still true."""
    try:
        found = msgspec.json.decode(text, type=Journal)
    except msgspec.MsgspecError:
        return None
    if found.machine == machine:
        return found
    pinned = (msgspec.structs.replace(one, state="absent") for one in found.residents if one.pinned)
    return Journal(machine, found.space, {}, tuple(pinned))
