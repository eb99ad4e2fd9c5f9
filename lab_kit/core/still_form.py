"""What a page shows in a widget's place where the widget is gone.

A saved notebook holds of a widget its name alone; opened without its kernel, JupyterLab writes
"Error displaying widget: model not found" there. So each widget is followed by an output of plain
words, its still form, and the style within it has the page show one of the two: the widget while
it lives, else the words. A page that ignores styles shows the words as well.

Source: jupyterlab-manager 5.0.16, `output_renderer.ts`: a view that is there is a child of the
output's node, and an output without one has text alone.
"""

from html import escape

WIDGET_TYPE = "application/vnd.jupyter.widget-view+json"
STILL_CLASS = "lab-still-form"

_CHILD = ".jp-OutputArea-child"
_ALIVE = ":has(> .jp-OutputArea-output > *)"
_STYLE = (
    f"{_CHILD}:not({_ALIVE}):has(+ {_CHILD} .{STILL_CLASS}),"
    f"{_CHILD}{_ALIVE} + {_CHILD}:has(.{STILL_CLASS})"
    "{display:none}"
)


def still_form(text: str, html: str = "") -> dict[str, str]:
    """The output behind a widget: what it held, in words that are true beside it too.

    Args:
        html: the same with its form, safe to show; by default the text's lines.
    """
    inner = html or "".join(f"<div>{escape(line)}</div>" for line in text.splitlines())
    # the style last: a page that strips it shows words, not rules
    styled = f'<div class="{STILL_CLASS}">{inner}</div><style>{_STYLE}</style>'
    return {"text/html": styled, "text/plain": text}


def is_still_form(html: object) -> bool:
    """Whether an output's HTML is one."""
    return isinstance(html, str) and html.startswith(f'<div class="{STILL_CLASS}">')
