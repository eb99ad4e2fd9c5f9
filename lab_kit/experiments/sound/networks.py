"""Real speech over a network that delays and loses packets, with different buffers at its end.

Nothing waits: packets and frames carry the times that they would have had. The text is a real
model's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab_kit.audio.codecs import PCM16
from lab_kit.audio.network.concealment import Concealer, RepeatPitch
from lab_kit.audio.network.jitter import (
    AdaptiveDelay,
    FixedDelay,
    JitterBuffer,
    JitterReport,
    Packet,
)
from lab_kit.audio.network.packet_network import PacketNetwork
from lab_kit.audio.pcm import FloatArray, to_float
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip
from lab_kit.experiments.sound.codec_costs import Recognizer, heard_wrong

FRAME_S = 0.02
_FINISH_S = 5.0
"""No buffer holds anything for so long."""


@dataclass(frozen=True, slots=True)
class PlayedAudio:
    """One recording after the network.

    Attributes:
        audio: what was played, (samples,) at 16 kHz, concealment included.
        lateness_s: of each packet that came, after the fastest.
    """

    audio: FloatArray
    report: JitterReport
    lateness_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """One buffer on one network.

    Attributes:
        frames: sent in all.
        lost, late, concealed, inserted, left_out: as `audio.network.jitter.JitterReport` counts
            them.
        delays_s: of every frame played, in the order of the calls.
        wer: word error rate of what was played.
    """

    buffer: str
    frames: int
    lost: int
    late: int
    concealed: int
    inserted: int
    left_out: int
    delays_s: tuple[float, ...]
    wer: float


async def compare_buffers(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    network: PacketNetwork,
    buffers: Mapping[str, FixedDelay | AdaptiveDelay],
    new_concealer: Callable[[], Concealer] = RepeatPitch,
) -> list[NetworkReport]:
    """Send the clips over the network into each buffer, and have a model listen.

    Args:
        new_concealer: what fills the gaps.
    """
    reports = []
    for name, delay in buffers.items():
        calls = [carried(clip.samples, network, delay, new_concealer()) for clip in clips]
        wer = await heard_wrong(recognizer, clips, [call.audio for call in calls])
        reports.append(_summed(name, calls, wer))
    return reports


def carried(
    audio: FloatArray,
    network: PacketNetwork,
    delay: FixedDelay | AdaptiveDelay,
    concealer: Concealer | None = None,
) -> PlayedAudio:
    """Send (samples,) at 16 kHz as frames of 20 ms and play what arrives."""
    packets = _packets(audio)
    arrivals_s = network.arrivals_s([packet.sent_s for packet in packets])
    coming = sorted(
        ((at_s, p) for at_s, p in zip(arrivals_s, packets, strict=True) if at_s is not None),
        key=lambda each: each[0],
    )
    buffer = JitterBuffer(len(packets[0].audio), delay, concealer)
    played, now_s, last_s = [], 0.0, len(packets) * FRAME_S + _FINISH_S
    waiting = iter([*coming, (float("inf"), packets[0])])
    due = next(waiting)
    while _done(buffer) < len(packets) and now_s < last_s:
        while due[0] <= now_s + 1e-9:
            buffer.push(due[1], due[0])
            due = next(waiting)
        frame = buffer.pop(now_s)
        played += [] if frame is None else [frame]
        now_s += FRAME_S
    transits_s = [at_s - packet.sent_s for at_s, packet in coming]
    lateness_s = tuple(t - min(transits_s) for t in transits_s)
    return PlayedAudio(
        np.concatenate([np.zeros(0, np.float32), *played]), buffer.report, lateness_s
    )


def _packets(audio: FloatArray) -> list[Packet]:
    encoder = PCM16.encoder(FRAME_S)
    messages = [*encoder.push(audio), *encoder.flush()]
    size = encoder.frame_samples
    frames = [to_float(message, PCM16.encoding) for message in messages]
    padded = [np.pad(frame, (0, size - len(frame))) for frame in frames]
    return [Packet(n, (n + 1) * size / SAMPLE_RATE_HZ, f) for n, f in enumerate(padded)]


def _done(buffer: JitterBuffer) -> int:
    """Frames whose turn has come."""
    return len(buffer.report.delays_s) + buffer.report.left_out


def _summed(name: str, calls: Sequence[PlayedAudio], wer: float) -> NetworkReport:
    reports = [call.report for call in calls]
    return NetworkReport(
        buffer=name,
        frames=sum(len(r.delays_s) + r.left_out for r in reports),
        lost=sum(r.lost for r in reports),
        late=sum(r.late for r in reports),
        concealed=sum(r.concealed for r in reports),
        inserted=sum(r.inserted for r in reports),
        left_out=sum(r.left_out for r in reports),
        delays_s=tuple(delay for r in reports for delay in r.delays_s),
        wer=wer,
    )
