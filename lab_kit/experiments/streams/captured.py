"""A stream with a running server, recorded: every message of both sides."""

from typing import Protocol

import numpy as np

from lab_kit.client import ServerAddress
from lab_kit.client.judging import OWN, reading_of, recorded
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip
from lab_kit.protocol.judge.capture import Capture
from lab_kit.protocol.judge.conversation import Carrier, seen_in
from lab_kit.protocol.judge.seen import Seen

TAIL_S = 0.8
"""Silence behind the speech, so that its last word is followed by an endpoint in every dialect."""


class Target(Protocol):
    """A running server, such as a bench or a caller behind a network."""

    @property
    def address(self) -> ServerAddress: ...


async def captured(
    target: Target, clip: Clip, dialect: str = OWN, wire: str = Carrier.WEBSOCKET
) -> Capture:
    """Stream a clip at the pace of speech, and record both sides.

    Args:
        dialect: one of `client.judging.DIALECTS`.
        wire: of our own messages: ``websocket``, ``sse`` or ``grpc``.

    Raises:
        LabError: the server cannot be reached.
    """
    quiet = np.zeros(round(TAIL_S * SAMPLE_RATE_HZ), np.float32)
    audio = np.concatenate([clip.samples, quiet])
    return await recorded(dialect, target.address, audio, Carrier(wire))


def read_back(capture: Capture) -> list[Seen]:
    """What was seen of a recorded stream, in no provider's words."""
    return seen_in(capture, reading_of(capture.head.dialect))
