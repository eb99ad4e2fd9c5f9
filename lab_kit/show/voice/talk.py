"""Talk with a server from a notebook: a microphone, a loudspeaker, and what was said.

A kernel hears of nothing while a cell holds it, so the conversation is held by a thread that the
cell leaves behind. It ends when the microphone is turned off.
"""

import asyncio
import threading
from html import escape
from typing import TypeVar

from IPython.display import display

from lab_kit.audio.sources.recordings import Source
from lab_kit.bench.caller import Caller
from lab_kit.client.conversation import connect_conversation
from lab_kit.client.talking import Line, Player, Talking
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import DisplayHandle
from lab_kit.show.live.browser_microphone import BrowserMicrophone
from lab_kit.show.voice.browser_loudspeaker import BrowserLoudspeaker

MOST_LINES = 40
_WAITED_S = 0.2
LATE = "▲"


class TalkRun:
    """A conversation that goes on while the notebook does.

    Attributes:
        lines: what was said, the latest last.
        error: what ended it; None for the microphone, or while it goes on.
    """

    def __init__(self, caller: Caller, source: Source, player: Player, show: DisplayHandle) -> None:
        self.lines: list[Line] = []
        self.error: Exception | None = None
        self._caller = caller
        self._source = source
        self._player = player
        self._show = show
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talk", daemon=True)

    def start(self, instructions: str | None, turns: dict[str, object] | None) -> None:
        """Hold it."""
        self._instructions, self._turns = instructions, turns
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Hang up."""
        self._stopped.set()
        if isinstance(self._source, BrowserMicrophone):
            self._source.turn_off()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._tell("Turn the microphone on, and talk.")
            if isinstance(self._source, BrowserMicrophone) and not self._wait(self._source):
                return
            self._tell("Getting ready …")
            asyncio.run(self._hold())
        except Exception as error:  # a thread's own would be lost
            self.error = error
        self._tell("" if self.error is None else str(self.error))

    def _wait(self, microphone: BrowserMicrophone) -> bool:
        while not microphone.is_on:
            if self._stopped.wait(_WAITED_S):
                return False
        return True

    async def _hold(self) -> None:
        address = self._caller.address
        async with connect_conversation(address, self._instructions, self._turns) as client:
            self._tell("Listening.")
            await Talking(client, self._player, self._said).hold(self._source)

    def _said(self, line: Line) -> None:
        self.lines = [*self.lines, line][-MOST_LINES:]
        self._tell("")

    def _tell(self, note: str) -> None:
        self._show.fill({"text/html": talk_html(self.lines, note), "text/plain": note})


def talk(
    caller: Caller,
    *,
    instructions: str | None = None,
    turns: dict[str, object] | None = None,
    source: Source | None = None,
    player: Player | None = None,
) -> TalkRun:
    """Talk with a server; what is said appears under the cell, each answer with its silence.

    Args:
        turns: how the end of a turn is found, as ``turn_detection``; None leaves it to the server.
        source: what is said; by default the reader's own microphone.
        player: what plays answers; by default the reader's own loudspeaker.
    """
    heard: Source = source if source is not None else _shown(BrowserMicrophone())
    played: Player = player if player is not None else _shown(BrowserLoudspeaker())
    run = TalkRun(caller, heard, played, DisplayHandle.reserve())
    run.start(instructions, turns)
    return run


def talk_html(lines: list[Line], note: str) -> str:
    """What was said, the latest on top, each answer with the silence before it."""
    rows = "".join(_row(line) for line in reversed(lines))
    return (
        f'<div role="status" style="{theme.INTERIM_STYLE}">{escape(note)}</div>'
        f'<ol aria-live="polite" style="list-style:none;padding:0">{rows}</ol>'
    )


def _row(line: Line) -> str:
    who = "you" if line.by_caller else "lab"
    note = f" [{line.note}]" if line.note else ""
    delay = ""
    if line.delay_s is not None:
        late = f" {LATE}" if line.delay_s > BUDGET_S else ""
        delay = f' <span style="{theme.STABLE_STYLE}">{ms(line.delay_s):,.0f} ms{late}</span>'
    return f"<li><b>{who}</b> {escape(line.text)}{escape(note)}{delay}</li>"


_Widget = TypeVar("_Widget", BrowserMicrophone, BrowserLoudspeaker)


def _shown(widget: _Widget) -> _Widget:
    display(widget)  # type: ignore[no-untyped-call]
    return widget
