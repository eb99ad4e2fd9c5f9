"""Packets that come late, out of order or never: what is played, how late, and what is counted."""

import numpy as np
import pytest

from lab_kit.audio import signals
from lab_kit.audio.network.concealment import JOIN_SAMPLES, PlaySilence, RepeatPitch, pitch_samples
from lab_kit.audio.network.jitter import AdaptiveDelay, FixedDelay, JitterBuffer, Packet
from lab_kit.audio.network.packet_network import PacketNetwork
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter

FRAME = 320
FRAME_S = 0.02


def packets(count: int, level: float = 0.5) -> list[Packet]:
    """Each frame holds its own number, so that what is played can be read."""
    return [
        Packet(n, n * FRAME_S, np.full(FRAME, level * (n + 1) / count, np.float32))
        for n in range(count)
    ]


def play(
    buffer: JitterBuffer, sent: list[Packet], arrivals_s: list[float | None], pops: int
) -> list[FloatArray]:
    """Let the packets arrive and pop once a frame."""
    coming = sorted(
        ((at_s, p) for at_s, p in zip(arrivals_s, sent, strict=True) if at_s is not None),
        key=lambda each: each[0],
    )
    played = []
    for step in range(pops):
        now_s = step * FRAME_S
        while coming and coming[0][0] <= now_s + 1e-9:
            at_s, packet = coming.pop(0)
            buffer.push(packet, at_s)
        frame = buffer.pop(now_s)
        if frame is not None:
            played.append(frame)
    return played


def test_a_calm_network_costs_the_buffers_delay_and_nothing_else() -> None:
    sent = packets(10)
    buffer = JitterBuffer(FRAME, FixedDelay(0.06), PlaySilence())
    played = play(buffer, sent, [p.sent_s + 0.02 for p in sent], pops=14)
    assert np.array_equal(np.concatenate(played), np.concatenate([p.audio for p in sent]))
    assert buffer.report.delays_s == pytest.approx([0.06] * 10)
    assert (buffer.report.late, buffer.report.concealed, buffer.report.lost) == (0, 0, 0)


def test_nothing_is_played_before_the_delay_is_over() -> None:
    buffer = JitterBuffer(FRAME, FixedDelay(0.06))
    assert buffer.pop(0.0) is None
    buffer.push(packets(1)[0], 0.1)
    assert buffer.pop(0.15) is None
    assert buffer.pop(0.16) is not None


def test_what_overtakes_is_put_in_order_even_at_the_beginning() -> None:
    sent = packets(4)
    buffer = JitterBuffer(FRAME, FixedDelay(0.06), PlaySilence())
    played = play(buffer, sent, [0.05, 0.03, 0.09, 0.07], pops=9)
    assert [float(f[0]) for f in played[:4]] == [float(p.audio[0]) for p in sent]


def test_late_and_lost_are_told_apart_and_both_concealed() -> None:
    sent = packets(5)
    arrivals: list[float | None] = [p.sent_s for p in sent]
    arrivals[1], arrivals[3] = None, arrivals[3] + 0.2  # type: ignore[operator]
    buffer = JitterBuffer(FRAME, FixedDelay(0.02), PlaySilence())
    played = play(buffer, sent, arrivals, pops=20)
    assert [bool(frame.any()) for frame in played[:5]] == [True, False, True, False, True]
    report = buffer.report
    assert report.late == 1
    assert report.received == 4
    assert report.lost == report.concealed - 1


def test_an_adaptive_buffer_holds_less_where_the_network_is_calm_and_more_where_not() -> None:
    sent = packets(500, level=0.005)  # all quiet, so it may shrink at any frame
    medians, late = [], []
    for jitter_s in (0.0, 0.03):
        arrivals = PacketNetwork(jitter_s=jitter_s, seed=3).arrivals_s([p.sent_s for p in sent])
        buffer = JitterBuffer(FRAME, AdaptiveDelay())
        play(buffer, sent, arrivals, pops=510)
        medians.append(float(np.median(buffer.report.delays_s)))
        late.append(buffer.report.late)
    assert medians[0] <= 0.04
    assert 0.06 < medians[1] < 0.25
    assert late[0] == 0
    assert late[1] < 0.08 * 500


def test_an_adaptive_buffer_shrinks_again_by_leaving_out_quiet_frames() -> None:
    sent = packets(600, level=0.005)
    arrivals: list[float | None] = [
        p.sent_s + (0.1 if 20 <= p.sequence < 60 and p.sequence % 3 == 0 else 0.0) for p in sent
    ]
    buffer = JitterBuffer(FRAME, AdaptiveDelay())
    play(buffer, sent, arrivals, pops=620)
    assert max(buffer.report.delays_s) >= 0.08
    assert buffer.report.delays_s[-100] <= 0.045
    assert buffer.report.inserted > 0
    assert buffer.report.left_out > 0


def test_it_does_not_leave_out_what_can_be_heard() -> None:
    sent = packets(300, level=0.5)
    arrivals: list[float | None] = [p.sent_s + (0.2 if p.sequence == 0 else 0.0) for p in sent]
    buffer = JitterBuffer(FRAME, AdaptiveDelay(), PlaySilence())
    play(buffer, sent, arrivals, pops=300)
    assert buffer.report.left_out <= 300 * 0.01 / 0.5 + 1


def test_a_gap_in_a_voice_is_filled_in_its_own_pitch_and_fades() -> None:
    voice = signals.tone(160, 0.2)  # a period of 100 samples
    concealer = RepeatPitch()
    for start in range(0, 3_200 - FRAME, FRAME):
        concealer.follow(voice[start : start + FRAME])
    assert pitch_samples(voice[: 3_200 - FRAME]) % 100 == 0
    filled = concealer.fill(FRAME)
    expected = voice[3_200 - FRAME :]
    assert np.corrcoef(filled, expected)[0, 1] > 0.95
    assert np.abs(filled[:80] - expected[:80]).max() < 0.1
    longer = [concealer.fill(FRAME) for _ in range(3)]
    assert np.abs(longer[0]).max() < np.abs(filled).max()
    assert not longer[-1].any()


def test_sound_comes_back_without_a_step() -> None:
    voice = signals.tone(160, 0.2)
    concealer = RepeatPitch()
    concealer.follow(voice[:1_600])
    filled = concealer.fill(FRAME)
    back = concealer.follow(voice[1_973 : 1_973 + FRAME])  # out of phase on purpose
    steepest = np.abs(np.diff(voice)).max()
    assert abs(back[0] - filled[-1]) < 3 * steepest
    assert np.array_equal(back[JOIN_SAMPLES:], voice[1_973 + JOIN_SAMPLES : 1_973 + FRAME])


def test_the_network_loses_and_delays_as_told_and_the_same_each_time() -> None:
    sent_s = [n * FRAME_S for n in range(20_000)]
    network = PacketNetwork(delay_s=0.03, jitter_s=0.01, loss=0.1, burst=3.0, seed=5)
    arrivals = network.arrivals_s(sent_s)
    assert arrivals == network.arrivals_s(sent_s)
    lost = np.array([at_s is None for at_s in arrivals])
    assert lost.mean() == pytest.approx(0.1, abs=0.015)
    bursts = np.count_nonzero(lost[1:] & ~lost[:-1])
    assert lost.sum() / bursts == pytest.approx(3.0, abs=0.4)
    waits = [at - s - 0.03 for at, s in zip(arrivals, sent_s, strict=True) if at is not None]
    assert min(waits) >= -1e-9
    assert np.mean(waits) == pytest.approx(0.01, abs=0.001)


@pytest.mark.parametrize("wrong", [{"loss": 1.0}, {"burst": 0.5}, {"jitter_s": -1.0}])
def test_a_network_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter):
        PacketNetwork(**wrong).arrivals_s([0.0])  # type: ignore[arg-type]
