"""WebRTC on a server that was installed without its library: the door as ever, then a refusal."""

from fastapi import APIRouter, Request

from lab_kit.core.errors import NotInstalled
from lab_kit.dialects import deepgram
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door


def rtc_missing_routes(door: Door) -> APIRouter:
    """The route in place of the one that serves streams."""
    router = APIRouter()

    @router.post(deepgram.RTC_PATH)
    async def offer(request: Request) -> None:
        """Refuse an offer, and say what to install."""
        async with door.open(http_call(request)):
            raise NotInstalled.extra("WebRTC", "aiortc", "rtc")

    return router
