"""ElevenLabs's text to speech over a WebSocket: texts as they are written, sound as it is made.

All sound of a socket is one file, so an encoder may keep the last twentieth of a second of a text
until the next one comes, or the end.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, suppress

from fastapi import APIRouter
from starlette.websockets import WebSocket

from lab_kit.audio.containers import FileWriter
from lab_kit.core.errors import LabError, PayloadTooLarge, SlowConsumer
from lab_kit.dialects.elevenlabs.errors import NORMAL, close_frame, status_of
from lab_kit.dialects.elevenlabs.stream_input import server
from lab_kit.dialects.elevenlabs.stream_input.options import (
    PATH,
    SocketOptions,
    check_query,
    parse_query,
)
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door, Spoken
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.providers.elevenlabs.errors import refused
from lab_kit.gateway.speech.text_socket import TextSocket
from lab_kit.gateway.speech.voice import SpokenPiece, Voice

MOST_WAITING = 20_000
"""Characters that are to be spoken: twenty minutes of speech."""


def elevenlabs_stream_input_routes(
    door: Door, limits: Limits, voice: Voice, is_strict: bool
) -> APIRouter:
    """The route, bound to the server's parts.

    Args:
        is_strict: what is not imitated is refused.
    """
    router = APIRouter()

    @router.websocket(PATH)
    async def stream_input(socket: WebSocket, voice_id: str) -> None:
        call = http_call(socket)
        try:
            async with door.open(call) as admitted:
                if is_strict:
                    check_query(socket.query_params)
                asked = parse_query(socket.query_params)
                admitted.speech()  # whoever could not be spoken to is told before the upgrade
                header = (b"request-id", str(call.request_id).encode())
                await socket.accept(None, [header])
                with suppress(ClientGone):
                    silent_s = min(asked.inactivity_s, limits.no_audio_s)
                    texts = TextSocket(socket, silent_s, limits.unsent_s)
                    await StreamInput(texts, voice, admitted.speech, asked, is_strict).run()
        except LabError as error:
            await socket.send_denial_response(refused(error))

    return router


class StreamInput:
    """One socket, once it is open.

    Args:
        admit: lets one more text in.
    """

    def __init__(
        self,
        socket: TextSocket,
        voice: Voice,
        admit: Callable[[], Spoken],
        asked: SocketOptions,
        is_strict: bool,
    ) -> None:
        self._socket = socket
        self._voice = voice
        self._admit = admit
        self._format = asked.format
        self._texts = server.Texts(asked.is_auto, is_strict)
        self._waiting: deque[str] = deque()
        self._speaking: asyncio.Task[None] | None = None
        self._file: FileWriter | None = None

    async def run(self) -> None:
        """Until the client has finished, or has to be closed.

        Raises:
            ClientGone: it vanished.
        """
        close = NORMAL
        try:
            has_finished = False
            while not has_finished:
                message = await self._socket.next(self._speaking)
                texts, has_finished = self._texts.hear(message)
                self._say(texts)
            if self._speaking is not None:
                await self._speaking
            if self._file is not None:
                await self._tell(SpokenPiece(await asyncio.to_thread(self._file.finish), None))
            await self._socket.send(server.final())
        except LabError as error:
            await self._fall_silent()
            close = close_frame(error, status_of(error))
            if not isinstance(error, SlowConsumer):
                await self._socket.send(server.failed(error))
        finally:
            await self._fall_silent()
        await self._socket.close(close.code, close.reason)

    def _say(self, texts: list[str]) -> None:
        waiting = sum(map(len, self._waiting)) + sum(map(len, texts))
        if waiting > MOST_WAITING:
            raise PayloadTooLarge(
                f"{waiting:,} characters that wait to be spoken",
                f"at most {MOST_WAITING:,}",
                "send more when these have been heard",
            )
        self._waiting.extend(texts)
        if self._waiting and (self._speaking is None or self._speaking.done()):
            self._speaking = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        """Say what waits, one text after the other.

        Raises:
            LabError: there is no room, or nobody hears it.
            ClientGone: it vanished.
        """
        is_first = self._file is None
        file = self._file or await self._voice.open_file(self._format.form, self._format.rate_hz)
        self._file = file
        while self._waiting:
            text = self._waiting.popleft()
            said = self._voice.into(file, self._admit(), text, self._texts.speed, is_first=is_first)
            is_first = False
            async with aclosing(said) as pieces:
                async for piece in pieces:
                    await self._tell(piece)
            await asyncio.sleep(0)  # a socket with room never waits, and others want their turn

    async def _tell(self, piece: SpokenPiece) -> None:
        for frame in server.frames(piece.data, piece.times):
            await self._socket.send(frame)

    async def _fall_silent(self) -> None:
        self._waiting.clear()
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
