"""A live stream over WebRTC: Opus by UDP there, Deepgram's words on a data channel back."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from lab_kit.client.address import ServerAddress
from lab_kit.client.live import DEFAULT_MODEL
from lab_kit.client.requests import refused, unreachable
from lab_kit.core.call_record import Received
from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.events import StreamOptions
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import Command
from lab_kit.wires.webrtc import RtcCall, open_rtc_call

_TIMEOUT_S = 10.0


class RtcClient:
    """An open connection."""

    is_live = True

    def __init__(self, call: RtcCall, opening_ns: int) -> None:
        self._call = call
        self.opening_ns = opening_ns
        self.opened_ns = time.perf_counter_ns()

    async def send(self, pcm: bytes) -> int:
        """Hand audio to the next packets."""
        return self._call.send_audio(pcm)

    async def keep_alive(self) -> None:
        """Keep the stream open while there is no audio."""
        self._command(Command.KEEP_ALIVE)

    async def finish(self) -> None:
        """Say that no more audio will come; the iteration ends when everything was said."""
        self._call.flush_audio()
        self._command(Command.CLOSE_STREAM)

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Events as they arrive, until the server says that it closes."""
        async for arrived in self._call.messages():
            closing = _closing(arrived.text)
            if closing is not None:
                if closing.code != deepgram.NORMAL.code:
                    raise _closed(f"{closing.code} {closing.reason}")
                return
            told = deepgram.parse_message(arrived.text)
            yield Received(told.event, arrived.received_ns, told.sent_ns, told.version)
        raise _closed("without a word")

    def _command(self, command: Command) -> None:
        self._call.send_text(json.dumps({"type": command}))


@asynccontextmanager
async def connect_rtc(address: ServerAddress, options: StreamOptions) -> AsyncIterator[RtcClient]:
    """Offer, be answered, connect.

    Raises:
        Unauthenticated, ConnectionFailed: the offer was refused, or no packet came through.
    """
    query = deepgram.query_for(options, DEFAULT_MODEL)
    headers = {"content-type": "application/sdp"}
    if address.key is not None:
        headers["authorization"] = f"Bearer {address.key}"

    async def exchange(offer: str) -> str:
        sdp = offer if address.route is None else address.route.offer(offer)
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as http:
            try:
                url = address.url + deepgram.RTC_PATH
                response = await http.post(url, content=sdp, params=query, headers=headers)
            except httpx.HTTPError as error:
                raise unreachable(address.url, error) from error
        if response.status_code != 201:
            raise refused(response)
        return response.text if address.route is None else address.route.answer(response.text)

    opening_ns = time.perf_counter_ns()
    async with open_rtc_call(options.sample_rate_hz, exchange) as call:
        yield RtcClient(call, opening_ns)


def _closing(text: str) -> deepgram.CloseFrame | None:
    """The server's last message, which says what a WebSocket's close frame would; else None."""
    try:
        message = json.loads(text)
        if message["type"] == "Close":
            return deepgram.CloseFrame(message["code"], message["reason"])
    except (ValueError, TypeError, KeyError):
        return None  # `parse_message` will name what is wrong with it
    return None


def _closed(said: str) -> ConnectionFailed:
    return ConnectionFailed(
        f"the stream was closed: {said}",
        "1000 after CloseStream",
        "see the reason, or the server's log if there is none",
    )
