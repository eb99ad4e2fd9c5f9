"""How a transcript grew: a row a result, grey while it may change, black once it is final."""

from html import escape

from lab_kit.core.call_record import StreamCall
from lab_kit.core.events import Final, Interim
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import show_html

_LINE_PX, _LINES = 18, 20
"""A pane that scrolls is as high as whole lines, so that none is cut."""
_STYLE = f"font-family:{theme.FONT};font-size:13px;line-height:{_LINE_PX}px"
_TIME_STYLE = (
    "min-width:4.2em;text-align:right;font-variant-numeric:tabular-nums;" + theme.INTERIM_STYLE
)
_NAME_STYLE = "min-width:4em;" + theme.INTERIM_STYLE


def transcript(call: StreamCall) -> None:
    """Show every result in the order in which it arrived, with the time of its arrival."""
    show_html(transcript_html(call), transcript_text(call))


def transcript_html(call: StreamCall) -> str:
    """The rows as HTML; what two passes agree on is darker than the rest of an interim."""
    rows = [_row_html(at_s, event) for at_s, event in _results(call)]
    heading = f"{call.name}: when each result arrived, in seconds after the audio began"
    pane = ""
    if len(rows) > _LINES:
        heading += f" ({len(rows)} results; scroll)"
        pane = f"max-height:{_LINE_PX * _LINES}px;overflow-y:auto"
    return (
        f'<div style="{_STYLE}"><div style="{theme.FINAL_STYLE};font-weight:600;'
        f'margin-bottom:4px">{escape(heading)}</div>'
        f'<div style="{pane}">{"".join(rows)}</div></div>'
    )


def transcript_text(call: StreamCall) -> str:
    """The rows as text; in an interim, ``|`` follows what two passes agree on."""
    lines = [f"{call.name}: seconds after the audio began; | ends what two passes agree on"]
    for at_s, event in _results(call):
        final = isinstance(event, Final)
        lines.append(f"{at_s:6.2f}  {'FINAL  ' if final else 'interim'}  {_marked(event)}")
    return "\n".join(lines)


def interim_html(text: str, stable_chars: int) -> str:
    """An interim in its two greys."""
    return (
        f'<span style="{theme.STABLE_STYLE}">{escape(text[:stable_chars])}</span>'
        f'<span style="{theme.INTERIM_STYLE}">{escape(text[stable_chars:])}</span>'
    )


def final_html(text: str) -> str:
    """A final in black."""
    return f'<span style="{theme.FINAL_STYLE};font-weight:500">{escape(text)}</span>'


def _results(call: StreamCall) -> list[tuple[float, Interim | Final]]:
    return [
        ((received.received_ns - call.started_ns) / 1e9, received.event)
        for received in call.received
        if isinstance(received.event, Interim | Final) and received.event.text
    ]


def _row_html(at_s: float, event: Interim | Final) -> str:
    if isinstance(event, Final):
        name, text = "final", final_html(event.text)
    else:
        name, text = "interim", interim_html(event.text, event.stable_chars)
    return (
        f'<div style="display:flex;gap:14px"><span style="{_TIME_STYLE}">{at_s:.2f} s</span>'
        f'<span style="{_NAME_STYLE}">{name}</span><span>{text}</span></div>'
    )


def _marked(event: Interim | Final) -> str:
    if isinstance(event, Final):
        return event.text
    return f"{event.text[: event.stable_chars]}|{event.text[event.stable_chars :]}"
