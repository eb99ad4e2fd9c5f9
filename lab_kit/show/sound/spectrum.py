"""Sound by frequency: what is in it, and what should not be."""

from collections.abc import Mapping

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.table import Table
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.labels import name_ends
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX, 34, 230
LOWEST_DB = -100.0
_BANDS = 240


def spectrum(sounds: Mapping[str, tuple[FloatArray, int]]) -> None:
    """Draw the level of every frequency of each sound, and list the loudest.

    Args:
        sounds: samples and their rate, by name.
    """
    verdict = Verdict(spectrum_verdict(sounds))
    show_drawing(draw_spectrum(sounds), tabulate_spectrum(sounds), verdict)


def spectrum_verdict(sounds: Mapping[str, tuple[FloatArray, int]]) -> str:
    """Where each sound is loudest, in a sentence."""
    told = [f"{name} {_loudest(*sound)}" for name, sound in sounds.items()]
    return f"Loudest: {', '.join(told)}."


def draw_spectrum(sounds: Mapping[str, tuple[FloatArray, int]]) -> Svg:
    """The picture; each line has its name at its highest point."""
    svg = Svg(
        _BOTTOM_PX + 40,
        "What is in the sound?",
        f"The level of every frequency of {', '.join(sounds)}.",
        ["0 dB: a sine at full scale"],
    )
    highest = max(rate for _, rate in sounds.values()) / 2_000
    across = Scale(0, highest, _LEFT_PX, _RIGHT_PX)
    up = Scale(LOWEST_DB, 0, _BOTTOM_PX, _TOP_PX)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "kHz")
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, "dB of full scale")
    colors = dict(zip(sounds, theme.series_colors(len(sounds)), strict=True))
    peaks: dict[str, Point] = {}
    for name, sound in sounds.items():
        line = [(across.px(khz), up.px(db)) for khz, db in bands(*sound)]
        svg.polyline(line, colors[name])
        peaks[name] = min(line, key=lambda point: point[1])
    name_ends(svg, peaks, colors)
    return svg


def tabulate_spectrum(sounds: Mapping[str, tuple[FloatArray, int]]) -> Table:
    """One line a sound: its rate, its loudest frequency and how loud that is."""
    rows = []
    for name, (audio, rate_hz) in sounds.items():
        khz, db = _highest(audio, rate_hz)
        told = f"{khz:.1f}" if db > LOWEST_DB else "nothing"
        rows.append((name, f"{rate_hz / 1e3:g}", told, f"{db:.0f}"))
    return Table("sound", ("sound", "rate kHz", "loudest at kHz", "dB"), rows)


def _highest(audio: FloatArray, rate_hz: int) -> Point:
    return max(bands(audio, rate_hz), key=lambda point: point[1])


def _loudest(audio: FloatArray, rate_hz: int) -> str:
    khz, db = _highest(audio, rate_hz)
    return f"at {khz:.1f} kHz" if db > LOWEST_DB else "nowhere"


def bands(audio: FloatArray, rate_hz: int) -> list[Point]:
    """The loudest of each narrow band: frequency in kHz and level in dB, a full-scale sine at 0."""
    middle = audio[len(audio) // 4 : -len(audio) // 4]
    window = np.hanning(len(middle))
    level = np.abs(np.fft.rfft(middle * window)) * 2 / window.sum()
    db = np.maximum(20 * np.log10(level + 1e-12), LOWEST_DB)
    khz = np.fft.rfftfreq(len(middle), 1_000 / rate_hz)
    groups = zip(np.array_split(khz, _BANDS), np.array_split(db, _BANDS), strict=True)
    return [(float(k[np.argmax(d)]), float(d.max())) for k, d in groups if len(d)]
