"""``show.live``: a clip or a microphone streamed under a cell, drawn while it happens."""

from collections.abc import Sequence

from lab_kit import datasets
from lab_kit.audio.sources.recordings import Source
from lab_kit.bench import Bench, paced
from lab_kit.client import Wire
from lab_kit.datasets import Clip
from lab_kit.experiments.load import CallPlan, Network
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.live.attended import can_click, unattended_limit_s
from lab_kit.show.live.browser_microphone import BrowserMicrophone
from lab_kit.show.live.crowd import Crowd
from lab_kit.show.live.run import LiveRun
from lab_kit.show.live.sources import DEFAULT_CLIP, Sources
from lab_kit.show.live.way import Way
from lab_kit.show.live.widget_screen import WidgetScreen

SHORT_CLIP = "two-cities-best"


def live(
    bench: Bench,
    source: Clip | Source | None = None,
    seconds: float | None = None,
    *,
    wire: Wire = Wire.WEBSOCKET,
    network: Network | None = None,
    crowd: CallPlan | None = None,
    clips: Sequence[Clip] = (),
) -> LiveRun:
    """Stream a clip or a microphone and draw transcript and delays while it happens.

    Without ``seconds`` the cell returns at once and the run goes on, a clip over and over, until
    its button is clicked or another live run begins; a list beside the button offers a clip and
    the microphones of the page and of the kernel's machine. With ``seconds`` the cell takes that
    long, and the notebook's own stop button ends it sooner. Where nobody can click (no notebook, or
    ``LAB_PROFILE=ci``) a clip is streamed once at most, and only the still picture is shown.

    The microphone of the reader's browser (`show.microphone`) begins to stream when it is turned on
    in the page, and never holds the cell; where nobody can click, the clip takes its place.

    Args:
        source: a clip, a microphone or any other source, to begin with; by default Dickens'
            opening words.
        seconds: how much audio to stream at most.
        wire: how the stream travels.
        network: what lies between; others do not call through it.
        crowd: when others call, from the moment at which the run begins; they stop when it is over.
        clips: what those others say.

    Raises:
        InvalidParameter: a crowd without clips.
    """
    if LiveRun.current is not None:
        LiveRun.current.stop()
    is_attended = can_click()
    chosen = datasets.clip(DEFAULT_CLIP) if source is None else source
    if isinstance(chosen, BrowserMicrophone) and not is_attended:
        print(f"No browser to take a microphone from: playing {SHORT_CLIP} instead.")
        chosen = datasets.clip(SHORT_CLIP)
    ready = paced(chosen) if isinstance(chosen, Clip) else chosen
    limit_s = seconds if is_attended else unattended_limit_s(ready, seconds)
    run = LiveRun(
        bench,
        ready,
        limit_s,
        loops=is_attended,
        way=Way(wire, network),
        crowd=None if crowd is None else Crowd(crowd, clips),
    )
    LiveRun.current = run
    is_of_page = isinstance(ready, BrowserMicrophone)
    holds_cell = not is_of_page and (limit_s is not None or not is_attended)
    if is_attended:
        run.show_on(WidgetScreen(run, None if holds_cell else Sources(ready)))
    if is_of_page:
        run.use(ready)
        return run
    run.start(holds_cell=holds_cell)
    if holds_cell:
        _wait_or_stop(run)
    if not is_attended:
        show_drawing(*run.report())
    return run


def _wait_or_stop(run: LiveRun) -> None:
    """Wait for a run that ends by itself; an interrupt ends it as its button would."""
    try:
        run.wait()
    except KeyboardInterrupt:
        run.stop()
