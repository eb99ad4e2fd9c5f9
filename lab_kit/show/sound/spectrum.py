"""Sound by frequency: what is in it, and what should not be."""

from collections.abc import Mapping

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.svg import Point, Scale, Svg

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 84, theme.WIDTH_PX - 30, 92, 290
LOWEST_DB = -100.0
_BANDS = 240


def spectrum(sounds: Mapping[str, tuple[FloatArray, int]]) -> None:
    """Draw the level of every frequency of each sound, and list the loudest.

    Args:
        sounds: samples and their rate, by name.
    """
    show_drawing(draw_spectrum(sounds), tabulate_spectrum(sounds))


def draw_spectrum(sounds: Mapping[str, tuple[FloatArray, int]]) -> str:
    """The picture as SVG."""
    svg = Svg(_BOTTOM_PX + 52, f"Spectra: {', '.join(sounds)}")
    svg.text((22, 28), "What is in the sound", size_px=theme.TITLE_PX, bold=True)
    highest = max(rate for _, rate in sounds.values()) / 2_000
    across = Scale(0, highest, _LEFT_PX, _RIGHT_PX)
    up = Scale(LOWEST_DB, 0, _BOTTOM_PX, _TOP_PX)
    svg.axis_below(across, _TOP_PX, _BOTTOM_PX, "kHz")
    svg.axis_left(up, _LEFT_PX, _RIGHT_PX, "dB")
    colors = theme.series_colors(len(sounds))
    for color, sound in zip(colors, sounds.values(), strict=True):
        svg.polyline([(across.px(khz), up.px(db)) for khz, db in bands(*sound)], color, 2)
    svg.legend(zip(sounds, colors, strict=True), 54)
    return svg.render()


def tabulate_spectrum(sounds: Mapping[str, tuple[FloatArray, int]]) -> str:
    """One line a sound: its rate, its loudest frequency and how loud that is."""
    rows = [("sound", "rate kHz", "loudest at kHz", "dB")]
    for name, (audio, rate_hz) in sounds.items():
        khz, db = max(bands(audio, rate_hz), key=lambda point: point[1])
        told = f"{khz:.1f}" if db > LOWEST_DB else "nothing"
        rows.append((name, f"{rate_hz / 1e3:g}", told, f"{db:.0f}"))
    return columns(rows)


def bands(audio: FloatArray, rate_hz: int) -> list[Point]:
    """The loudest of each narrow band: frequency in kHz and level in dB, a full-scale sine at 0."""
    middle = audio[len(audio) // 4 : -len(audio) // 4]
    window = np.hanning(len(middle))
    level = np.abs(np.fft.rfft(middle * window)) * 2 / window.sum()
    db = np.maximum(20 * np.log10(level + 1e-12), LOWEST_DB)
    khz = np.fft.rfftfreq(len(middle), 1_000 / rate_hz)
    groups = zip(np.array_split(khz, _BANDS), np.array_split(db, _BANDS), strict=True)
    return [(float(k[np.argmax(d)]), float(d.max())) for k, d in groups if len(d)]
