"""Calls over a network: nothing is lost from the account, and the buffers differ as they must."""

from pathlib import Path

import numpy as np
from made_clips import clip

from lab_kit.audio import signals
from lab_kit.audio.network.concealment import PlaySilence
from lab_kit.audio.network.jitter import AdaptiveDelay, FixedDelay
from lab_kit.audio.network.packet_network import PacketNetwork
from lab_kit.audio.pcm import FloatArray
from lab_kit.client import InferCall
from lab_kit.datasets import Word
from lab_kit.experiments.sound import carried, compare_buffers

VOICE = signals.pink(16_000 * 4, 3) * np.float32(0.1)


class CountsGaps:
    """Says a wrong word for each frame of silence."""

    async def infer(self, audio: FloatArray) -> InferCall:
        gaps = sum(not frame.any() for frame in audio.reshape(-1, 320))
        return InferCall("yes" + " no" * gaps, 0.0, 0, 0, 0, "1", 0, 0)


def test_a_perfect_network_changes_nothing() -> None:
    call = carried(VOICE, PacketNetwork(), FixedDelay(0.04))
    assert np.abs(call.audio - VOICE).max() < 1e-4
    assert call.report.concealed == 0
    assert max(call.lateness_s) < 1e-9


def test_every_frame_is_accounted_for() -> None:
    network = PacketNetwork(jitter_s=0.03, loss=0.05, burst=2, seed=1)
    for delay in (FixedDelay(0.06), AdaptiveDelay()):
        report = carried(VOICE, network, delay).report
        assert len(report.delays_s) + report.left_out == 200
        assert report.received == 200 - report.lost
        assert report.concealed == report.lost + report.late
        assert report.lost > 0


async def test_a_longer_delay_loses_less_and_the_words_show_it(tmp_path: Path) -> None:
    spoken = clip(tmp_path, (Word("yes", 0.5, 2.0),), 3.0)
    short, long = await compare_buffers(
        CountsGaps(),
        [spoken],
        PacketNetwork(jitter_s=0.03, seed=1),
        {"short": FixedDelay(0.03), "long": FixedDelay(0.3)},
        PlaySilence,
    )
    assert short.late > 10
    assert (long.late, long.concealed, long.wer) == (0, 0, 0.0)
    assert short.wer >= short.concealed
    assert min(long.delays_s) > max(short.delays_s)
