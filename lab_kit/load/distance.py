"""Distance: a TCP proxy that holds every byte back for as long as a longer cable would.

It delays and nothing else: order and throughput stay, nothing is lost. It runs on a thread of its
own, so that a busy notebook does not add delay of its own.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from lab_kit.errors import InvalidParameter

LONGEST_S = 2.0
"""Farther than any cable on Earth; more is a typing error in the unit."""
_READ_BYTES = 65_536


@contextmanager
def far_away(url: str, one_way_s: float) -> Iterator[str]:
    """Put the server at ``url`` behind ``one_way_s`` of delay each way; gives the new address.

    Raises:
        InvalidParameter: a negative delay, or more than 2 s.
    """
    if not 0 <= one_way_s <= LONGEST_S:
        raise InvalidParameter(
            f"a delay of {one_way_s} s", f"0 to {LONGEST_S:.0f} s each way", "give it in seconds"
        )
    target = urlsplit(url)
    proxy = _Proxy(str(target.hostname), int(target.port or 80), one_way_s)
    try:
        yield f"http://127.0.0.1:{proxy.start()}"
    finally:
        proxy.stop()


class _Proxy:
    """Accepts connections and carries them on, late, from a thread of its own."""

    def __init__(self, host: str, port: int, one_way_s: float) -> None:
        self._target = (host, port)
        self._one_way_s = one_way_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="distance")

    def start(self) -> int:
        """Begin to listen; returns the port."""
        self._thread.start()
        serving = asyncio.start_server(self._carry, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Close every connection and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        carrying = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        try:
            await asyncio.gather(
                self._delayed(reader, there_writer), self._delayed(there_reader, writer)
            )
        except (OSError, asyncio.CancelledError):
            # one end vanished, or the proxy stops; the other end learns of it by the closing below
            pass
        finally:
            writer.close()
            there_writer.close()

    async def _delayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Write what is read, each piece one delay after it came; then pass the end on."""
        loop = asyncio.get_running_loop()
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def arrive() -> None:
            while True:
                due, piece = await travelling.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

        arriving = asyncio.create_task(arrive())
        try:
            while piece := await reader.read(_READ_BYTES):
                travelling.put_nowait((loop.time() + self._one_way_s, piece))
            travelling.put_nowait((loop.time() + self._one_way_s, b""))
            await arriving
        finally:
            arriving.cancel()
