"""A live stream in our own messages, which goes on when its connection was lost."""

from lab_kit.client.sessions.session import NativeWire, SessionClient, connect_session

__all__ = ["NativeWire", "SessionClient", "connect_session"]
