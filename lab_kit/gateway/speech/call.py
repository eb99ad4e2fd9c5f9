"""Where a request to speak passes the door."""

from collections.abc import AsyncIterator, Callable

from fastapi import Request

from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door, Spoken


def speech_call(door: Door) -> Callable[[Request], AsyncIterator[Spoken]]:
    """What a route depends on: the call, open from before its body is read until it is answered."""

    async def inside(request: Request) -> AsyncIterator[Spoken]:
        async with door.open(http_call(request)) as admitted:
            yield admitted.speech()

    return inside
