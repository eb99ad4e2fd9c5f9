"""Where a live run is drawn, as the run sees it."""

from typing import Protocol

from lab_kit.show.live.state import LiveState


class Screen(Protocol):
    """Where a run is drawn."""

    def begin(self, state: LiveState, *, holds_cell: bool) -> None:
        """Show an empty run; one that holds its cell cannot be stopped by a click."""
        ...

    def draw(self, state: LiveState) -> None:
        """Show everything until now."""
        ...

    def stopping(self) -> None:
        """Show that it will end soon."""
        ...

    def end(self, state: LiveState, error: BaseException | None) -> None:
        """Show what is left of it, and what went wrong."""
        ...


class NoScreen:
    """Where nobody looks."""

    def begin(self, state: LiveState, *, holds_cell: bool) -> None: ...

    def draw(self, state: LiveState) -> None: ...

    def stopping(self) -> None: ...

    def end(self, state: LiveState, error: BaseException | None) -> None: ...
