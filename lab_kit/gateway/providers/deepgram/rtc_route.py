"""The route of WebRTC; its library is an extra, and is imported when the first offer comes.

The import takes as long as those of a sixth of the rest of the server, which most never need.
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


def rtc_routes(door: Door, streams: StreamServices, failures: Failures) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter()

    @router.post(deepgram.RTC_PATH)
    async def offer(request: Request) -> Response:
        """Answer an offer; the stream runs until one side ends it. The query is Deepgram's."""
        if find_spec("aiortc") is None:
            async with door.open(http_call(request)):
                raise NotInstalled.extra("WebRTC", "aiortc", "rtc")
        # on a thread, because others are served meanwhile
        await asyncio.to_thread(import_module, "lab_kit.gateway.providers.deepgram.rtc")
        from lab_kit.gateway.providers.deepgram.rtc import answered

        return await answered(request, door, streams, failures)

    return router
