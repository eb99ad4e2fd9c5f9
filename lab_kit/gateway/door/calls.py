"""What all gRPC methods have in common: the key first, then a place, and only then the message.

The library receives a unary method's whole message before it runs the handler, and turns it into
objects on the event loop. So every method is taken as one that streams its requests, which on the
wire is the same: the handler runs when the headers have come, and the message is received when it
asks for it. Whoever has no key is refused with nothing received but what HTTP/2's window lets
through. Messages stay bytes; who asked for one decodes it.

Held in all: `RECEIVING` messages of unary methods that are received, those that wait to be decoded
within the memory for uploads, and one for each open stream, of which every method has a limit. A
message is of `MESSAGE_BYTES` at most.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import grpc

from lab_kit.core.errors import (
    INTERNAL_FAILURE,
    InvalidMessage,
    LabError,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
)
from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.door.body_memory import BodyMemory
from lab_kit.gateway.door.call import REQUEST_ID, grpc_call
from lab_kit.gateway.door.door import Admitted, Door
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.fair_timeout import fair_timeout
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.sandbox.exchange import Exchange
from lab_kit.gateway.sandbox.watch import WatchedContext
from lab_kit.protocol.live import Ending

MESSAGE_BYTES = 16 * 2**20
"""The longest audio that is taken inline: 30 s of FP32 at 96 kHz are 11.5 MB, a recording in
Google's dialect 10.5 MB."""
RECEIVING = 32
"""Messages that are received or decoded at a time, half a gigabyte of them at most."""
CALLERS_SHARE = 0.75
"""As of connections: the rest is for others."""
MESSAGE_WAITS = 3
"""Times ``unreceived_s`` in which a unary message has to arrive whole; 16 MiB in half a minute are
5 Mbit/s."""
INTERNAL = Ending("INTERNAL", INTERNAL_FAILURE)
HANG_UP = Ending("CANCELLED", "the caller is gone")
_T = TypeVar("_T")
Statuses = Callable[[LabError], Ending]
"""How a dialect names an error."""


class Calls:
    """The gRPC calls of one server."""

    def __init__(
        self,
        door: Door,
        limits: Limits,
        memory: BodyMemory,
        failures: Failures,
        arrivals: Arrivals,
    ) -> None:
        self._door = door
        self._memory = memory
        self._limits = limits
        self._failures = failures
        self._arrivals = arrivals
        self._receiving = asyncio.Semaphore(RECEIVING)
        self._receiving_of: dict[str, _Receivers] = {}
        self._open = Open("gRPC calls", limits.calls, _share_of(limits.calls))

    def unary(
        self, route: str, answer: Callable[[Any, Admitted], Awaitable[bytes]], statuses: Statuses
    ) -> Any:
        """The handler of a method with one answer.

        Args:
            route: what it is called in the log and in the metrics.
            answer: given the call's context, from which `message` receives, and what it may do.
        """

        async def serve(_: Any, context: Any) -> bytes:
            return await self._serve(route, answer, statuses, context)

        return grpc.stream_unary_rpc_method_handler(serve)

    def stream(
        self,
        route: str,
        run: Callable[[Any, Admitted], Awaitable[None]],
        statuses: Statuses,
        most: int,
        most_of_one: int,
    ) -> Any:
        """The handler of a method that answers many messages; ``run`` receives and sends.

        Args:
            most: calls of it at once, and ``most_of_one`` caller.
        """
        streams = Open(f"streams of {route}", most, most_of_one)

        async def stream(context: Any, admitted: Admitted) -> None:
            with streams.another(admitted.caller):
                await run(context, admitted)

        async def serve(_: Any, context: Any) -> None:
            await self._serve(route, stream, statuses, context)

        return grpc.stream_stream_rpc_method_handler(serve)

    async def message(
        self, context: Any, caller: str, decode: Callable[[bytes], Awaitable[_T]]
    ) -> _T:
        """The one message of a unary method, decoded.

        Raises:
            InvalidMessage: there is none.
            StreamIdle: it did not come in time.
            SystemOverloaded: too many are received, or wait to be decoded.
        """
        async with self._turn_to_receive(caller):
            data = await received(context, MESSAGE_WAITS * self._limits.unreceived_s)
        if data is None:
            raise InvalidMessage("no message", "one", "send the request's message")
        with self._memory.share(caller) as share:
            share.hold(len(data))
            return await decode(data)

    @asynccontextmanager
    async def _turn_to_receive(self, caller: str) -> AsyncIterator[None]:
        """One of `RECEIVING` places, of which a caller has at most `CALLERS_SHARE`."""
        own = self._receiving_of.setdefault(caller, _Receivers())
        own.count += 1
        try:
            async with AsyncExitStack() as places:
                try:
                    async with fair_timeout(MESSAGE_WAITS * self._limits.unreceived_s):
                        for place in (own.places, self._receiving):
                            await places.enter_async_context(place)
                except TimeoutError as error:
                    raise SystemOverloaded(
                        f"{RECEIVING} messages are being received",
                        "room for another",
                        "try again after the stated delay",
                    ) from error
                yield
        finally:
            own.count -= 1
            if not own.count:
                del self._receiving_of[caller]

    async def _serve(
        self,
        route: str,
        run: Callable[[Any, Admitted], Awaitable[_T]],
        statuses: Statuses,
        context: Any,
    ) -> _T:
        call, ending = grpc_call(context, route), INTERNAL
        exchange = None
        if self._door.sandbox_keys:
            exchange = Exchange(call.request_id, "grpc", "POST", route)
            call, context = replace(call, exchange=exchange), WatchedContext(context, exchange)
        await self._arrivals.turn(call.peer)
        try:
            async with self._door.open(call) as admitted:
                with self._open.another(admitted.caller):
                    answer = await run(context, admitted)
                    if exchange is not None and exchange.is_silent:
                        await context.hold()
                    return answer
        except LabError as error:
            ending = statuses(error)
        except ClientGone:
            ending = HANG_UP
        except Exception as error:
            self._failures.tell(route, error)
        finally:
            if exchange is not None:
                exchange.end()
        named = ((REQUEST_ID, str(call.request_id)), *ending.metadata)
        await context.abort(grpc.StatusCode[str(ending.code)], ending.reason, named)
        raise AssertionError("abort raises")


def _share_of(most: int) -> int:
    return max(1, round(CALLERS_SHARE * most))


@dataclass(slots=True)
class _Receivers:
    """One caller's places to receive a message; ``count`` of its calls have one or wait."""

    places: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_share_of(RECEIVING))
    )
    count: int = 0


class Open:
    """How many of something are open, and may be: in all, and of one caller."""

    def __init__(self, what: str, most: int, most_of_one: int) -> None:
        self._what = what
        self._most = most
        self._most_of_one = most_of_one
        self._of: Counter[str] = Counter()

    @contextmanager
    def another(self, caller: str) -> Iterator[None]:
        """One more while inside.

        Raises:
            SystemOverloaded: there are as many as may be.
        """
        own, whole = self._of[caller], self._of.total()
        if own >= self._most_of_one or whole >= self._most:
            raise SystemOverloaded(
                f"{own} {self._what} of this caller are open, {whole} in all",
                f"fewer than {self._most_of_one} of one caller, and {self._most} in all",
                "wait for one of them to end",
            )
        self._of[caller] += 1
        try:
            yield
        finally:
            self._of[caller] -= 1
            if not self._of[caller]:
                del self._of[caller]


async def received(context: Any, limit_s: float) -> bytes | None:
    """The next message; None once the client has half-closed.

    Raises:
        StreamIdle: none came within ``limit_s``.
    """
    try:
        async with fair_timeout(limit_s):
            message = await context.read()
    except TimeoutError as error:
        raise StreamIdle(
            f"no message for {limit_s:g} s", "one before that", "send it, or end the call"
        ) from error
    return None if message is grpc.aio.EOF else bytes(message)


async def send_in_time(context: Any, message: bytes, limit_s: float) -> None:
    """Send, but wait no longer than ``limit_s`` for the caller to take it.

    Raises:
        ClientGone: nobody will take it.
        SlowConsumer: it was not taken in time.
    """
    try:
        async with fair_timeout(limit_s):
            await send(context, message)
    except TimeoutError as error:
        raise SlowConsumer(
            f"an answer that was not taken for {limit_s:g} s", "it to be read", "read the answers"
        ) from error


async def send(context: Any, message: bytes) -> None:
    """Send; waits while the caller's window is full.

    Raises:
        ClientGone: nobody will take it.
    """
    try:
        await context.write(message)
    except (grpc.RpcError, asyncio.InvalidStateError) as error:
        raise ClientGone from error
