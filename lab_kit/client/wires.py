"""The same stream over any wire."""

from contextlib import AbstractAsyncContextManager

from lab_kit.client.google import connect_google
from lab_kit.client.live import LiveEnd, connect
from lab_kit.client.place import Place, Wire
from lab_kit.client.realtime import connect_realtime
from lab_kit.client.rtc import connect_rtc
from lab_kit.client.upload import connect_upload
from lab_kit.events import StreamOptions

WIRES = tuple(Wire)


def connect_over(
    wire: Wire, place: Place, options: StreamOptions
) -> AbstractAsyncContextManager[LiveEnd]:
    """Open a stream over ``wire``.

    Raises:
        Unauthenticated, ConnectionFailed: it could not be opened.
    """
    match wire:
        case Wire.WEBSOCKET:
            return connect(place.url, options, place.key)
        case Wire.REALTIME:
            return connect_realtime(place, options)
        case Wire.GRPC:
            return connect_google(place, options)
        case Wire.UPLOAD:
            return connect_upload(place, options)
        case Wire.WEBRTC:
            return connect_rtc(place, options)
