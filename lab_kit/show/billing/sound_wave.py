"""The sound itself, as its loudness over time."""

from lab_kit.audio.pcm import FloatArray
from lab_kit.show.draw import theme
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

_COLUMNS = 170
"""Loudest samples that are drawn: a path of a few kilobytes."""


def draw_wave(
    svg: Svg, samples: FloatArray, rate_hz: int, across: Scale, top: float, bottom: float
) -> None:
    """Draw what is loudest in each column, above a base line and below it."""
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    step = max(1, len(samples) // _COLUMNS)
    loudest = max(float(abs(samples).max()), 1e-6) if len(samples) else 1.0
    upper, lower = [], []
    for begin in range(0, len(samples), step):
        x = across.px(begin / rate_hz)
        height = half * float(abs(samples[begin : begin + step]).max()) / loudest
        upper.append((x, middle - height))
        lower.append((x, middle + height))
    svg.polyline([*upper, *reversed(lower)], theme.NEUTRAL, 1.2)
    svg.grid((across.low_px, middle), (across.high_px, middle))
