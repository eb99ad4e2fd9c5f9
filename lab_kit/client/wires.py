"""The same stream over any wire."""

from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import cast

from lab_kit.client.address import ServerAddress, Wire
from lab_kit.client.live import StreamClient, connect
from lab_kit.client.sessions import NativeWire, connect_session
from lab_kit.core.events import StreamOptions

WIRES = tuple(Wire)
_CONNECT = {
    Wire.REALTIME: ("lab_kit.client.realtime", "connect_realtime"),
    Wire.GRPC: ("lab_kit.client.google", "connect_google"),
    Wire.UPLOAD: ("lab_kit.client.upload", "connect_upload"),
    Wire.WEBRTC: ("lab_kit.client.rtc", "connect_rtc"),
}
"""Imported when they are asked for: WebRTC and Google's messages take most of a second, which
nobody should pay who only wants a WebSocket."""


def connect_over(
    wire: Wire | NativeWire, address: ServerAddress, options: StreamOptions
) -> AbstractAsyncContextManager[StreamClient]:
    """Open a stream over ``wire``.

    Raises:
        Unauthenticated, ConnectionFailed: it could not be opened.
    """
    if isinstance(wire, NativeWire):
        return connect_session(wire, address, options)
    if wire is Wire.WEBSOCKET:
        return connect(address.url, options, address.key)
    module, name = _CONNECT[wire]
    opened = getattr(import_module(module), name)(address, options)
    return cast(AbstractAsyncContextManager[StreamClient], opened)
