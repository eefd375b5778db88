"""One request for a model, from its admission to its record of use, and the ASGI frame around it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

from roundhouse.core.errors import Cancelled, NotAllowed, RoundhouseError
from roundhouse.core.ports import Authenticator
from roundhouse.core.types import Caller, Decision, Operation, Usage
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Meter
from roundhouse.engine.patterns import matches
from roundhouse.features.gateway.media import MediaGuard
from roundhouse.infra.auth import TENANT_HEADERS
from roundhouse.infra.web import Headers, Receive, Scope, Send, send_problem

_TENANT_HEADERS = frozenset(TENANT_HEADERS)


class Desk:
    """What every endpoint of the hot path needs, built once.

    Args:
        engine: The door to the models.
        authenticator: Who calls.
        meter: Whether it may now, and what its call costs it.
        media: Guards URLs inside requests.
        max_body_bytes: Largest body.
        body_timeout_s: Longest pause in a body.
    """

    def __init__(
        self,
        engine: Engine,
        authenticator: Authenticator,
        meter: Meter,
        media: MediaGuard,
        max_body_bytes: int,
        body_timeout_s: float,
    ) -> None:
        self.engine = engine
        self.authenticator = authenticator
        self.gatekeeper = meter.gatekeeper
        self.meter = meter
        self.media = media
        self.max_body_bytes = max_body_bytes
        self.body_timeout_s = body_timeout_s
        self.in_flight = 0

    async def caller(self, scope: Scope, route: str) -> Caller:
        """Who calls, allowed to call `route`; raises NotSignedIn, NotAllowed."""
        headers = scope["header_map"]
        caller = None
        authorization = headers.get("authorization")
        if authorization is not None and _TENANT_HEADERS.isdisjoint(headers):
            caller = self.authenticator.recall(authorization.encode("latin-1"))
        if caller is None:
            caller = await self.authenticator.authenticate(scope["method"], scope["path"], headers)
        if not caller.may("inference"):
            raise NotAllowed("This key lacks the scope 'inference'.")
        if caller.routes and not matches(caller.routes, route):
            raise NotAllowed(f"This key may not call {route}.")
        return caller


def _header_value(text: str) -> bytes:
    """Text as a header value; a model's name comes from its server and may hold anything, line breaks too."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return "".join(char if " " <= char <= "~" else "?" for char in text).encode()


_NOBODY = Caller(key_id="")


class Call:
    """One request from admission to its usage record.

    Attributes:
        scope: Of the request.
        send: Of the request.
        usage: Tokens it used.
        first_byte_s: When the answer began, by `time.perf_counter`; 0 = not yet.
        is_stream: Whether it is answered with server-sent events.
        caller: Who asks.
        decision: Where it went.
        error: Why it failed.
        started: Whether the head of the answer is sent.
    """

    __slots__ = (
        "_admitted",
        "_operation",
        "_started_s",
        "caller",
        "decision",
        "desk",
        "error",
        "first_byte_s",
        "is_stream",
        "request_id",
        "scope",
        "send",
        "started",
        "usage",
    )

    def __init__(self, desk: Desk, operation: Operation, scope: Scope, send: Send) -> None:
        self.desk = desk
        self._operation = operation
        self.scope = scope
        self.send = send
        self._started_s = time.perf_counter()
        self.first_byte_s = 0.0
        self.usage = Usage()
        self._admitted = False
        self.is_stream = False
        self.caller = _NOBODY
        self.decision = Decision("")
        self.error: RoundhouseError | None = None
        self.request_id: str = scope["request_id"]
        self.started = False

    async def admit(self) -> None:
        """Take one request from the caller's limits; raises RateLimited, BudgetExceeded."""
        waiting = self.desk.gatekeeper.admit(self.caller)
        if waiting is not None:
            await waiting
        self._admitted = True

    def headers(self) -> Headers:
        """The decision and what is left of the limits, for the client."""
        decision = self.decision
        left = self.desk.gatekeeper.headers(self.caller)
        if not decision.target and not decision.attempts:
            return left
        return [
            *left,
            (b"x-roundhouse-model", _header_value(decision.target)),
            (b"x-roundhouse-decision", _header_value(decision.reason)),
            (b"x-roundhouse-attempts", b"%d" % len(decision.attempts)),
            (b"x-roundhouse-cache", decision.cache.encode()),
        ]

    def end(self) -> None:
        """Count what was used; every request that had a caller leaves a record."""
        if not self.caller.key_id:
            return
        first_byte_s = self.first_byte_s - self._started_s if self.first_byte_s else None
        self.desk.meter.settle(
            self.caller,
            self.decision,
            self.usage,
            self.error,
            request_id=self.request_id,
            duration_s=time.perf_counter() - self._started_s,
            first_byte_s=first_byte_s,
            stream=self.is_stream,
            operation=self._operation,
            admitted=self._admitted,
        )


class Endpoint(ABC):
    """One operation as an ASGI application; who derives from it serves.

    Args:
        desk: Its surroundings.
        operation: What is asked of the model.
        route: Path, for the permission of keys.
    """

    def __init__(self, desk: Desk, operation: Operation, route: str) -> None:
        self.desk = desk
        self.operation = operation
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        call = Call(self.desk, self.operation, scope, send)
        self.desk.in_flight += 1
        try:
            call.caller = await self.desk.caller(scope, self._route)
            await self.serve(call, receive)
        except Cancelled as error:
            call.error = error
        except RoundhouseError as error:
            call.error = error
            if not call.started:
                await send_problem(send, error, call.request_id, call.headers())
        except BaseException:
            call.error = RoundhouseError()
            raise
        finally:
            self.desk.in_flight -= 1
            call.end()

    @abstractmethod
    async def serve(self, call: Call, receive: Receive) -> None:
        """Answer a caller who may call; what is raised before the answer begins becomes the answer."""
