"""Who uses the server while it is attacked: callers who speak, and a probe that asks for health."""

import asyncio
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx

from lab_kit import datasets
from lab_kit.audio.sources.recordings import PacedRecording, SourceChunk
from lab_kit.bench import Bench
from lab_kit.bench.caller import paced
from lab_kit.core.call_record import Spoken
from lab_kit.core.errors import LabError
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import transcript, utterance_delays

CLIP = "two-cities-best-and-worst"
PAUSE_S = 1.0
"""Between two times that the clip is said, so that an endpoint is found."""
HEALTH_EVERY_S = 0.1
HEALTH_PATIENCE_S = 60.0
ELSEWHERE = "127.0.0.2" if sys.platform == "linux" else None
"""Who looks after servers is another machine than the attacker's; only Linux has this address."""


class Speaker:
    """The clip said again and again until it is enough: a source for `client.stream_over`."""

    name, encoding, rate_hz, waits_itself = CLIP, "linear16", 16_000, False

    def __init__(self) -> None:
        said = paced(datasets.clip(CLIP))
        self._once: PacedRecording = replace(said, tail_s=PAUSE_S)
        self._spoken: list[Spoken] = []
        self.chunk_s = said.chunk_s
        self.is_enough = False

    @property
    def spoken(self) -> tuple[Spoken, ...]:
        """What was said so far, each time with its own times."""
        return tuple(self._spoken)

    def chunks(self) -> Iterator[SourceChunk]:
        """The sound in order; it ends only after the clip's last word."""
        before_s = 0.0
        while not self.is_enough:
            self._spoken += [
                replace(one, start_s=one.start_s + before_s, end_s=one.end_s + before_s)
                for one in self._once.spoken
            ]
            for chunk in self._once.chunks():
                yield replace(chunk, end_s=before_s + chunk.end_s)
            before_s += chunk.end_s


@dataclass(frozen=True, slots=True)
class Heard:
    """What one caller got.

    Attributes:
        error_rate: errors per word that was said.
        delays_s: of each utterance's last final; infinite where none came.
        broken: why the stream ended early; None if it did not.
    """

    error_rate: float
    delays_s: tuple[float, ...]
    broken: str | None = None


async def speak(bench: Bench, speaker: Speaker) -> Heard:
    """Be one caller until the speaker has said enough."""
    try:
        call = await bench.stream(speaker)
    except LabError as error:
        return Heard(1.0, (math.inf,), str(error))
    truth = " ".join(one.text for one in call.spoken)
    delays = [d.final_delay_s for d in utterance_delays(call)]
    return Heard(
        word_error_rate(truth, transcript(call)),
        tuple(math.inf if delay is None else delay for delay in delays),
    )


async def probe_health(url: str, waits_s: list[float]) -> None:
    """Ask for ``/healthz`` over new connections until cancelled, and note how long each took."""
    # who looks after servers opens a connection each time, and so finds a server that takes none
    way = httpx.AsyncHTTPTransport(
        limits=httpx.Limits(max_keepalive_connections=0), local_address=ELSEWHERE
    )
    async with httpx.AsyncClient(
        base_url=url, trust_env=False, transport=way, timeout=HEALTH_PATIENCE_S
    ) as client:
        while True:
            asked_s = time.perf_counter()
            answer = await client.get("/healthz")
            waits_s.append(time.perf_counter() - asked_s)
            answer.raise_for_status()
            await asyncio.sleep(HEALTH_EVERY_S)
