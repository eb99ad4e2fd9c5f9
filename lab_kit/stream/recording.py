"""A whole recording at once: the same session as a live stream, fed without waiting.

Long recordings are cut where people pause, so that memory and the model's attention stay bounded;
silence is never decoded, so nothing is invented for it. Whoever speaks live goes first.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lab_kit.audio.detect.vad import SpeechScorer
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import Final, PriorityClass, StreamOptions
from lab_kit.core.ids import StreamId
from lab_kit.engine.api import Engine, Ticket
from lab_kit.stream.actions import Cancel, Emit, Submit
from lab_kit.stream.session import StreamSession
from lab_kit.stream.sink.steps import Postprocess, Skipped

PAUSE_S = 0.5
"""Silence at which a recording is cut; nobody waits for it here, so it can be long."""
MOST_AHEAD = 8
"""Segments in the engine at once: a full batch. All of a long recording's would fill the queue that
live streams need."""
OffLoop: TypeAlias = Callable[[Callable[[], list[Submit]]], Awaitable[list[Submit]]]
"""Does work elsewhere than on the event loop, and gives what it gave."""


async def recognize(
    engine: Engine,
    scorer: SpeechScorer,
    audio: FloatArray,
    off_loop: OffLoop,
    postprocess: Postprocess,
    on_skipped: Callable[[Skipped], None],
    stream: StreamId,
) -> AsyncGenerator[Final, None]:
    """Transcribe (samples,) float32 at 16 kHz, each segment when it and those before are done.

    Args:
        off_loop: runs voice activity over the whole recording, where no stream waits for it.
        postprocess: the optional steps that every result passes.
        on_skipped: told of a step that was left out of a result.
        stream: what its decodes are named by.

    Raises:
        SystemOverloaded: the engine has no room; what was submitted is cancelled.
    """
    session = StreamSession(
        StreamOptions(interim_results=False, endpoint_silence_s=PAUSE_S, speech_events=False),
        scorer,
    )
    decodes = deque(await off_loop(partial(_segment, session, audio)))
    ahead: deque[tuple[int, Ticket]] = deque()
    try:
        while decodes or ahead:
            while decodes and len(ahead) < MOST_AHEAD:
                decode = decodes.popleft()
                request = replace(
                    decode.request,
                    priority_class=PriorityClass.BATCH,
                    stream=stream,
                    is_private=postprocess.keeps_in,
                )
                try:
                    ahead.append((decode.number, engine.submit(request)))
                except SystemOverloaded:
                    if not ahead:
                        raise
                    decodes.appendleft(decode)  # there is room once one of ours is done
                    break
            number, ticket = ahead[0]
            hypothesis = await asyncio.wrap_future(ticket.future)
            ahead.popleft()
            for action in session.answer(number, hypothesis):
                if isinstance(action, Emit) and isinstance(action.event, Final):
                    final, skipped = postprocess(action.event)
                    for one in skipped:
                        on_skipped(one)
                    yield final
    finally:  # a full queue, or a client that went away: give everything back
        for _, ticket in ahead:
            engine.cancel(ticket)


def _segment(session: StreamSession, audio: FloatArray) -> list[Submit]:
    """Run voice activity over everything; the decodes are those that it did not cancel again."""
    now_ns = time.perf_counter_ns()
    actions = [*session.push(audio, now_ns, now_ns), *session.flush(now_ns, now_ns)]
    cancelled = {action.number for action in actions if isinstance(action, Cancel)}
    return [a for a in actions if isinstance(a, Submit) and a.number not in cancelled]
