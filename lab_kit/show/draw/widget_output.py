"""How a widget reaches a notebook: with words behind it for a page on which the widget is gone."""

import uuid
from typing import Any

from IPython.display import display

from lab_kit.core.still_form import still_form
from lab_kit.show.draw.display import DisplayHandle


class WidgetOutput:
    """A widget under the running cell, and behind it its still form.

    Args:
        told: what the still form says, in words that are true beside the widget too.
    """

    def __init__(self, widget: Any, told: str) -> None:
        self._widget = DisplayHandle(uuid.uuid4().hex)
        # nobody wants to read how a widget spells itself
        display(widget, exclude=["text/plain"], display_id=self._widget.display_id)  # type: ignore[no-untyped-call]
        self._still = DisplayHandle.reserve()
        self.tell(told)

    def tell(self, told: str, html: str = "") -> None:
        """Have the still form say something else; from any thread.

        Args:
            html: the same with its form, safe to show.
        """
        self._still.fill(still_form(told, html))

    def take_away(self) -> None:
        """Leave nothing of either, on the page and in what is saved."""
        for handle in (self._widget, self._still):
            handle.fill({"text/plain": ""})
