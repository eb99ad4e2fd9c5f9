"""A caller in a room who talks to a server, at the pace of speech."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lab_kit.client.address import ServerAddress
from lab_kit.client.conversation import TalkClient, Told, connect_conversation
from lab_kit.core.replies import ReplyTiming
from lab_kit.dialects.openai.conversation.client import (
    AnswerBegan,
    AnswerEnded,
    AnswerSound,
    AnswerText,
    Heard,
    SpeechBegan,
)
from lab_kit.experiments.voice.room import FRAME_S, Room

PLAYER_S = 0.02
"""A packet, which a player has to have before it plays."""
LONGEST_S = 60.0
"""For an answer to come and to be heard to its end."""


@dataclass(slots=True)
class Answer:
    """An answer as it came.

    Attributes:
        audible_ns: when its first sound could be heard.
        stopped_ns: when the caller's player had to stop.
    """

    text: str = ""
    audible_ns: int | None = None
    timing: ReplyTiming | None = None
    stopped_ns: int | None = None
    is_over: bool = False


@dataclass(slots=True)
class Call:
    """A call that goes on.

    Attributes:
        heard: what the server says that it heard, turn by turn.
        answers: the server's.
        failure: what ended it; None while it goes on.
    """

    room: Room
    client: TalkClient
    heard: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    speech_ns: list[int] = field(default_factory=list)
    failure: BaseException | None = None

    async def until(self, holds: Callable[[], bool], within_s: float = LONGEST_S) -> None:
        """Wait.

        Raises:
            TimeoutError: it never came to be.
            LabError: the call is over.
        """
        async with asyncio.timeout(within_s):
            while not holds():
                if self.failure is not None:
                    raise self.failure
                await asyncio.sleep(FRAME_S / 2)

    async def answered(self) -> None:
        """Until an answer was heard to its end."""
        await self.until(lambda: bool(self.answers) and self.answers[-1].is_over)
        await self.until(lambda: not self.room.is_playing)

    def hear(self, told: Told) -> None:
        """Act on an event as a client does."""
        match told.event:
            case SpeechBegan():
                self.speech_ns.append(told.received_ns)
                if self.room.is_playing or (self.answers and not self.answers[-1].is_over):
                    self.room.stop()
                    self.answers[-1].stopped_ns = told.received_ns
            case Heard():
                self.heard.append(told.event.text)
            case AnswerBegan():
                self.answers.append(Answer())
            case AnswerText():
                self.answers[-1].text += told.event.text
            case AnswerSound():
                self._play(told.event, told.received_ns)
            case AnswerEnded():
                self.answers[-1].is_over = True

    def _play(self, sound: AnswerSound, received_ns: int) -> None:
        answer = self.answers[-1]
        if answer.stopped_ns is not None:
            return
        answer.timing = answer.timing or sound.timing
        until_s = self.room.play(sound.item, sound.pcm24)
        if answer.audible_ns is None and until_s is not None:
            answer.audible_ns = received_ns + round((until_s + PLAYER_S) * 1e9)


@asynccontextmanager
async def calling(
    address: ServerAddress,
    instructions: str | None = None,
    turns: dict[str, object] | None = None,
    echo_db: float | None = None,
) -> AsyncIterator[Call]:
    """Call; the microphone is on until the block ends.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    async with connect_conversation(address, instructions, turns) as client:
        call = Call(Room(time.perf_counter_ns(), echo_db), client)
        tasks = [asyncio.create_task(_speak(call)), asyncio.create_task(_listen(call))]
        try:
            yield call
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _speak(call: Call) -> None:
    try:
        frame = 0
        while True:
            frame += 1
            wait_ns = call.room.due_ns(frame) - time.perf_counter_ns()
            await asyncio.sleep(max(0, wait_ns) / 1e9)
            await call.client.send(call.room.hear())
    except Exception as error:  # whoever waits for the call raises it
        call.failure = error


async def _listen(call: Call) -> None:
    try:
        async for told in call.client:
            call.hear(told)
    except Exception as error:  # as above
        call.failure = error
