"""Accepts connections as they come, and begins them in turns.

The event loop would take all that wait at once: five hundred held it for a tenth of a second. To
accept one costs microseconds, to make it a connection of the loop's ten times that. So they are
accepted together and begun like requests, peers in rotation; who asks how the server is does not
wait behind its own machine's others.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.door.connections import share_of_descriptors
from lab_kit.gateway.door.public import PROBES
from lab_kit.gateway.run.tls import Tls

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


class Listener(Protocol):
    """A listening socket, or what is used like one."""

    def fileno(self) -> int: ...
    def setblocking(self, flag: bool, /) -> None: ...
    def listen(self, backlog: int, /) -> None: ...
    def accept(self) -> tuple[socket.socket, Any]: ...


class Accepting:
    """One listening socket.

    Args:
        begin: makes the protocol of a connection; what is encrypted begins as ``tls`` says.
        note: told, with the task's name, what went wrong.
    """

    def __init__(
        self,
        listener: Listener,
        begin: Callable[[], asyncio.BaseProtocol] | Tls,
        arrivals: Arrivals,
        note: Note,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._how = begin
        self._arrivals = arrivals
        self._note = note
        self._most = share_of_descriptors(DESCRIPTORS_SHARE)
        self._waiting: set[asyncio.Task[None]] = set()
        self._shaking: set[asyncio.Task[None]] = set()
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
        for task in self._waiting | self._shaking:
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
            if isinstance(self._how, Tls):
                shaking = self._loop.create_task(self._how.begin(connection, peer))
                self._shaking.add(shaking)
                shaking.add_done_callback(self._has_shaken)
            else:
                await self._loop.connect_accepted_socket(self._how, connection)
        except BaseException:
            connection.close()
            raise

    def _has_begun(self, task: asyncio.Task[None]) -> None:
        if len(self._waiting) == self._most:
            self._resume()
        self._waiting.discard(task)
        self._tell(task)

    def _has_shaken(self, task: asyncio.Task[None]) -> None:
        self._shaking.discard(task)
        self._tell(task)

    def _tell(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._note("accept", error)


def _is_probe(connection: socket.socket) -> bool:
    """Whether what has arrived asks for health; whoever has sent nothing yet is not one."""
    try:
        return connection.recv(_PEEKED_BYTES, socket.MSG_PEEK).startswith(_PROBES)
    except OSError:
        return False
