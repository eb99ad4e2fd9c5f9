"""Connections that another process accepted and hands over, one by one.

The parent of several gateways listens and gives each connection to the one that has fewest; see
`gateways`. What it sends over is a datagram with a descriptor; what comes back says how many
connections are open here.
"""

import os
import socket

GIVEN = b"c"
_MOST_TOLD_BYTES = 32


class GivenConnections:
    """The gateway's end; to `Accepting` it is a listening socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def fileno(self) -> int:
        """What becomes readable when a connection is given."""
        return self._channel.fileno()

    def setblocking(self, flag: bool) -> None:
        """Whether `accept` waits."""
        self._channel.setblocking(flag)

    def listen(self, backlog: int) -> None:
        """The parent does."""

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next connection, and who is at its other end.

        Raises:
            BlockingIOError: none was given.
            ConnectionAbortedError: it is gone already, or what came is none.
        """
        _, descriptors, _, _ = socket.recv_fds(self._channel, len(GIVEN), 1)
        if not descriptors:
            raise ConnectionAbortedError("no connection came")
        connection = socket.socket(fileno=descriptors[0])
        try:
            return connection, connection.getpeername()[:2]
        except OSError as error:
            connection.close()
            raise ConnectionAbortedError(str(error)) from error

    def tell(self, connections: int) -> None:
        """Say how many are open here; where the parent has not read, it knows what was said."""
        try:
            self._channel.send(str(connections).encode())
        except (BlockingIOError, ConnectionError):
            return


def give(channel: socket.socket, connection: socket.socket) -> None:
    """Hand a connection over; the parent's end.

    Raises:
        OSError: the gateway takes none just now, or is gone.
    """
    socket.send_fds(channel, [GIVEN], [connection.fileno()])


def told(channel: socket.socket) -> int | None:
    """How many connections the gateway last said that it has; None if it said nothing new."""
    latest: int | None = None
    while True:
        try:
            latest = int(channel.recv(_MOST_TOLD_BYTES))
        except (BlockingIOError, ConnectionError, ValueError):
            return latest


def given_by(descriptor: int) -> GivenConnections:
    """What comes over a channel that was inherited."""
    os.set_inheritable(descriptor, False)
    return GivenConnections(socket.socket(fileno=descriptor))
