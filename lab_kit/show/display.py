"""How a drawing reaches a notebook: an SVG, then its figures as text that adds up.

Both are plain outputs, so they are still there when the notebook is opened without a kernel.
"""

from collections.abc import Sequence

from IPython.display import DisplayHandle, display


def show_drawing(svg: str, table: str) -> None:
    """Put the picture and its table under the cell."""
    display(svg_bundle(svg), raw=True)
    display(text_bundle(table), raw=True)


def show_html(html: str, text: str) -> None:
    """Put formatted text under the cell, with what a page without HTML shows instead."""
    display({"text/html": html, "text/plain": text}, raw=True)


def reserve() -> DisplayHandle:
    """An empty place under the cell, to be filled later from any thread."""
    handle = DisplayHandle()
    handle.display(text_bundle(""), raw=True)
    return handle


def fill(place: DisplayHandle, bundle: dict[str, str]) -> None:
    """Put ``bundle`` where `reserve` kept the place."""
    place.update(bundle, raw=True)


def svg_bundle(svg: str) -> dict[str, str]:
    """A picture as an output."""
    return {"image/svg+xml": svg, "text/plain": "(a picture; its figures follow as text)"}


def text_bundle(text: str) -> dict[str, str]:
    """Text as an output."""
    return {"text/plain": text}


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
