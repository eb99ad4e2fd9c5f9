"""A plan while it is carried out: each answer as it comes, and beneath it what the device does.

When it is over, the still picture of `show.offered` takes the place of the moving one. Drawing has
a thread of its own, so that a slow page cannot make the generator late.
"""

from collections import deque
from collections.abc import Sequence
from threading import Event, Thread

import numpy as np
import plotly.graph_objects as go

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.datasets import Clip
from lab_kit.experiments.load import (
    Arrivals,
    DeviceRecord,
    DeviceWatch,
    OfferedRequest,
    OpenLoopRun,
    Transcribe,
    offer,
    watch_device,
)
from lab_kit.measure.calls import INFERENCE, QUEUE_WAIT
from lab_kit.show.draw import theme
from lab_kit.show.draw.moving_plot import TEMPLATE, MovingPlot
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click, draw_period_s
from lab_kit.show.load.frontier import LIMIT
from lab_kit.show.load.offered import offered, strips

HIGHEST_MS = 1_500.0
"""The range is fixed; what lies beyond is drawn on its edge as a triangle, an error as a cross."""
_HEIGHT_PX = 380


async def offering(
    transcribe: Transcribe, clips: Sequence[Clip], plan: Arrivals, pid: int, title: str
) -> OpenLoopRun:
    """Carry out a plan and draw latencies and device while it runs; the still picture after it.

    Where nobody can look (no notebook, or ``LAB_PROFILE=ci``) only the still one is drawn.

    Args:
        pid: the server's process, whose cores and memory are shown where there is no GPU.

    Raises:
        InvalidParameter: see `load.offer`.
        psutil.NoSuchProcess: there is no such server.
    """
    with watch_device(pid) as watching:
        moving = LiveFigure(plan, watching, title) if can_click() else None
        try:
            run = await offer(
                transcribe, clips, plan, on_end=None if moving is None else moving.hear
            )
        finally:
            if moving is not None:
                moving.stop()
    offered(run, watching.taken(), title)
    return run


class LiveFigure:
    """The moving picture; it begins at once.

    Attributes:
        figure: dots of latency above, a line for each strip of the device beneath.
    """

    def __init__(self, plan: Arrivals, watching: DeviceWatch, title: str) -> None:
        self._watching = watching
        self._ended: deque[tuple[float, OfferedRequest]] = deque()
        self._stopping = Event()
        self.figure = _figure(plan.seconds, watching.taken(), title)
        self._plot = MovingPlot(self.figure)
        self._output = WidgetOutput(self._plot, f"{title}: not over yet when this was saved.")
        self._thread = Thread(target=self._run, name="lab-offering", daemon=True)
        self._thread.start()

    def hear(self, due_s: float, request: OfferedRequest) -> None:
        """Take a request that has ended; drawn at the next tick."""
        self._ended.append((due_s, request))

    def stop(self) -> None:
        """Take the picture away."""
        self._stopping.set()
        self._thread.join()
        self._plot.close()
        self._output.take_away()

    def draw(self) -> None:
        """Everything until now, in one update."""
        ended = list(self._ended)
        lines = strips(self._watching.taken())
        dots = self.figure.data[0]
        dots.x = np.array([due_s for due_s, _ in ended])
        dots.y = np.array([min(ms(r.latency_s), HIGHEST_MS) for _, r in ended])
        dots.marker.symbol = [_symbol(request) for _, request in ended]
        names = self.figure.layout.annotations
        for row, (name, most, line) in enumerate(lines):
            trace = self.figure.data[1 + row]
            trace.x = np.array([at_s for at_s, _ in line])
            trace.y = np.array([value / most for _, value in line])
            names[row].text = name
        self._plot.show(self.figure)

    def _run(self) -> None:
        while not self._stopping.wait(draw_period_s()):
            self.draw()


def _symbol(request: OfferedRequest) -> str:
    if request.error is not None:
        return "x"
    return "triangle-up" if ms(request.latency_s) > HIGHEST_MS else "circle"


def _figure(seconds: float, device: DeviceRecord, title: str) -> go.Figure:
    names = [name for name, _, _ in strips(device)]
    figure = go.Figure(
        [
            go.Scatter(mode="markers", marker={"color": theme.STAGE_COLORS[INFERENCE], "size": 8}),
            *(
                go.Scatter(
                    mode="lines",
                    line={"color": theme.STAGE_COLORS[QUEUE_WAIT], "width": 1.5},
                    yaxis=f"y{row}",
                )
                for row in range(2, 2 + len(names))
            ),
        ]
    )
    figure.update_layout(
        title={"text": f"{title}<br><sup>{device.device}; strip: {device.source}</sup>"},
        template=TEMPLATE,
        height=_HEIGHT_PX,
        margin={"l": 58, "r": 16, "t": 64, "b": 44},
        showlegend=False,
        xaxis={"title": "seconds since the plan began", "range": (0, seconds), "anchor": "free"},
        yaxis={"title": "latency ms", "range": (0, HIGHEST_MS), "domain": (0.5, 1)},
    )
    for row, name in enumerate(names):
        top = 0.38 - row * 0.22
        strip = {"range": (0, 1.05), "domain": (top - 0.12, top), "showticklabels": False}
        figure.update_layout({f"yaxis{row + 2}": strip})
        _write(figure, name, 0, top)
    figure.add_hline(
        ms(BUDGET_S),
        line={"color": theme.BUDGET_COLOR, "dash": "dash", "width": theme.BUDGET_WIDTH_PX},
    )
    line = f"<b>╌╌ {LIMIT}</b>"
    _write(figure, f'<span style="color:{theme.BUDGET_COLOR}">{line}</span>', 1, 1)
    return figure


def _write(figure: go.Figure, text: str, x: float, y: float) -> None:
    place = {"x": x, "y": y, "xanchor": "left" if x == 0 else "right", "yanchor": "bottom"}
    figure.add_annotation(text=text, xref="paper", yref="paper", showarrow=False, **place)
