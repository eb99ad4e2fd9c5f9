"""Detectors against each other: a curve a noise, every threshold at once, and what each saves."""

from collections.abc import Sequence

from lab_kit.audio.detect.vad import WINDOW_SAMPLES
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.sound import Detection, Noise
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.svg import FAINT, INK, Scale, Svg

_WINDOWS_PER_S = SAMPLE_RATE_HZ / WINDOW_SAMPLES
_LEFT_PX, _SIDE_PX, _GAP_PX, _TOP_PX = 66, 262, 96, 108


def detectors(found: Sequence[Detection], recognizer_ms_per_s: float) -> None:
    """Draw the curves of each detector in two noises, and list what every one finds and saves.

    Args:
        recognizer_ms_per_s: what the recognizer computes for a second of sound that it is given.

    Raises:
        ValueError: nothing was judged.
    """
    if not found:
        raise ValueError("no detector was judged")
    show_drawing(draw_detectors(found), tabulate_detectors(found, recognizer_ms_per_s))


def draw_detectors(found: Sequence[Detection]) -> str:
    """The picture as SVG: the clean clips and the hardest noise, side by side."""
    noisy = [one for one in found if one.snr_db is not None] or list(found)
    hardest = min(noisy, key=lambda one: (one.snr_db or 0.0, -list(Noise).index(one.noise)))
    clean = [one for one in found if one.snr_db is None]
    hard = [one for one in found if (one.noise, one.snr_db) == (hardest.noise, hardest.snr_db)]
    svg = Svg(_TOP_PX + _SIDE_PX + 58, "Receiver operating characteristics of the detectors")
    svg.text((22, 28), "Speech found against noise believed", size_px=theme.TITLE_PX, bold=True)
    names = [one.detector for one in clean or hard]
    end = svg.legend(zip(names, theme.series_colors(len(names)), strict=True), 50)
    svg.text((end, 50), "◆ the threshold in use; dotted: chance", role=FAINT)
    for index, group in enumerate([clean, hard]):
        if group:
            _panel(svg, _LEFT_PX + index * (_SIDE_PX + _GAP_PX), group)
    return svg.render()


def tabulate_detectors(found: Sequence[Detection], recognizer_ms_per_s: float) -> str:
    """One line a detector and noise; savings have the detector's own cost deducted."""
    rows = [
        ("noise", "SNR dB", "detector", "area", "found", "believed", "skipped", "µs", "saves ms/s")
    ]
    for one in found:
        cost_ms = one.us_per_window * _WINDOWS_PER_S / 1e3
        rows.append(
            (
                one.noise,
                "-" if one.snr_db is None else f"{one.snr_db:g}",
                one.detector,
                f"{one.area:.3f}",
                f"{one.at.hits:.0%}",
                f"{one.at.false_alarms:.0%}",
                f"{one.skipped:.0%}",
                f"{one.us_per_window:.0f}",
                f"{one.skipped * recognizer_ms_per_s - cost_ms:.1f}",
            )
        )
    return columns(rows) + (
        "\n\nfound: of speech; believed: of silence, taken for speech; at the threshold in use,"
        f" {found[0].at.threshold:g}"
        "\nskipped: silent windows that the recognizer is spared, of all"
        f"\nsaves: of {recognizer_ms_per_s:.0f} ms that the recognizer needs for a second of sound"
    )


def _panel(svg: Svg, left: float, group: Sequence[Detection]) -> None:
    across = Scale(0, 1, left, left + _SIDE_PX)
    up = Scale(0, 1, _TOP_PX + _SIDE_PX, _TOP_PX)
    first = group[0]
    title = (
        first.noise if first.snr_db is None else f"{first.noise}, {first.snr_db:g} dB below speech"
    )
    svg.text((left, _TOP_PX - 32), title, bold=True)
    svg.axis_below(across, _TOP_PX, _TOP_PX + _SIDE_PX, "share of silence taken for speech")
    svg.axis_left(up, left, left + _SIDE_PX, "found")
    svg.rule((across.px(0), up.px(0)), (across.px(1), up.px(1)), FAINT, 1, "2 4")
    for color, one in zip(theme.series_colors(len(group)), group, strict=True):
        svg.polyline([(across.px(p.false_alarms), up.px(p.hits)) for p in one.points], color, 2)
        svg.diamonds([(across.px(one.at.false_alarms), up.px(one.at.hits))], INK, 5)
