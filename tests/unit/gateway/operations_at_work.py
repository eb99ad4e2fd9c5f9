"""What tests of operations share: a server that works at them, and sound for them."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import soundfile

from lab_kit.core.units import samples
from lab_kit.gateway.run.server import Server

SENTENCES = 12


@asynccontextmanager
async def at_work(server: Server) -> AsyncIterator[None]:
    """Its operations are done meanwhile."""

    async def turns() -> None:
        while True:
            await server.transcriber.turn()

    working = asyncio.create_task(turns())
    try:
        yield
    finally:
        working.cancel()
        server.transcriber.stop()
        await asyncio.gather(working, return_exceptions=True)


def sentences(count: int = SENTENCES) -> bytes:
    """A WAV of so many, a second of noise each and a second of silence behind."""
    noise = np.random.default_rng(1).normal(0, 0.1, samples(1.0))
    one = np.concatenate([noise, np.zeros(samples(1.0))]).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, np.tile(one, count), 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]


def files(server: Server) -> list[Path]:
    return [path for path in (server.state.path() / "audio").glob("*") if path.is_file()]
