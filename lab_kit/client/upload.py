"""A recording uploaded whole in OpenAI's dialect, its segments coming back as events.

Not live: it stands beside the live wires to show what waiting for the last word costs.
"""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import soundfile

from lab_kit.audio.pcm import to_float
from lab_kit.client.address import ServerAddress
from lab_kit.core.call_record import Received
from lab_kit.core.events import StreamOptions
from lab_kit.dialects.openai.transcriptions.client import parse_event
from lab_kit.dialects.openai.transcriptions.options import PATH
from lab_kit.wires.event_stream import EventUpload

_FORM = {"model": "whisper-1", "stream": "true"}


class UploadClient:
    """One recording: collected, then sent."""

    is_live = False

    def __init__(self, upload: EventUpload, rate_hz: int) -> None:
        self._upload = upload
        self._rate_hz = rate_hz
        self._pcm = bytearray()
        self._complete = asyncio.Event()

    @property
    def opening_ns(self) -> int:
        """When connecting began."""
        return self._upload.began_ns

    @property
    def opened_ns(self) -> int:
        """When there was a connection."""
        return self._upload.connected_ns

    async def send(self, pcm: bytes) -> int:
        """Keep audio for the upload."""
        self._pcm += pcm
        return time.perf_counter_ns()

    async def keep_alive(self) -> None:
        """Nothing is open yet."""

    async def finish(self) -> None:
        """The recording is whole: it is uploaded now."""
        self._complete.set()

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Segments as they arrive."""
        await self._complete.wait()
        file = io.BytesIO()
        audio = to_float(bytes(self._pcm), "linear16")
        soundfile.write(file, audio, self._rate_hz, format="WAV", subtype="PCM_16")
        form = _FORM
        async for line in self._upload.lines(form, ("clip.wav", file.getvalue(), "audio/wav")):
            told = parse_event(line.text)
            if told is not None:
                event, sent_ns, version = told
                yield Received(event, line.received_ns, sent_ns, version)


@asynccontextmanager
async def connect_upload(
    address: ServerAddress, options: StreamOptions
) -> AsyncIterator[UploadClient]:
    """Prepare an upload; it connects when the recording is whole."""
    headers = {} if address.key is None else {"Authorization": f"Bearer {address.key}"}
    yield UploadClient(EventUpload(address.url + PATH, headers), options.sample_rate_hz)
