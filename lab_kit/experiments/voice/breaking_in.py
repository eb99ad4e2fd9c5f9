"""Callers who break in: how long until the answer is silent, and whether it hears itself."""

import asyncio
from collections.abc import Sequence

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.client.address import ServerAddress
from lab_kit.core.talk_record import Interruption
from lab_kit.core.units import samples
from lab_kit.datasets import Clip, clip
from lab_kit.experiments.voice.calling import Call, calling

STORY = "Tell me a long story about a dog and a cat."
LONG = "Tell a long story in many sentences."
INTO_S = 1.5
"""Of the answer, before somebody breaks in."""
LEVEL_DB = -26.0
"""Of a caller's speech in the microphone, against full scale, and about that of the lab's voice
[Source: ITU-T P.56 and P.800, the nominal active level]."""
WAIT_S = 2.0
"""Who is not heard by then is not heard."""
INTERRUPTING = ("speech-opening-hours", "two-cities-best", "sense-young-man")


async def break_in(
    address: ServerAddress, echo_db: float | None, said: Sequence[Clip] | None = None
) -> list[Interruption]:
    """Break into one long answer after the other.

    Args:
        echo_db: how loud answers are in the microphone, against what is played; None for not at
            all.
        said: by whom; by default `INTERRUPTING`.

    Raises:
        ConnectionFailed: the server cannot be reached, or broke the call off.
    """
    chosen = [clip(name) for name in INTERRUPTING] if said is None else said
    found = []
    for one in chosen:
        async with calling(address, LONG, echo_db=echo_db) as call:
            await asyncio.sleep(0.5)  # a moment of the room before anybody speaks
            found.append(await _break_in(call, one, echo_db))
    return found


async def _break_in(call: Call, clip: Clip, echo_db: float | None) -> Interruption:
    await call.client.write(STORY)
    await call.client.ask(LONG)
    await call.until(lambda: bool(call.answers) and call.answers[-1].audible_ns is not None)
    answer = call.answers[-1]
    await asyncio.sleep(INTO_S)
    false_ns = answer.stopped_ns
    started_ns = call.room.say(_levelled(clip))
    onset_ns = started_ns + round(clip.words[0].start_s * 1e9)
    try:
        async with asyncio.timeout(clip.words[0].start_s + WAIT_S):
            await call.until(lambda: answer.stopped_ns is not None)
    except TimeoutError:
        return Interruption(clip.id, echo_db, onset_ns, None, false_ns)
    return Interruption(clip.id, echo_db, onset_ns, answer.stopped_ns, false_ns)


def _levelled(clip: Clip) -> FloatArray:
    """A clip at `LEVEL_DB` between its first word and its last."""
    first, last = samples(clip.words[0].start_s), samples(clip.words[-1].end_s)
    spoken = clip.samples[first:last]
    gain = 10 ** (LEVEL_DB / 20) / float(np.sqrt((spoken * spoken).mean()))
    return np.asarray(clip.samples * np.float32(gain), np.float32)
