"""The three tasks by the client of `lab_kit`."""

import asyncio
from collections.abc import AsyncIterator

from lab_kit import client
from lab_kit.client import NativeWire, ServerAddress
from lab_kit.core.events import Final, Interim, StreamOptions


async def transcript(url: str, key: str, wav: bytes) -> str:
    """The text of a recording."""
    call = await client.transcribe(url, wav, "audio/wav", "recording", key=key)
    return call.text


async def live(url: str, key: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Each new text while somebody speaks."""
    address, wire = ServerAddress(url, key), NativeWire.WEBSOCKET
    async with client.connect_session(wire, address, StreamOptions()) as session:

        async def speak() -> None:
            async for chunk in chunks:
                await session.send(chunk)
            await session.finish()

        speaking = asyncio.create_task(speak())
        async for received in session:
            if isinstance(received.event, Interim | Final):
                yield received.event.text
        await speaking


async def patient(url: str, key: str, wav: bytes) -> str:
    """The text of a recording, though the server is busy at first."""
    call = await client.Retries().run(
        lambda: client.transcribe(url, wav, "audio/wav", "recording", key=key)
    )
    return call.text
