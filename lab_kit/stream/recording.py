"""A whole recording: the same session as a live stream, fed as fast as the engine takes it.

Long recordings are cut where people pause, so that memory and the model's attention stay bounded,
and heard block by block, so that an hour needs no more memory than a minute. Silence is never
decoded, so nothing is invented for it. Whoever speaks live goes first.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from lab_kit.audio.detect.vad import SpeechScorer
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import Final, PriorityClass, StreamOptions
from lab_kit.core.ids import StreamId
from lab_kit.engine.api import Engine, Ticket
from lab_kit.stream.actions import Cancel, Emit, Submit
from lab_kit.stream.session import StreamSession
from lab_kit.stream.sink.leaving import told
from lab_kit.stream.sink.steps import Postprocess, Skipped

PAUSE_S = 0.5
"""Silence at which a recording is cut; nobody waits for it here, so it can be long."""
MOST_AHEAD = 8
"""Segments in the engine at once: a full batch. All of a long recording's would fill the queue that
live streams need."""
OffLoop: TypeAlias = Callable[[Callable[[], None]], Awaitable[None]]
"""Does work elsewhere than on the event loop."""


async def recognize(
    engine: Engine,
    scorer: SpeechScorer,
    sound: Iterator[FloatArray],
    off_loop: OffLoop,
    postprocess: Postprocess,
    on_skipped: Callable[[Skipped], None],
    stream: StreamId,
    deadline_ns: int | None = None,
) -> AsyncGenerator[Final, None]:
    """Transcribe a recording, each segment when it and those before are done.

    Args:
        sound: the recording in blocks of (samples,) float32 at 16 kHz, as few as can be decoded at
            a time: the next is taken when the engine needs it.
        off_loop: takes a block, and runs voice activity over it, where no stream waits for it.
        postprocess: the optional steps that every result passes.
        on_skipped: told of a step that was left out of a result.
        stream: what its decodes are named by.
        deadline_ns: from then on nobody waits for it; what is not begun is not begun any more.

    Raises:
        InferenceTimeout: its time is over.
        SystemOverloaded: the engine has no room; what was submitted is cancelled.
        Exception: whatever ``sound`` raises.
    """
    segments = _Segments(scorer, sound)
    ahead: deque[tuple[int, Ticket]] = deque()
    try:
        while True:
            while not segments.is_whole and len(segments.decodes) < MOST_AHEAD:
                await off_loop(segments.hear_more)
            while segments.decodes and len(ahead) < MOST_AHEAD:
                decode = segments.decodes[0]
                request = replace(
                    decode.request,
                    priority_class=PriorityClass.BATCH,
                    stream=stream,
                    is_private=postprocess.keeps_in,
                    deadline_ns=deadline_ns,
                )
                try:
                    ahead.append((decode.number, engine.submit(request)))
                except SystemOverloaded:
                    if not ahead:
                        raise
                    break  # there is room once one of ours is done
                segments.decodes.popleft()
            if not ahead:
                return
            number, ticket = ahead[0]
            hypothesis = await asyncio.wrap_future(ticket.future)
            ahead.popleft()
            for action in segments.session.answer(number, hypothesis):
                if isinstance(action, Emit) and isinstance(action.event, Final):
                    final, skipped = await told(postprocess, action.event)
                    for one in skipped:
                        on_skipped(one)
                    yield final
    finally:  # a full queue, or a client that went away: give everything back
        for _, ticket in ahead:
            engine.cancel(ticket)


class _Segments:
    """A recording cut at its pauses, as far as it has been heard.

    Attributes:
        decodes: of segments that are over, in order, for whoever takes them out.
        is_whole: all of the recording has been heard.
    """

    def __init__(self, scorer: SpeechScorer, sound: Iterator[FloatArray]) -> None:
        self.session = StreamSession(
            StreamOptions(interim_results=False, endpoint_silence_s=PAUSE_S, speech_events=False),
            scorer,
        )
        self.decodes: deque[Submit] = deque()
        self.is_whole = False
        self._sound = sound
        self._submitted: dict[int, Submit] = {}

    def hear_more(self) -> None:
        """Run voice activity over the next block; what it submits and cancels again is left out."""
        now_ns = time.perf_counter_ns()
        block = next(self._sound, None)
        if block is None:
            self.is_whole = True
            actions = self.session.flush(now_ns, now_ns)
        else:
            actions = self.session.push(block, now_ns, now_ns)
        for action in actions:
            if isinstance(action, Submit):
                self._submitted[action.number] = action
            elif isinstance(action, Cancel):
                self._submitted.pop(action.number, None)
        settled = [n for n in self._submitted if n not in self.session.tentative]
        self.decodes += map(self._submitted.pop, settled)
