"""Accepts connections as they come, and begins them in turns.

The event loop would take all that wait at once: five hundred held it for a tenth of a second. To
accept one costs microseconds, to make it a connection of the loop's ten times that. So they are
accepted together and begun like requests, peers in rotation; who asks how the server is does not
wait behind its own machine's others.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.door.connections import share_of_descriptors
from lab_kit.gateway.door.public import PROBES

AT_ONCE = 64
"""Accepted in one turn of the loop, a millisecond's work."""
DESCRIPTORS_SHARE = 1 / 8
"""Of what the process may have, that wait here; the rest waits in the kernel."""
KERNEL_WAITING = 2_048
"""Connections that the kernel may hold beside them, as uvicorn has it."""
NO_DESCRIPTOR_S = 1.0
"""Until it is tried again, as asyncio itself has it."""
_PROBES = tuple(f"GET {path} ".encode() for path in PROBES)
_PEEKED_BYTES = max(map(len, _PROBES))

Note = Callable[[str, BaseException], None]


@dataclass(frozen=True, slots=True)
class Tls:
    """How connections are encrypted.

    Attributes:
        handshake_s: that a client may take to begin.
        shutdown_s: that a client may take to hear that it is over.
    """

    context: ssl.SSLContext
    handshake_s: float
    shutdown_s: float

    async def begin(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: Callable[[], asyncio.BaseProtocol],
        connection: socket.socket,
    ) -> None:
        """Shake hands; a client that will not is gone, and nobody's failure."""
        try:
            await loop.connect_accepted_socket(
                protocol,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=self.handshake_s,
                ssl_shutdown_timeout=self.shutdown_s,
            )
        except OSError:  # of which TLS' own errors are a kind
            connection.close()


class Accepting:
    """One listening socket.

    Args:
        begin: makes the protocol of a connection.
        note: told, with the task's name, what went wrong.
        tls: None for connections that are not encrypted.
    """

    def __init__(
        self,
        listener: socket.socket,
        begin: Callable[[], asyncio.BaseProtocol],
        arrivals: Arrivals,
        note: Note,
        tls: Tls | None = None,
    ) -> None:
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol = begin
        self._arrivals = arrivals
        self._note = note
        self._most = share_of_descriptors(DESCRIPTORS_SHARE)
        self._waiting: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None
        self._is_stopped = False
        listener.setblocking(False)
        listener.listen(KERNEL_WAITING)
        self._resume()

    def stop(self) -> None:
        """Accept nothing more, and close what has not begun."""
        self._is_stopped = True
        self._loop.remove_reader(self._listener)
        if self._again is not None:
            self._again.cancel()
        for task in self._waiting:
            task.cancel()

    def _resume(self) -> None:
        if not self._is_stopped:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if len(self._waiting) >= self._most:
                self._loop.remove_reader(self._listener)
                return
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor or no memory is left
                self._note("accept", error)
                self._loop.remove_reader(self._listener)
                self._again = self._loop.call_later(NO_DESCRIPTOR_S, self._resume)
                return
            connection.setblocking(False)
            peer = f"probe {address[0]}" if _is_probe(connection) else address[0]
            task = self._loop.create_task(self._begin(connection, peer))
            self._waiting.add(task)
            task.add_done_callback(self._has_begun)

    async def _begin(self, connection: socket.socket, peer: str) -> None:
        try:
            await self._arrivals.turn(peer)
            if self._tls is None:
                await self._loop.connect_accepted_socket(self._protocol, connection)
            else:
                await self._tls.begin(self._loop, self._protocol, connection)
        except BaseException:
            connection.close()
            raise

    def _has_begun(self, task: asyncio.Task[None]) -> None:
        if len(self._waiting) == self._most:
            self._resume()
        self._waiting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._note("accept", error)


def _is_probe(connection: socket.socket) -> bool:
    """Whether what has arrived asks for health; whoever has sent nothing yet is not one."""
    try:
        return connection.recv(_PEEKED_BYTES, socket.MSG_PEEK).startswith(_PROBES)
    except OSError:
        return False
