"""Turns and their answers: how long from the true end of a turn to the first audible sound."""

import os
from collections.abc import Sequence

from lab_kit.client.address import ServerAddress
from lab_kit.client.requests import probe_clock
from lab_kit.core.talk_record import Conversation, TalkTurn
from lab_kit.datasets import Clip, clips
from lab_kit.experiments.voice.calling import Answer, Call, calling

TURNS = (
    "speech-opening-hours",
    "speech-book-table",
    "speech-change-address",
    "two-cities-best",
    "two-cities-wisdom",
    "two-cities-hope",
    "two-cities-everything",
    "two-cities-period",
)
"""Clips of one utterance: their only end is the end of a turn."""
ANSWERED_S = 10.0
"""Who hears nothing for so long has hung up."""


async def talk(
    address: ServerAddress,
    said: Sequence[Clip] | None = None,
    *,
    device: str = "unknown",
    turns: dict[str, object] | None = None,
    instructions: str | None = None,
) -> Conversation:
    """Say clips, one after the other was answered, and see when each answer was heard.

    Args:
        said: by default `TURNS`.
        turns: how the end of a turn is found; None leaves it to the server.

    Raises:
        ConnectionFailed: the server cannot be reached, or broke the call off.
    """
    chosen = [clip for clip in clips() if clip.id in TURNS] if said is None else list(said)
    clock = await probe_clock(address.url, address.key)
    async with calling(address, instructions, turns) as call:
        done = [await _turn(call, clip) for clip in chosen]
    timings = [turn.timing for turn in done if turn.timing is not None]
    dropped = sum(timing.dropped for timing in timings)
    begun = dropped + sum(timing.is_ahead for timing in timings)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Conversation(tuple(done), clock, device, begun, dropped, load)


async def _turn(call: Call, clip: Clip) -> TalkTurn:
    before, heard_before = len(call.answers), len(call.heard)
    end_s = clip.words[-1].end_s
    started_ns = call.room.say(clip.samples)
    end_ns = started_ns + round(end_s * 1e9)

    def answer() -> Answer | None:
        """The one to the whole turn: what was begun before its end was stopped."""
        late = [one for one in call.answers[before:] if (one.audible_ns or 0) > end_ns]
        return late[-1] if late else None

    await call.until(lambda: call.room.is_silent)
    try:
        await call.until(lambda: answer() is not None, ANSWERED_S)
        await call.answered()
    except TimeoutError:  # it shows as a turn without an answer
        pass
    found = answer() or Answer()
    return TalkTurn(
        said=clip.text,
        heard=" ".join(call.heard[heard_before:]),
        answer=found.text,
        end_ns=end_ns,
        audible_ns=found.audible_ns,
        timing=found.timing,
        cut=any((one.audible_ns or end_ns) < end_ns for one in call.answers[before:]),
    )
