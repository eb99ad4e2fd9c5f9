"""A live load while it runs: finals appear as they come, beside the number of open streams.

The generator has a thread and an event loop of its own; the cell draws and waits. What is drawn is
`show.live.state`'s arithmetic, one state a call.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from lab_kit.bench import Bench
from lab_kit.core.events import StreamOptions
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.datasets import Clip
from lab_kit.experiments import load
from lab_kit.experiments.load import CallPlan, LiveLoad
from lab_kit.measure.calls import INFERENCE, QUEUE_WAIT
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import DisplayHandle, picture_bundle, show_drawing, table_bundle
from lab_kit.show.draw.figures import NEVER, percentile_told
from lab_kit.show.draw.moving_plot import TEMPLATE, MovingPlot
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.table import Table
from lab_kit.show.draw.verdict import Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click
from lab_kit.show.live.state import Point
from lab_kit.show.load.load import (
    HIGHEST_MS,
    LIMIT,
    draw_load,
    load_verdict,
    tabulate_load,
)
from lab_kit.show.load.progress import LoadProgress

_DRAW_S = 0.25
_HEIGHT_PX = 320
_LAST_S = 10.0
"""The percentile beside the plot is of the finals of so many seconds."""


async def live_load(
    bench: Bench,
    plan: CallPlan,
    clips: Sequence[Clip],
    *,
    options: StreamOptions | None = None,
    warm_up_s: float = 0.0,
    title: str = "Every turn of every caller",
) -> LiveLoad:
    """Carry out a plan of calls, draw it while it runs, and leave a still picture and a table.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still picture is shown.

    Raises:
        ConnectionFailed, InvalidParameter: see `load.call_all`.
    """
    seen = LoadProgress()
    calling = load.call_all(bench, plan, clips, options=options, warm_up_s=warm_up_s, watcher=seen)
    with ThreadPoolExecutor(1, "lab-load") as thread:
        running = asyncio.wrap_future(thread.submit(asyncio.run, calling))
        if not can_click():
            run = await running
            show_drawing(draw_load(run, title), tabulate_load([run]), load_verdict(run, title))
            return run
        screen = _Screen(title, bench.device, plan)
        while not running.done():
            screen.draw(*seen.now())
            await asyncio.wait({running}, timeout=_DRAW_S)
        run = running.result()
    screen.end(draw_load(run, title), tabulate_load([run]), load_verdict(run, title))
    return run


class _Screen:
    """A moving plot under the cell, which a still one replaces at the end."""

    def __init__(self, title: str, device: str, plan: CallPlan) -> None:
        self._figure = _figure(title, device, plan)
        self._plot = MovingPlot(self._figure)
        self._line = widgets.HTML()
        self._box = widgets.VBox([self._plot, self._line], layout=widgets.Layout(width="100%"))
        self._output = WidgetOutput(self._box, f"{title}: not over yet when this was saved.")
        self._picture, self._table = DisplayHandle.reserve(), DisplayHandle.reserve()

    def draw(
        self, now_s: float, finals: list[Point], streams: list[tuple[float, int]], refused: int
    ) -> None:
        """Everything as of now."""
        self._figure.data[0].x = np.array([point.at_s for point in finals])
        delays_ms = ms(1) * np.array([point.delay_s for point in finals])
        self._figure.data[0].y = np.minimum(delays_ms, HIGHEST_MS)
        self._figure.data[1].x = np.array([at_s for at_s, _ in streams])
        self._figure.data[1].y = np.array([count for _, count in streams])
        self._plot.show(self._figure)
        latest = [point.delay_s for point in finals if point.at_s >= now_s - _LAST_S]
        late = sum(point.delay_s == NEVER for point in finals)
        self._line.value = (
            f'<span class="lab-live-load" style="{theme.FINAL_STYLE}">{streams[-1][1]} streams;'
            f" p95 of the last {_LAST_S:.0f} s: {percentile_told(latest, 0.95)};"
            f" {refused} refused, {late} turns without a final</span>"
        )

    def end(self, drawing: Svg, table: Table, verdict: Verdict) -> None:
        """The still picture takes the place of the moving one."""
        self._box.close()
        self._plot.close()
        self._output.take_away()
        self._picture.fill(picture_bundle(drawing, verdict))
        self._table.fill(table_bundle(table, verdict))


def _most(plan: CallPlan) -> int:
    """Streams that would be open at one moment if all calls were served."""
    begins = [(call.at_s, 1) for call in plan.calls()]
    ends = [(call.at_s + call.seconds, -1) for call in plan.calls()]
    return max(accumulate(change for _, change in sorted(begins + ends)))


def _figure(title: str, device: str, plan: CallPlan) -> go.Figure:
    most = _most(plan)
    figure = go.Figure(
        [
            go.Scatter(mode="markers", marker={"color": theme.STAGE_COLORS[INFERENCE], "size": 7}),
            go.Scatter(
                mode="lines",
                line={"color": theme.STAGE_COLORS[QUEUE_WAIT], "width": 2, "shape": "hv"},
                yaxis="y2",
            ),
        ]
    )
    figure.update_layout(
        template=TEMPLATE,
        title={"text": f"{title} · {device}", "font": {"size": theme.TITLE_PX}},
        autosize=True,
        height=_HEIGHT_PX,
        margin={"l": 58, "r": 58, "t": 64, "b": 44},
        showlegend=False,
        xaxis={"title": "seconds since the plan began", "range": (0, plan.seconds + 2)},
        yaxis={"title": "● final delay, ms", "range": (0, HIGHEST_MS), "fixedrange": True},
        yaxis2={
            "title": "streams open",
            "overlaying": "y",
            "side": "right",
            "range": (0, most + 1),
            "tickmode": "linear",
            "dtick": max(1, most // 5),
            "showgrid": False,
        },
    )
    figure.add_hline(
        ms(BUDGET_S),
        line={"color": theme.BUDGET_COLOR, "dash": "dash", "width": theme.BUDGET_WIDTH_PX},
        annotation_text=LIMIT,
        annotation_font_color=theme.BUDGET_COLOR,
    )
    return figure
