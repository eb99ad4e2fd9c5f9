"""A live stream in our own messages, which goes on when its connection was lost, or its server."""

from lab_kit.client.sessions.failover import FailoverClient, connect_anywhere
from lab_kit.client.sessions.session import NativeWire, SessionClient, connect_session

__all__ = [
    "FailoverClient",
    "NativeWire",
    "SessionClient",
    "connect_anywhere",
    "connect_session",
]
