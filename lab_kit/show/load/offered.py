"""Every request of a plan over time, and beneath it what the device did meanwhile.

The strip says whose figures it shows: NVIDIA's counters where there is a GPU, the operating
system's account of cores and memory elsewhere.
"""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.load import DeviceRecord, OfferedRequest, OpenLoopRun, Source
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import percentile_ms, standing, void_told
from lab_kit.show.draw.inks import BUDGET, FAINT, INK
from lab_kit.show.draw.layers import ABOVE, Crosses, Dots, Layer, Triangles, Words, beside
from lab_kit.show.draw.limits import limit_level_of_frame
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.load.frontier import LIMIT, ZERO
from lab_kit.show.load.strips import (
    LEFT_PX,
    RIGHT_PX,
    STRIP_PX,
    strip_frame,
    strip_layers,
    strip_scale,
)

_HIGHEST_MS, _CALM_MS = 1_500.0, 600.0
"""The one range holds a queue that grows; what is later is drawn on its edge. The other is enough
while nobody waits for longer."""
_TOP_PX, _EDGE_PX, _BOTTOM_PX = 26, 32, 212
_NEARLY_ALL = 0.95
"""A device that is busy for more of the time than this has no gaps worth speaking of."""


def offered(run: OpenLoopRun, device: DeviceRecord, title: str) -> None:
    """Draw each request's latency over the moment it was due, and the device beneath."""
    told = idle_verdict(run, device)
    verdict = Verdict(told)
    if run.generator_was_bottleneck:
        void = void_told(run.lateness_s, run.generator_cores)
        verdict = Verdict(f"{void} {told}", Sign.UNSAID)
    show_drawing(draw_offered(run, device, title), tabulate_offered(run, device), verdict)


def idle_verdict(run: OpenLoopRun, device: DeviceRecord) -> str:
    """Whether the device had gaps while requests waited, in a sentence."""
    met = sum(_came_behind(request, run) for request in run.counted)
    told = (
        f"The device was busy for {percent(device.busy_share)} of the time; {met} of "
        f"{len(run.counted)} requests came while an earlier one was not answered yet."
    )
    if met and device.busy_share < _NEARLY_ALL:
        return f"{told} It was idle and had a queue in the same run."
    if not met:
        return f"{told} Nobody met anybody: no bunch in this run. Run it again or for longer."
    return f"{told} It had no gaps left."


def _came_behind(request: OfferedRequest, run: OpenLoopRun) -> bool:
    """Whether an earlier request that was answered was in flight when this one was due.

    Of one that was refused or failed nobody knows when it ended.
    """
    return any(
        other.intended_ns < request.intended_ns < other.received_ns
        for other in run.requests
        if other.received_ns is not None
    )


def draw_offered(run: OpenLoopRun, device: DeviceRecord, title: str) -> Svg:
    """The picture; what was never answered stands on its upper edge."""
    ended = [((r.intended_ns - run.began_ns) / 1e9, r) for r in run.requests]
    svg = offered_frame(run.arrivals.seconds, ended, device, title)
    is_void = run.generator_was_bottleneck
    for layer in offered_layers(svg, run.arrivals.seconds, ended, device, is_void=is_void):
        layer.draw(svg)
    return svg


def offered_frame(
    seconds: float, ended: Sequence[tuple[float, OfferedRequest]], device: DeviceRecord, title: str
) -> Svg:
    """All of the picture but its marks.

    Args:
        seconds: how long the plan is.
        ended: requests that have, and when they were due.
    """
    lines = strips(device)
    bottom = _BOTTOM_PX + len(lines) * STRIP_PX
    refused = sum(request.error is not None for _, request in ended)
    marks = ["● answered", "▲ beyond the limit"]
    marks += [f"✕ {refused} never answered"] if refused else []
    svg = Svg(
        bottom + 40,
        "Was the device idle while requests waited?",
        f"{title}: a dot for each request by its latency, and the device beneath.",
        [title, device.device, f"strip: {device.source}", *marks],
        lines=(2, 2),
    )
    across, up = _scales(seconds, ended)
    axis_below(svg, across, _TOP_PX, bottom, "seconds since the plan began")
    axis_left(svg, up, LEFT_PX, RIGHT_PX, f"ms from {ZERO} to the answer", name_y=14)
    limit_level_of_frame(svg, up.px(ms(BUDGET_S)), LEFT_PX, RIGHT_PX, _TOP_PX, LIMIT)
    for index, (name, most, _) in enumerate(lines):
        strip_frame(svg, strip_scale(_BOTTOM_PX + index * STRIP_PX, most), name)
    return svg


def offered_layers(
    frame: Svg,
    seconds: float,
    ended: Sequence[tuple[float, OfferedRequest]],
    device: DeviceRecord,
    *,
    is_void: bool = False,
) -> list[Layer]:
    """A mark a request, and the device beneath.

    Args:
        frame: `offered_frame`; values are written where it has room.
    """
    across, up = _scales(seconds, ended)
    color, late = (theme.NEUTRAL, FAINT) if is_void else (theme.COMPUTE, BUDGET)
    inside: list[Point] = []
    beyond: list[Point] = []
    never: list[Point] = []
    told = []
    for due_s, request in ended:
        x, wait_ms = across.px(due_s), ms(request.latency_s)
        y = up.px(min(wait_ms, up.high))
        if request.error is not None:
            never.append((x, _TOP_PX + 7))
        elif wait_ms <= ms(BUDGET_S):
            inside.append((x, y))
        else:
            beyond.append((x, y))
            told.append(((x, y), f"{wait_ms:,.0f}" if wait_ms > up.high else ""))
    beneath: list[Layer] = []
    for index, (_, most, line) in enumerate(strips(device)):
        beneath += strip_layers(across, strip_scale(_BOTTOM_PX + index * STRIP_PX, most), line)
    return [
        Dots(inside, color),
        Triangles(beyond, late),
        Crosses(never),
        Words(beside(frame, told, ABOVE), FAINT if is_void else INK),
        *beneath,
    ]


def highest_ms(ended: Sequence[tuple[float, OfferedRequest]]) -> float:
    """Where the axis of latency ends."""
    answered = (request for _, request in ended if request.error is None)
    is_calm = all(ms(request.latency_s) <= _CALM_MS for request in answered)
    return _CALM_MS if is_calm else _HIGHEST_MS


def _scales(seconds: float, ended: Sequence[tuple[float, OfferedRequest]]) -> tuple[Scale, Scale]:
    up = Scale(0, highest_ms(ended), _BOTTOM_PX, _TOP_PX + _EDGE_PX)
    return Scale(0, seconds, LEFT_PX, RIGHT_PX), up


def tabulate_offered(run: OpenLoopRun, device: DeviceRecord) -> Table:
    """What was offered, what came of it, and what the device did, by whose account."""
    waits_s = [r.latency_s for r in run.counted]
    busiest = max((value for _, _, line in strips(device)[:1] for _, value in line), default=0.0)
    rows = [
        ("requests", str(len(run.counted))),
        ("offered per s", f"{run.offered_per_s:.1f}"),
        ("audio s per s", f"{run.audio_s_per_s:.1f}"),
        ("p50 ms", percentile_ms(waits_s, 0.5)),
        ("p95 ms", f"{percentile_ms(waits_s, 0.95)} {standing(len(waits_s))}".strip()),
        ("refused, failed", f"{run.refused}, {run.failed}"),
        ("sent late, p99 ms", f"{ms(run.lateness_s):.0f}"),
        (f"busiest moment ({device.source})", f"{busiest:.2f} of {strips(device)[0][1]:g}"),
    ]
    return Table("figure", ("", ""), rows)


def strips(device: DeviceRecord) -> list[tuple[str, float, list[tuple[float, float]]]]:
    """For each strip of the device its name, its full scale, and its line over seconds."""
    if device.source is Source.NVML:
        seen = [(s.at_s, s.gpu) for s in device.samples if s.gpu is not None]
        memory = max((gpu.memory_bytes for _, gpu in seen), default=1) / 1e9
        return [
            ("share of time in which the GPU ran anything", 1.0, [(t, g.busy) for t, g in seen]),
            (f"GPU memory, up to {memory:.1f} GB", memory, _gigabytes(device, of_gpu=True)),
        ]
    cores = len(device.samples[0].cores) if device.samples else 1
    times = [sample.at_s for sample in device.samples[1:]]
    resident = max((s.server_bytes for s in device.samples), default=1) / 1e9
    return [
        (
            f"cores that the server kept busy, of {cores}",
            float(cores),
            list(zip(times, device.server_cores, strict=False)),
        ),
        (
            f"server's resident memory, up to {resident:.2f} GB",
            resident,
            _gigabytes(device, of_gpu=False),
        ),
    ]


def _gigabytes(device: DeviceRecord, of_gpu: bool) -> list[tuple[float, float]]:
    if not of_gpu:
        return [(s.at_s, s.server_bytes / 1e9) for s in device.samples]
    return [(s.at_s, s.gpu.memory_bytes / 1e9) for s in device.samples if s.gpu is not None]
