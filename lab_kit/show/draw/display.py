"""How a drawing reaches a notebook: a card with what came out, then its figures.

All are plain outputs, so they are still there when the notebook is opened without a kernel. A page
shows the card as wide as its column and the figures folded; outside a notebook, or where HTML is
not shown, the same is there as SVG and as text that adds up.
"""

import base64
import textwrap
import uuid
from dataclasses import dataclass
from html import escape

from IPython.display import publish_display_data

from lab_kit.core.table import Table
from lab_kit.show.draw import card
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

MOST_WIDTH_PX = 860
LEAST_WIDTH_PX = 540
"""What a window of 1,000 px has beside JupyterLab's file browser: the smallest letters are 8 px
high there. In less room the picture scrolls."""
_SOURCE = (
    '<figcaption style="font-size:11px;margin:3px 0 6px;opacity:.8">The 300 ms: '
    '<a href="https://assemblyai.com/blog/low-latency-voice-ai">AssemblyAI, 2025</a>, '
    "a round number for voice to voice and no threshold found in an experiment; "
    "see lab 00.</figcaption>"
)
"""Where the limit is from, and how sure it is; a link that leads somewhere from every page."""


@dataclass(frozen=True, slots=True)
class DisplayHandle:
    """An output under a cell that can be filled later, from any thread."""

    display_id: str

    @classmethod
    def reserve(cls) -> "DisplayHandle":
        """An empty one under the running cell."""
        handle = cls(uuid.uuid4().hex)
        _publish({"text/plain": ""}, handle)
        return handle

    def fill(self, bundle: dict[str, str]) -> None:
        """Show ``bundle`` there instead of what it held."""
        _publish(bundle, self, update=True)


def show_picture(drawing: Svg, verdict: Verdict) -> None:
    """Put a picture that has no table, with what it came to, under the cell."""
    bundle = picture_bundle(drawing, verdict)
    _publish({**bundle, "text/plain": f"(a picture)\n{verdict.text}"})


def show_drawing(drawing: Svg, table: Table, verdict: Verdict) -> None:
    """Put a picture, with what it came to, and its table under the cell."""
    _publish(picture_bundle(drawing, verdict))
    _publish(table_bundle(table, verdict))


def show_html(html: str, text: str) -> None:
    """Put formatted text under the cell, with what a page without HTML shows instead."""
    _publish({"text/html": html, "text/plain": text})


def picture_bundle(drawing: Svg, verdict: Verdict) -> dict[str, str]:
    """A picture as an output: as wide as the column, and in the theme of the page.

    A page shows an SVG that is an output of its own at its own width only, and without words for
    who cannot see it.
    """
    svg = card.render(drawing, verdict)
    coded = base64.b64encode(svg.encode()).decode()
    html = (
        f'<figure style="margin:0;max-width:{MOST_WIDTH_PX}px;overflow-x:auto">'
        f'<img alt="{escape(card.words(drawing, verdict))}" '
        f'style="width:100%;min-width:{LEAST_WIDTH_PX}px" '
        f'src="data:image/svg+xml;base64,{coded}">{_SOURCE if drawing.has_limit else ""}</figure>'
    )
    plain = "(a picture; its figures follow as text)"
    return {"text/html": html, "image/svg+xml": svg, "text/plain": plain}


def table_bundle(table: Table, verdict: Verdict) -> dict[str, str]:
    """The figures behind a picture as an output; a page, which shows the picture, folds them."""
    html = f"<details><summary>Figures as a table</summary>{table.html}</details>"
    plain = f"{table.text}\n\n{verdict.text}" if verdict.text else table.text
    return {"text/html": html, "text/plain": plain}


def wrapped(text: str) -> str:
    """Text in lines that fit beside an open side bar."""
    return textwrap.fill(text, 96, subsequent_indent="  ")


def _publish(
    bundle: dict[str, str], handle: DisplayHandle | None = None, *, update: bool = False
) -> None:
    transient = {"display_id": handle.display_id} if handle else {}
    publish_display_data(bundle, transient=transient, update=update)  # type: ignore[no-untyped-call]
