"""Telling others of single things, as rooms ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.core.ports import OpenTransaction
from roundhouse.core.types import Caller


class Webhooks(Protocol[OpenTransaction]):
    """What a room needs of webhooks: to have somebody told of one thing, such as a task, by who asked for it."""

    async def check(self, caller: Caller, target: str) -> None:
        """Look at a target before the transaction begins: names are looked up here.

        Args:
            caller: Who asks.
            target: An http(s) address, or the id of a webhook of the caller's tenant, `whk_…`.

        Raises:
            BadInput: It is neither.
            AddressRefused: The address is not one that may be posted to.
            NotFound: There is no such webhook.
        """
        ...

    async def follow(
        self, tx: OpenTransaction, caller: Caller, target: str, topic: str, events: Sequence[str]
    ) -> None:
        """Have the target told of one thing from now on, in the transaction that makes it.

        What an address is sent is signed with the secret of the tenant's webhook without an address of its own.

        Args:
            tx: A write transaction; no event has been written in it yet.
            caller: Who asks.
            target: As it was checked.
            topic: Id of the thing, the topic of its events.
            events: Patterns of types, e.g. `task.*`.

        Raises:
            NotFound: The webhook is not there any more.
        """
        ...
