"""Deepgram's text to speech over a WebSocket: texts in, sound out, as far as it is asked for.

What is flushed is spoken in order, while more is taken. What is cleared is said no further.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, suppress

from fastapi import APIRouter
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from lab_kit.core.errors import LabError, PayloadTooLarge
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import speak
from lab_kit.dialects.deepgram.speak import SpeakCommand, SpeakOptions
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door, Spoken
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.live.socket_wire import subprotocols
from lab_kit.gateway.speech.text_socket import TextSocket
from lab_kit.gateway.speech.voice import Voice

MOST_WAITING = 20_000
"""Characters that wait to be spoken: twenty minutes of speech."""
MOST_FLUSHES = 100
"""Texts that wait to be spoken, the empty ones too, since each is answered."""


def speak_socket_routes(door: Door, limits: Limits, voice: Voice) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter()

    @router.websocket(speak.PATH)
    async def speak_texts(socket: WebSocket) -> None:
        offered = subprotocols(socket)
        call = http_call(socket, " ".join(offered[:2]))
        request_id = str(call.request_id)
        try:
            async with door.open(call) as admitted:
                asked = speak.parse_socket_query(dict(socket.query_params))
                admitted.speech()  # whoever could not be spoken to is told before the upgrade
                header = (b"dg-request-id", request_id.encode())
                await socket.accept(offered[0] if offered else None, [header])
                with suppress(ClientGone):
                    texts = TextSocket(socket, limits.no_audio_s, limits.unsent_s)
                    await SpeakSession(texts, voice, admitted.speech, asked).run(request_id)
        except LabError as error:
            refusal = deepgram.refusal(error, request_id)
            denial = JSONResponse(refusal.body, refusal.status, refusal.headers)
            await socket.send_denial_response(denial)

    return router


class SpeakSession:
    """One socket, once it is open.

    Args:
        admit: lets one more text in.
    """

    def __init__(
        self,
        socket: TextSocket,
        voice: Voice,
        admit: Callable[[], Spoken],
        asked: SpeakOptions,
    ) -> None:
        self._socket = socket
        self._voice = voice
        self._admit = admit
        self._asked = asked
        self._text = ""
        self._flushed: deque[str] = deque()
        self._speaking: asyncio.Task[None] | None = None
        self._number = 0

    async def run(self, request_id: str) -> None:
        """Until the client closes, or has to be closed.

        Raises:
            ClientGone: it vanished.
        """
        close = deepgram.NORMAL
        try:
            await self._tell(speak.socket_metadata(self._asked, request_id))
            while await self._take(await self._socket.next(self._speaking)):
                pass
            if self._text:
                self._flush()
            if self._speaking is not None:
                await self._speaking
        except LabError as error:
            close = deepgram.close_frame(error)
        finally:
            await self._fall_silent()
        await self._socket.close(close.code, close.reason)

    async def _take(self, message: bytes | str) -> bool:
        """Act on a message; False once the client closes."""
        try:
            command, text = speak.parse_socket_message(message)
            match command:
                case SpeakCommand.SPEAK:
                    self._add(text)
                case SpeakCommand.FLUSH:
                    self._flush()
                case SpeakCommand.CLEAR:
                    await self._fall_silent()
                    await self._tell(speak.cleared(self._next_number()))
                case SpeakCommand.CLOSE:
                    return False
        except (deepgram.PayloadError, PayloadTooLarge) as error:
            await self._tell(speak.warning(error))
        return True

    def _add(self, text: str) -> None:
        waiting = len(self._text) + sum(map(len, self._flushed))
        if waiting + len(text) > MOST_WAITING:
            raise PayloadTooLarge(
                f"{waiting + len(text):,} characters that wait to be spoken",
                f"at most {MOST_WAITING:,}",
                "send more when these have been flushed",
            )
        self._text += text

    def _flush(self) -> None:
        if len(self._flushed) >= MOST_FLUSHES:
            raise PayloadTooLarge(
                f"{len(self._flushed) + 1:,} texts that wait to be spoken",
                f"at most {MOST_FLUSHES:,}",
                "flush again when some have been flushed",
            )
        self._flushed.append(self._text)
        self._text = ""
        if self._speaking is None or self._speaking.done():
            self._speaking = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        """Say what was flushed, one text after the other.

        Raises:
            ClientGone, SlowConsumer: nobody hears it.
        """
        asked = self._asked
        while self._flushed:
            text = self._flushed.popleft()
            if any(letter.isalnum() for letter in text):
                try:
                    call = self._admit()
                except LabError as error:  # there is no room; the client may flush again
                    await self._tell(speak.warning(error))
                    continue
                sound = self._voice.file(call, text, asked.form, asked.rate_hz, asked.speed)
                async with aclosing(sound) as pieces:
                    async for piece in pieces:
                        await self._socket.send(piece)
            await self._tell(speak.flushed(self._next_number()))
            await asyncio.sleep(0)  # a socket with room never waits, and others want their turn

    async def _fall_silent(self) -> None:
        """Say no more of what was said to be spoken."""
        self._text = ""
        self._flushed.clear()
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    def _next_number(self) -> int:
        number, self._number = self._number, self._number + 1
        return number

    async def _tell(self, message: dict[str, object]) -> None:
        await self._socket.send(json.dumps(message))
