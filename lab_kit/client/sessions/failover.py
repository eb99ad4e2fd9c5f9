"""A live stream that outlives its server: it begins again elsewhere, with what has no final yet.

A lost connection is the session's own affair. When the session is gone as well (its server died, or
another one answers at its address, or it was told to go away), a new session is begun wherever
``place`` says, and the sound since the last final is sent again, as fast as the server takes it.
Times and numbers of what is heard go on as if nothing had happened: no final is lost, and none
comes twice. Interims of the words that were being spoken come again.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256

from lab_kit.client.address import ServerAddress
from lab_kit.client.sessions.kept_sound import KeptSound, kept_for
from lab_kit.client.sessions.session import NativeWire, SessionClient, lines_to
from lab_kit.core.call_record import Received
from lab_kit.core.errors import (
    ConnectionFailed,
    GoingAway,
    LabError,
    QuotaExceeded,
    SessionNotFound,
    SystemOverloaded,
)
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
)
from lab_kit.dialects.lab.options import request_for
from lab_kit.protocol.stream_messages import EndReason, SessionEnded, StreamRequest

Place = Callable[[], Awaitable[ServerAddress]]
"""Says where the next session is to begin."""
GO_ON_S = 0.5
"""For the session to go on where it was: longer than it takes to connect anew, and short beside
what an utterance lasts."""
BEGIN_AGAIN_S = 30.0
"""For somebody to take the stream; as long as a server would wait for its client."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 2.0
_ELSEWHERE = (ConnectionFailed, GoingAway, SessionNotFound, SystemOverloaded, QuotaExceeded)
"""What another server, or the same one later, may do better."""


class FailoverClient:
    """An open stream.

    Attributes:
        begun_again: how often it was begun again, when (on the monotonic clock), and with how many
            seconds of sound.
    """

    is_live = True

    def __init__(
        self, wire: NativeWire, place: Place, asked: StreamRequest, kept: KeptSound
    ) -> None:
        self.begun_again: list[tuple[int, float]] = []
        self.opening_ns = time.perf_counter_ns()
        self.opened_ns = 0
        self._wire = wire
        self._place = place
        self._asked = asked
        self._kept = kept
        self._digest = sha256()
        self._client: SessionClient
        self._turn = asyncio.Lock()
        self._is_finished = self._is_beginning = False
        self._base_s = 0.0
        self._base_sequence = self._sequence = 0

    async def open(self) -> None:
        """Begin.

        Raises:
            LabError: refused, or nobody listens.
        """
        self._client = await self._begun()
        self.opened_ns = time.perf_counter_ns()

    async def close(self) -> None:
        """Let the connection go."""
        await self._client.close()

    async def send(self, pcm: bytes) -> int:
        """Send sound; returns when it left."""
        async with self._turn:
            self._kept.add(pcm)
            self._digest.update(pcm)
            client = self._client
        try:
            return await client.send(pcm)
        except _ELSEWHERE as error:
            await self._begin_again(client, error)
            return time.perf_counter_ns()

    async def finalize(self) -> None:
        """Ask for a final of what was heard so far."""
        await self._say(SessionClient.finalize)

    async def keep_alive(self) -> None:
        """Keep the stream open while there is no sound."""
        await self._say(SessionClient.keep_alive)

    async def finish(self) -> None:
        """Say that no more sound will come; the iteration ends when everything was said."""
        self._is_finished = True
        client = self._client
        try:
            await client.finish()
        except _ELSEWHERE as error:
            await self._begin_again(client, error)

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Events as they arrive, their times and numbers those of the whole stream.

        Raises:
            LabError: nobody takes the stream, or it failed for what would fail elsewhere, too.
        """
        while True:
            client, ended = self._client, None
            try:
                async for received in client:
                    if client is not self._client or self._is_beginning:
                        break  # whoever sends begins again: this is told once more
                    ended = received.event if isinstance(received.event, StreamEnded) else None
                    if ended is None:
                        yield replace(received, event=self._placed(received.event))
                    elif self._was_all(client):
                        yield replace(received, event=self._whole(ended))
                        return
                error: LabError = ConnectionFailed("an end", "all that was owed", "begin again")
            except _ELSEWHERE as failure:
                error = failure
            await self._begin_again(client, error)

    # -- one session after the other -------------------------------------------------------------

    def _was_all(self, client: SessionClient) -> bool:
        """Whether its end is the stream's: a server that goes away ends what is not over."""
        last = client.messages[-1]
        return isinstance(last, SessionEnded) and last.reason is EndReason.FINISHED

    async def _say(self, command: Callable[[SessionClient], Awaitable[None]]) -> None:
        client = self._client
        try:
            await command(client)
        except _ELSEWHERE as error:
            await self._begin_again(client, error)
            await command(self._client)

    async def _begun(self) -> SessionClient:
        client = SessionClient(lines_to(self._wire, await self._place()), self._asked, GO_ON_S)
        try:
            await client.open()
        except BaseException:
            await client.close()
            raise
        return client

    async def _begin_again(self, lost: SessionClient, error: LabError) -> None:
        """Begin elsewhere, unless somebody has, and send what has no final.

        Raises:
            LabError: nobody took it within `BEGIN_AGAIN_S`.
        """
        async with self._turn:
            if self._client is not lost:
                return
            self._is_beginning = True
            await lost.close()
            until_s, wait_s = time.monotonic() + BEGIN_AGAIN_S, FIRST_WAIT_S
            while True:
                try:
                    client = await self._begun()
                    sent_s = await self._send_again(client)
                    break
                except _ELSEWHERE as failure:
                    if time.monotonic() > until_s:
                        raise failure from error
                    await asyncio.sleep(random.uniform(0, wait_s))
                    wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            self.begun_again.append((time.perf_counter_ns(), sent_s))
            self._base_s, self._base_sequence = self._kept.from_s, self._sequence
            self._client = client
            self._is_beginning = False

    async def _send_again(self, client: SessionClient) -> float:
        sound = self._kept.again()
        for chunk in sound:
            await client.send(chunk)
        if self._is_finished:
            await client.finish()
        return self._kept.seconds(sum(map(len, sound)))

    # -- as of one stream ----------------------------------------------------------------------

    def _placed(self, event: Event) -> Event:
        """An event with its times counted from the stream's beginning."""
        base_s = self._base_s
        if isinstance(event, SpeechStarted):
            return SpeechStarted(event.at_s + base_s)
        if not isinstance(event, Interim | Final):
            return event
        self._sequence = self._base_sequence + event.sequence
        placed = replace(
            event,
            sequence=self._sequence,
            start_s=event.start_s + base_s,
            end_s=event.end_s + base_s,
            timing=replace(event.timing, trigger_audio_s=event.timing.trigger_audio_s + base_s),
            words=tuple(_later(word, base_s) for word in event.words),
        )
        if isinstance(placed, Final):
            self._kept.forget(placed.end_s)
        return placed

    def _whole(self, ended: StreamEnded) -> StreamEnded:
        seconds = self._kept.seconds(self._kept.sent_bytes)
        return StreamEnded(seconds, self._digest.hexdigest(), ended.channels)


@asynccontextmanager
async def connect_anywhere(
    wire: NativeWire, place: Place, options: StreamOptions, model: str = ""
) -> AsyncIterator[FailoverClient]:
    """Begin a stream that outlives its server.

    Args:
        place: asked for an address whenever a session is to begin.
        model: by its name; empty leaves it to the server.

    Raises:
        LabError: refused, nobody listens, or an encoding whose bytes do not tell the time.
    """
    kept = kept_for(options.encoding, options.sample_rate_hz, options.channels)
    client = FailoverClient(wire, place, request_for(options, model), kept)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


def _later(word: TimedWord, base_s: float) -> TimedWord:
    return replace(word, start_s=word.start_s + base_s, end_s=word.end_s + base_s)
