"""What lab 04 teaches, on real speech and the real models: the directions, not the figures."""

import numpy as np
import pytest

from lab_kit import Bench, client, datasets
from lab_kit.audio.codecs import Codec
from lab_kit.audio.network.jitter import FixedDelay
from lab_kit.audio.network.packet_network import PacketNetwork
from lab_kit.experiments import sound
from lab_kit.experiments.sound import Noise
from lab_kit.experiments.sound.clicking import HEADER_BYTES
from lab_kit.measure.accuracy import word_error_rate


async def test_read_speech_survives_a_call_and_a_browser(bench: Bench) -> None:
    clips = [datasets.clip("two-cities-best-and-worst"), datasets.clip("speech-book-table")]
    codecs = [Codec(), Codec("mulaw", 8_000), Codec("opus", 16_000, 20_000)]
    async with client.Inference(bench.url) as model:
        reports = await sound.compare_codecs(model, clips, codecs)
    assert all(report.wer <= 0.1 for report in reports)
    sizes = [report.bytes_per_s for report in reports]
    assert sizes == sorted(sizes, reverse=True)


def test_a_network_tells_speech_from_noise_that_deafens_a_level(bench: Bench) -> None:
    found = sound.compare_detectors(
        [datasets.clip("two-cities-opening")], snrs_db=(5.0,), noises=(Noise.WHITE, Noise.PINK)
    )
    area = {(one.detector, one.noise): one.area for one in found}
    for noise in (Noise.WHITE, Noise.PINK):
        assert area["silero", noise] > area["energy", noise] + 0.05
    assert min(area["silero", Noise.CLEAN], area["energy", Noise.CLEAN]) > 0.9


def test_patience_cuts_less_and_waits_longer_on_real_pauses() -> None:
    clips = [datasets.clip("two-cities"), datasets.clip("speech-three-sentences")]
    found = sound.compare_silences(clips, (0.1, 0.3, 1.0))
    cut = [report.cut for report in found]
    assert cut == sorted(cut, reverse=True)
    assert cut[0] > cut[-1]
    waits = [float(np.median(report.waits_s)) for report in found]
    assert waits == pytest.approx([0.1, 0.3, 1.0], abs=0.06)


async def test_a_long_buffer_understands_what_a_short_one_loses(bench: Bench) -> None:
    clips = [datasets.clip("two-cities-opening")]
    network = PacketNetwork(jitter_s=0.08, seed=1)
    async with client.Inference(bench.url) as model:
        short, long = await sound.compare_buffers(
            model, clips, network, {"short": FixedDelay(0.02), "long": FixedDelay(0.5)}
        )
    assert short.late > 20 * max(1, long.late)
    assert long.wer <= 0.1
    assert long.wer <= short.wer


async def test_the_repaired_stream_is_understood_and_the_broken_one_refused(bench: Bench) -> None:
    clip = datasets.clip("two-cities-best")
    broken = sound.clicking(clip)
    refused = await sound.stream_pieces(bench, broken)
    assert "DATA-0000: chunk holds 3,245 bytes" in (refused.refusal or "")
    pcm16 = b"".join(piece[HEADER_BYTES:] for piece in broken)
    whole = [pcm16[start : start + 3_200] for start in range(0, len(pcm16), 3_200)]
    heard = await sound.stream_pieces(bench, whole)
    assert heard.refusal is None
    assert word_error_rate(clip.text, heard.text) <= 0.2
