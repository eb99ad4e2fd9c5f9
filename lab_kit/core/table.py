"""Figures as a table: for a page in HTML, elsewhere as text in columns, from the same cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_MOST_COLUMNS = 8
"""A page turns a table that has more, where that leaves no more than these."""
_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5em 0"
_CAPTION = "caption-side:top;text-align:left;padding:.25em .75em;opacity:.8"
_CELL = "padding:.25em .75em;vertical-align:top"
_NUMBER = f"{_CELL};white-space:nowrap"
_HEAD = "padding:.25em .75em;vertical-align:bottom"
_NOTE = "font-size:12px;line-height:1.4;margin:.25em .95em;max-width:860px;opacity:.8"


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """Cells that are words already, rounded and with what else they need.

    Attributes:
        each: what has a row of its own, as in ``codec``.
        head: each column's name, with its unit; all empty where the rows' names say everything.
        rows: each begins with its name.
        notes: sentences beneath; an empty one is an empty line of the text.
        left: how many columns are words and begin at the left; numbers end at the right.
    """

    each: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    left: int = 1

    def __repr__(self) -> str:
        """The text, and what `print` shows."""
        return self.text

    def _repr_html_(self) -> str:
        """What a notebook shows of a cell that ends with a table."""
        return self.html

    @property
    def text(self) -> str:
        """Aligned columns, for where HTML is not shown."""
        grid = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        lines = []
        for row in grid:
            cells = [
                cell.ljust(width) if index < self.left else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, *self.notes])

    @property
    def html(self) -> str:
        """A table of a page in the page's own colors, which scrolls where there is no room.

        All styles are attributes: of a notebook that is not trusted JupyterLab keeps these alone,
        but for the width of digits.
        """
        grid, is_turned = [self.head, *self.rows], self._is_turned
        head, *rows = list(zip(*grid, strict=True)) if is_turned else grid
        caption = f"A {'column' if is_turned else 'row'} for each {self.each}"
        named = "".join(_cell("th", "col", cell, self._side(at)) for at, cell in enumerate(head))
        top = f"<thead><tr>{named}</tr></thead>" if any(head) else ""
        body = "".join(f"<tr>{self._row(row)}</tr>" for row in rows)
        notes = "".join(f'<p style="{_NOTE}">{escape(note)}</p>' for note in self.notes if note)
        return (
            f'<div style="overflow-x:auto"><table style="{_TABLE}">'
            f'<caption style="{_CAPTION}">{escape(caption)}</caption>'
            f"{top}<tbody>{body}</tbody></table></div>{notes}"
        )

    @property
    def _is_turned(self) -> bool:
        return len(self.head) > _MOST_COLUMNS > len(self.rows)

    def _row(self, row: Sequence[str]) -> str:
        name, *cells = row
        return _cell("th", "row", name, "left") + "".join(
            _cell("td", "", cell, self._side(at)) for at, cell in enumerate(cells, 1)
        )

    def _side(self, column: int) -> str:
        return "left" if column < self.left else "right"


def _cell(tag: str, scope: str, cell: str, side: str) -> str:
    heading = f' scope="{scope}"' if scope else ""
    are_words = side == "left" and scope != "row"
    look = _HEAD if scope == "col" else _CELL if are_words else _NUMBER
    weight = ";font-weight:normal" if scope == "row" else ""
    return f'<{tag}{heading} style="{look};text-align:{side}{weight}">{escape(cell)}</{tag}>'
