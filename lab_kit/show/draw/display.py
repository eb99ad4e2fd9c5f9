"""How a drawing reaches a notebook: an SVG, then its figures as text that adds up.

Both are plain outputs, so they are still there when the notebook is opened without a kernel.
Outside a notebook the text is printed.
"""

import textwrap
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from IPython.display import publish_display_data


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


def show_drawing(svg: str, table: str) -> None:
    """Put the picture and its table under the cell."""
    _publish(svg_bundle(svg))
    _publish({"text/plain": table})


def show_html(html: str, text: str) -> None:
    """Put formatted text under the cell, with what a page without HTML shows instead."""
    _publish({"text/html": html, "text/plain": text})


def svg_bundle(svg: str) -> dict[str, str]:
    """A picture as an output."""
    return {"image/svg+xml": svg, "text/plain": "(a picture; its figures follow as text)"}


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows as aligned text; the first ``left`` columns start left, the others end right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def wrapped(text: str) -> str:
    """Text in lines that fit beside an open side bar."""
    return textwrap.fill(text, 96, subsequent_indent="  ")


def _publish(
    bundle: dict[str, str], handle: DisplayHandle | None = None, *, update: bool = False
) -> None:
    transient = {"display_id": handle.display_id} if handle else {}
    publish_display_data(bundle, transient=transient, update=update)  # type: ignore[no-untyped-call]
