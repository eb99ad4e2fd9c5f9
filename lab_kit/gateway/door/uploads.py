"""What every way in for recordings has in common, whoever's words it speaks.

The key and the service level are asked before a byte of the body is read. The body is bounded as it
is read, and so are the bytes of all bodies together. Decoding it, and finding the speech in it,
happens off the event loop. A caller who hangs up takes the work out of the engine.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from lab_kit.core.errors import (
    ConnectionFailed,
    InvalidAudioFormat,
    LabError,
    PayloadTooLarge,
)
from lab_kit.gateway.door.body_memory import BodyMemory, Share
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Admitted, Door, Leased
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.outbound.guarded import Outbound

FETCH_S = 60.0
"""For a recording that is fetched while its caller waits."""
CLIENT_CLOSED = 499
"""nginx's number for it; nobody is left to read it, but the metrics are."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Body:
    """What a request brought.

    Attributes:
        received_ns: when the last of it had come.
    """

    data: bytes
    received_ns: int


class Uploads:
    """Reads what callers send, within their share of the memory, and has it decoded in turn.

    Attributes:
        most_bytes: of one body.
        memory: what is held of all.
    """

    def __init__(self, limits: Limits, preparation: Preparation) -> None:
        self.most_bytes = limits.upload_bytes
        self.memory = BodyMemory(limits.held_bytes)
        self.preparation = preparation

    async def decoded(
        self, request: Request, caller: str, share: Share, decode: Callable[[Body], _T]
    ) -> _T:
        """Read the body, and do ``decode`` with it off the event loop.

        Args:
            caller: whose turn it takes.
            share: holds the body, until it is left.

        Raises:
            PayloadTooLarge: it has more than ``most_bytes``.
            SystemOverloaded: too many bytes are held, or too many bodies wait to be decoded.
            ClientDisconnect: the client hung up.
            Exception: whatever ``decode`` raises.
        """
        chunks = await self._read(request, share)
        received_ns = time.perf_counter_ns()

        def work() -> _T:
            data = b"".join(chunks)
            chunks.clear()  # or all of it would be there twice
            return decode(Body(data, received_ns))

        return await unless_gone(request, self.preparation.run(caller, work, share))

    async def fetched(
        self,
        outbound: Outbound,
        url: str,
        caller: str,
        share: Share,
        decode: Callable[[Body], _T],
    ) -> _T:
        """As `decoded`, with what is at an address.

        Raises:
            InvalidAudioFormat: it does not answer with a recording.
            ConnectionFailed: it does not answer, or not whole in time.
            Exception: see `decoded` and `Outbound`.
        """
        chunks, size = [], 0
        try:
            async with asyncio.timeout(FETCH_S), outbound.get(url) as answer:
                if answer.status_code != 200:
                    raise InvalidAudioFormat(
                        f"{answer.status_code} from the recording's address",
                        "200 with the recording",
                        "send an address that answers so",
                    )
                async for chunk in answer.aiter_raw():
                    size += len(chunk)
                    self._check_length(size)
                    share.hold(size)
                    chunks.append(chunk)
        except TimeoutError as error:
            raise ConnectionFailed(
                f"a recording that did not come whole within {FETCH_S:.0f} s",
                "one that does",
                "upload it",
            ) from error
        body = Body(b"".join(chunks), time.perf_counter_ns())
        return await self.preparation.run(caller, lambda: decode(body), share)

    async def _read(self, request: Request, share: Share) -> list[bytes]:
        """The body, in pieces.

        Where its length is declared, room for all of it is taken before the first byte: better
        refused at once than halfway through.
        """
        declared = int(request.headers.get("content-length", 0))
        self._check_length(declared)
        share.hold(declared)
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            self._check_length(size)
            share.hold(size)
            chunks.append(chunk)
        return chunks

    def _check_length(self, count_bytes: int) -> None:
        if count_bytes > self.most_bytes:
            raise PayloadTooLarge(
                f"the upload has more than {self.most_bytes:,} bytes",
                f"at most {self.most_bytes:,}",
                "cut it, compress it, or send it as a stream",
            )


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording that was let in.

    Attributes:
        share: holds its body, and then its samples: half a megabyte of FLAC is forty of these.
    """

    call: Leased
    share: Share


def _recording(_: Request, admitted: Admitted) -> Leased:
    return admitted.recording()


def upload_call(
    door: Door, uploads: Uploads, lease: Callable[[Request, Admitted], Leased] = _recording
) -> Callable[[Request], AsyncIterator[Upload]]:
    """A dependency of routes that take a recording: inside until the last byte is sent.

    Args:
        lease: gives a call that was let in its version, or refuses it; by default that whose turn
            it is.
    """

    async def inside(request: Request) -> AsyncIterator[Upload]:
        async with door.open(http_call(request)) as admitted:
            call = lease(request, admitted)
            request.state.version = call.work.version  # for the count of requests
            with uploads.memory.share(call.caller) as share:
                yield Upload(call, share)

    return inside


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Do ``work``, or drop it and what it holds in the engine once the client hangs up.

    Raises:
        ClientDisconnect: it did.
        Exception: whatever ``work`` raises.
    """
    working = asyncio.create_task(work)
    gone = asyncio.create_task(_hang_up(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def retry_after(error: LabError) -> dict[str, str]:
    """The header that says when to come back, in whole seconds; none where that would not help."""
    if not error.retryable:
        return {}
    return {"retry-after": str(max(1, math.ceil(error.retry_after_s or 1.0)))}
