"""Sound as pictures: what must be in them, and in their tables."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from lab_kit.audio import signals
from lab_kit.audio.codecs import Codec
from lab_kit.audio.network.jitter import FixedDelay
from lab_kit.audio.network.packet_network import PacketNetwork
from lab_kit.experiments.sound import (
    CodecReport,
    Detection,
    NetworkReport,
    Noise,
    RocPoint,
    SilenceReport,
    carried,
)
from lab_kit.measure.confidence import JudgedWord
from lab_kit.show.sound.codecs import draw_codecs, least_verdict, tabulate_codecs
from lab_kit.show.sound.confidence import (
    draw_confidence,
    share_right_below,
    tabulate_confidence,
    verdict,
)
from lab_kit.show.sound.detectors import detectors, draw_detectors, tabulate_detectors
from lab_kit.show.sound.networks import buffer_verdict, buffers, draw_buffers, tabulate_buffers
from lab_kit.show.sound.silences import cut_share_within, draw_silences, silences, tabulate_silences
from lab_kit.show.sound.silences import verdict as silence_verdict
from lab_kit.show.sound.spectrum import draw_spectrum, tabulate_spectrum

REPORTS = [
    CodecReport(Codec(), 0.02, 32_000, 0.2, 0.1, 0.0, 0.0, 0.0, 0.06),
    CodecReport(Codec("opus", 16_000, 12_000), 0.02, 1_500, 9.0, 3.0, 0.0065, 0.001, 0.0, 0.09),
]
CURVE = (RocPoint(1, 0, 0), RocPoint(0.5, 0.9, 0.1), RocPoint(0, 1, 1))
FOUND = [
    Detection("energy", Noise.CLEAN, None, CURVE, 0.9, CURVE[1], 0.4, 10.0),
    Detection("energy", Noise.BABBLE, 0.0, CURVE, 0.6, CURVE[1], 0.0, 10.0),
]
WAITED = SilenceReport(0.2, 10, 5, 4, 2, 0, (0.19, 0.21))


def is_xml(svg: str) -> bool:
    return ElementTree.fromstring(svg).tag.endswith("svg")


def test_codecs_show_bits_delay_and_words() -> None:
    svg = draw_codecs(REPORTS).render()
    assert is_xml(svg)
    for told in ("256", "27.5", ">9.0<", "opus 16 kHz, 12 kbit/s"):
        assert told in svg
    opus = tabulate_codecs(REPORTS).text.splitlines()[2].split("kbit/s")[1].split()
    # 30 bytes of sound in 20 ms: 30 + 28 + 40 on a WebSocket, 30 + 40 in RTP
    assert opus[:4] == ["20", "12.0", "39.2", "28.0"]


def test_the_smallest_codec_that_keeps_the_words_is_named_from_the_run() -> None:
    assert "opus 16 kHz, 12 kbit/s" in least_verdict(REPORTS)
    starved = replace(REPORTS[1], wer_in_noise=0.3)
    assert "opus" not in least_verdict([REPORTS[0], starved])


def test_detectors_show_both_dins_and_what_is_saved_after_their_own_cost() -> None:
    svg = draw_detectors(FOUND).render()
    assert is_xml(svg)
    assert "clean" in svg
    assert "babble, 0 dB below speech" in svg
    rows = tabulate_detectors(FOUND, recognizer_ms_per_s=50).text.splitlines()
    assert rows[1].split()[-1] == "19.7"  # 0.4 x 50 ms less 31.25 windows of 10 µs
    assert rows[2].split()[-1] == "-0.3"
    with pytest.raises(ValueError, match="no detector"):
        detectors([], 50)


JUDGED = SilenceReport(0.2, 10, 2, 4, 1, 0, (0.19, 0.21, 0.95), unfinished_s=1.0)


def test_two_silences_are_drawn_beside_one_and_what_they_changed_is_told() -> None:
    drawing = draw_silences([WAITED], turns=[JUDGED])
    svg = drawing.render()
    assert is_xml(svg)
    assert ">or 1000 ms<" in svg
    assert "◆ 200 ms where it sounds finished, or longer" in drawing.notes
    told = silence_verdict([WAITED], [JUDGED])
    assert "200 or 1000 ms cut 2 pauses, 200 ms alone 5;" in told
    assert "p95 210 → 950 ms" in told
    assert silence_verdict([WAITED], []) == ""


def test_silences_show_the_trade_and_the_line() -> None:
    svg = draw_silences([WAITED], guess_percent=30).render()
    assert is_xml(svg)
    assert "300 ms: speaker stops → end declared" in svg or ">speaker stops → end declared<" in svg
    assert "your guess: 30 %" in svg
    assert tabulate_silences([WAITED]).text.splitlines()[1].split()[:3] == ["200", "5", "10"]
    with pytest.raises(ValueError, match="no sentence"):
        silences([SilenceReport(2.0, 1, 0, 1, 0, 1, ())])


def test_buffers_show_each_packet_and_each_delay() -> None:
    audio = signals.pink(16_000, 1) * np.float32(0.1)
    call = carried(audio, PacketNetwork(jitter_s=0.02, seed=1), FixedDelay(0.1))
    svg = draw_buffers({"fixed": call}).render()
    assert svg.count("h0M") == 50 - 1, "every packet, in one path"
    assert ">fixed<" in svg
    report = NetworkReport("fixed", 50, 0, 3, 3, 0, 0, (0.1, 0.12), 0.02)
    assert tabulate_buffers([report]).text.splitlines()[1].split()[-4:] == [
        "100",
        "120",
        "2.0",
        "%",
    ]
    with pytest.raises(ValueError, match="no call"):
        buffers({}, [])


def test_a_spectrum_names_the_loudest_and_says_nothing_of_silence() -> None:
    sounds = {
        "tone": (signals.tone(3_000, 1.0), 16_000),
        "silence": (np.zeros(16_000, np.float32), 16_000),
    }
    assert is_xml(draw_spectrum(sounds).render())
    rows = tabulate_spectrum(sounds).text.splitlines()
    assert rows[1].split() == ["tone", "16", "3.0", "-6"]
    assert "nothing" in rows[2]


def sure_of(*words: tuple[float, bool]) -> list[JudgedWord]:
    return [JudgedWord("word", sure, is_right) for sure, is_right in words]


SURE = sure_of((0.3, True), (0.4, False), *[(0.97, True)] * 18)


HIDDEN = sure_of(*[(0.6, True)] * 12, *[(0.98, True)] * 400)
"""What the average hides."""


def test_confidence_shows_each_range_and_the_guess() -> None:
    svg = draw_confidence(SURE, guess_percent=25).render()
    assert is_xml(svg)
    assert "your guess: 25 %" in svg
    assert svg.count("<circle") == 2
    rows = tabulate_confidence(SURE).text.splitlines()
    assert rows[1].split() == ["0.00", "to", "0.50", "0.35", "2", "1", "50", "%"]
    assert rows[2].split()[-3:] == ["18", "100", "%"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (SURE, "may be read as a chance"),
        (sure_of(*[(0.9, False)] * 5), "too sure of itself"),
        (sure_of(*[(0.6, True)] * 5), "surer than it says"),
        (sure_of(*[(0.96, True)] * 5), "No word was below 0.5"),
        (HIDDEN, "But from 0.50 to 0.70 more words are right than it says, by 40 points of 12"),
    ],
)
def test_the_verdict_follows_from_the_words(words: list[JudgedWord], told: str) -> None:
    assert told in verdict(words)


def test_the_verdict_counts_what_the_guess_is_about() -> None:
    assert "Of the 2 words below 0.5, 50 % were right." in verdict(SURE)
    assert share_right_below(SURE) == 0.5
    assert share_right_below(SURE[2:]) is None


def test_pauses_cut_within_the_line_are_those_of_the_longest_silence_that_fits() -> None:
    quick = replace(WAITED, silence_s=0.1, cut=9, waits_s=(0.1, 0.12))
    slow = replace(WAITED, silence_s=0.5, cut=1, waits_s=(0.5, 0.52))
    assert cut_share_within([quick, WAITED, slow], 0.3) == WAITED.cut_share
    assert cut_share_within([slow], 0.3) is None


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"concealed": 0, "delays_s": (0.2,)}, "Fewest to fill: second, 0, for 200 ms of delay"),
        ({"concealed": 0, "delays_s": (0.05,)}, "second delayed least and had the fewest frames"),
    ],
)
def test_the_verdict_on_buffers_follows_from_the_run(second: dict[str, Any], told: str) -> None:
    first = NetworkReport("first", 50, 0, 3, 3, 0, 0, (0.1, 0.12), 0.02)
    assert told in buffer_verdict([first, replace(first, buffer="second", **second)])
