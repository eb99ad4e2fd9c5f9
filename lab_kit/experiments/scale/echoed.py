"""How long a chunk of speech takes to a replica and back: directly, and through a proxy."""

import asyncio
import random
import time
from collections.abc import Sequence

from websockets.asyncio.client import connect

CHUNK_S = 0.05
CHUNK_BYTES = 1_600
"""Of PCM16 at 16 kHz."""
_ANSWER_S = 10.0
SEED = 14


async def echo_times_s(urls: Sequence[str], streams: int, seconds: float) -> list[float]:
    """Round trips of every chunk of so many streams, each sent on its own schedule.

    Args:
        urls: of WebSockets that send back what they are sent; streams are spread over them.
    """
    chance = random.Random(SEED)
    starts = [chance.uniform(0, CHUNK_S) for _ in range(streams)]
    began_s = time.perf_counter() + 0.5  # all are connected by then
    async with asyncio.TaskGroup() as group:
        made = [
            group.create_task(_one(urls[n % len(urls)], began_s + start_s, seconds))
            for n, start_s in enumerate(starts)
        ]
    return [took_s for one in made for took_s in one.result()]


async def _one(url: str, began_s: float, seconds: float) -> list[float]:
    """Chunk n leaves at its time, however late the one before came back."""
    chunks = int(seconds / CHUNK_S)
    took: list[float] = []
    async with connect(url, proxy=None, compression=None) as socket:

        async def send() -> None:
            for number in range(chunks):
                due_s = began_s + number * CHUNK_S
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
                await socket.send(bytes(CHUNK_BYTES))

        sending = asyncio.create_task(send())
        try:
            for number in range(chunks):
                async with asyncio.timeout(_ANSWER_S + seconds):
                    await socket.recv()
                # from when it was due: a proxy that holds the sender back is not let off
                took.append(time.perf_counter() - (began_s + number * CHUNK_S))
        finally:
            sending.cancel()
    return took
