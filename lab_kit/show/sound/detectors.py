"""Detectors against each other: a curve a noise, every threshold at once, and what each saves."""

from collections.abc import Sequence

from lab_kit.audio.detect.vad import WINDOW_SAMPLES
from lab_kit.core.table import Table
from lab_kit.core.units import SAMPLE_RATE_HZ, percent
from lab_kit.experiments.sound import Detection, Noise
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT, INK
from lab_kit.show.draw.labels import name_ends
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

_WINDOWS_PER_S = SAMPLE_RATE_HZ / WINDOW_SAMPLES
_LEFT_PX, _SIDE_PX, _GAP_PX, _TOP_PX = 64, 290, 92, 46


def detectors(found: Sequence[Detection], recognizer_ms_per_s: float) -> None:
    """Draw the curves of each detector in two noises, and list what every one finds and saves.

    Args:
        recognizer_ms_per_s: what the recognizer computes for a second of sound that it is given.

    Raises:
        ValueError: nothing was judged.
    """
    if not found:
        raise ValueError("no detector was judged")
    table = tabulate_detectors(found, recognizer_ms_per_s)
    show_drawing(draw_detectors(found), table, Verdict(detectors_verdict(found)))


def detectors_verdict(found: Sequence[Detection]) -> str:
    """What each detector did in the hardest noise, in a sentence."""
    _, hard = _groups(found)
    ordered = sorted(hard, key=lambda one: one.area, reverse=True)
    told = [
        f"{one.detector} finds {percent(one.at.hits)} of the speech and takes "
        f"{percent(one.at.false_alarms)} of the silence for it"
        for one in ordered
    ]
    return f"{_noise(hard[0])}: {'; '.join(told)}."


def draw_detectors(found: Sequence[Detection]) -> Svg:
    """The picture: the clean clips and the hardest noise, side by side."""
    svg = Svg(
        _TOP_PX + _SIDE_PX + 40,
        "Which detector finds speech, and what does it believe of noise?",
        "Curves of all thresholds: speech found against silence taken for speech.",
        [f"◆ the threshold in use, {found[0].at.threshold:g}", "dotted: chance"],
    )
    for index, group in enumerate(_groups(found)):
        if group:
            _panel(svg, _LEFT_PX + index * (_SIDE_PX + _GAP_PX), group)
    return svg


def _groups(found: Sequence[Detection]) -> tuple[list[Detection], list[Detection]]:
    """Those without noise, and those in the hardest."""
    noisy = [one for one in found if one.snr_db is not None] or list(found)
    hardest = min(noisy, key=lambda one: (one.snr_db or 0.0, -list(Noise).index(one.noise)))
    clean = [one for one in found if one.snr_db is None]
    hard = [one for one in found if (one.noise, one.snr_db) == (hardest.noise, hardest.snr_db)]
    return clean, hard


def tabulate_detectors(found: Sequence[Detection], recognizer_ms_per_s: float) -> Table:
    """One line a detector and noise; savings have the detector's own cost deducted."""
    head = ("noise", "SNR dB", "detector", "area", "found", "believed", "skipped", "µs")
    rows = []
    for one in found:
        cost_ms = one.us_per_window * _WINDOWS_PER_S / 1e3
        rows.append(
            (
                one.noise,
                "-" if one.snr_db is None else f"{one.snr_db:g}",
                one.detector,
                f"{one.area:.3f}",
                percent(one.at.hits),
                percent(one.at.false_alarms),
                percent(one.skipped),
                f"{one.us_per_window:.0f}",
                f"{one.skipped * recognizer_ms_per_s - cost_ms:.1f}",
            )
        )
    notes = (
        "",
        "found: of speech; believed: of silence, taken for speech; at the threshold in use,"
        f" {found[0].at.threshold:g}",
        "skipped: silent windows that the recognizer is spared, of all",
        f"saves: of {recognizer_ms_per_s:,.0f} ms that the recognizer needs for a second of sound",
    )
    return Table("noise and detector", (*head, "saves ms/s"), rows, notes)


def _noise(one: Detection) -> str:
    """In what it listened."""
    return one.noise if one.snr_db is None else f"{one.noise}, {one.snr_db:g} dB below speech"


def _panel(svg: Svg, left: float, group: Sequence[Detection]) -> None:
    across = Scale(0, 1, left, left + _SIDE_PX)
    up = Scale(0, 1, _TOP_PX + _SIDE_PX, _TOP_PX)
    svg.text((left, 10), _noise(group[0]), bold=True)
    axis_below(svg, across, _TOP_PX, _TOP_PX + _SIDE_PX, "share of silence taken for speech")
    axis_left(svg, up, left, left + _SIDE_PX, "share of speech found")
    svg.rule((across.px(0), up.px(0)), (across.px(1), up.px(1)), FAINT, 1, "2 4")
    colors = dict(
        zip((one.detector for one in group), theme.series_colors(len(group)), strict=True)
    )
    uses: dict[str, Point] = {}
    for one in group:
        curve = [(across.px(p.false_alarms), up.px(p.hits)) for p in one.points]
        svg.polyline(curve, colors[one.detector])
        uses[one.detector] = across.px(one.at.false_alarms), up.px(one.at.hits)
    svg.diamonds(uses.values(), INK, 5)
    name_ends(svg, uses, colors)
