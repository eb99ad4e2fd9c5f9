"""Our own messages over one connection of a session, which is not gone on with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab_kit.client.address import ServerAddress
from lab_kit.client.judging.talk import Recorder, Talk, told_code
from lab_kit.client.sessions import NativeWire
from lab_kit.client.sessions.line import Line as SessionLine
from lab_kit.client.sessions.session import lines_to
from lab_kit.core.errors import ConnectionFailed, InvalidMessage, LabError, PayloadTooLarge
from lab_kit.protocol.judge.conversation import Carrier
from lab_kit.protocol.judge.seen import Closed
from lab_kit.protocol.stream_messages import (
    Command,
    CommandMessage,
    EndReason,
    SessionEnded,
    StreamRequest,
)

_WELL, _FAILED = "OK", "FAILED"
_NATIVE = {
    Carrier.WEBSOCKET: NativeWire.WEBSOCKET,
    Carrier.EVENTS: NativeWire.EVENTS,
    Carrier.GRPC: NativeWire.GRPC,
}


class _OwnTalk:
    """One connection of a session; it is not gone on with."""

    def __init__(self, recorder: Recorder, line: SessionLine) -> None:
        self._recorder = recorder
        self._line = line
        self._number = 0
        self._closed = Closed(None, by_client=True)

    async def say(self, pcm: bytes) -> None:
        self._number += 1
        self._recorder.note(by_client=True, sound={"bytes": len(pcm)})
        await self._line.send(pcm, self._number)

    async def finish(self) -> None:
        self._number += 1
        self._recorder.note(by_client=True, message={"type": Command.FINISH.value})
        await self._line.send(CommandMessage(type=Command.FINISH), self._number)

    async def hear(self) -> None:
        ended = _WELL
        try:
            async for arrived in self._line.messages():
                message = arrived.message
                if isinstance(message, SessionEnded):
                    ended = _WELL if message.reason is EndReason.FINISHED else _FAILED
                told = message.model_dump(mode="json", exclude_none=True)
                self._recorder.heard(told, len(message.model_dump_json()))
            self._closed = Closed(ended)  # of events over HTTP, their last one says it
        except ConnectionFailed as closed:
            self._closed = Closed(told_code(closed))
        except (InvalidMessage, PayloadTooLarge):
            raise  # what arrived is no message, or more than one capture holds
        except LabError as error:  # gRPC's: its status is the error's code
            self._closed = Closed(error.code.value)

    async def closed(self) -> Closed:
        return self._closed


@asynccontextmanager
async def own_talk(
    recorder: Recorder, carrier: Carrier, address: ServerAddress
) -> AsyncIterator[Talk]:
    async with lines_to(_NATIVE[carrier], address).open(StreamRequest()) as line:
        yield _OwnTalk(recorder, line)
