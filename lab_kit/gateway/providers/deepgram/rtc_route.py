"""The route of WebRTC, whose library is an extra.

Its import takes a sixth of the time of all others together, and few need it. So it comes when the
server is ready; an offer that comes earlier waits for it.
"""

import asyncio
from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter, Request
from starlette.responses import Response

from lab_kit.core.errors import NotInstalled
from lab_kit.dialects import deepgram
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.observe.failures import Failures

_LIBRARY = "aiortc"


def rtc_routes(door: Door, streams: StreamServices, failures: Failures) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter()
    is_installed = find_spec(_LIBRARY) is not None

    @router.post(deepgram.RTC_PATH)
    async def offer(request: Request) -> Response:
        """Answer an offer; the stream runs until one side ends it. The query is Deepgram's."""
        if not is_installed:
            async with door.open(http_call(request)):
                raise NotInstalled.extra("WebRTC", "aiortc", "rtc")
        # on a thread, because others are served meanwhile
        await asyncio.to_thread(import_webrtc)
        from lab_kit.gateway.providers.deepgram.rtc import answered

        return await answered(request, door, streams, failures)

    return router


def import_webrtc() -> None:
    """Import the library, and what of ours needs it; nothing where it is not installed."""
    if find_spec(_LIBRARY) is not None:
        import_module("lab_kit.gateway.providers.deepgram.rtc")
