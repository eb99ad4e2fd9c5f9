"""How long a stream may be open, where a provider has a limit for that."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from lab_kit.core.errors import LabError
from lab_kit.gateway.door.place import PlacedStream


@contextmanager
def ending_after(longest_s: float, stream: PlacedStream, reason: LabError) -> Iterator[None]:
    """Have a stream end for ``reason``, with what it is owed, if it is still open then."""
    timer = asyncio.get_running_loop().call_later(longest_s, stream.close_early, reason)
    try:
        yield
    finally:
        timer.cancel()
