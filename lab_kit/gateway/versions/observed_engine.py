"""An engine as a lease hands it out: whoever counts, or compares, learns how each decode ended."""

from collections.abc import Callable
from concurrent.futures import Future

from lab_kit.core.errors import LabError
from lab_kit.core.events import ModelInfo
from lab_kit.engine.api import DecodeRequest, Engine, Hypothesis, Load, Ticket

Outcome = Hypothesis | BaseException
"""How a decode ended; a cancelled one has none."""


class ObservedEngine:
    """An engine that tells how each request ended.

    Args:
        ended: called on the engine's threads; not for what was cancelled.
    """

    def __init__(self, engine: Engine, ended: Callable[[DecodeRequest, Outcome], None]) -> None:
        self._engine = engine
        self._tell = ended
        self._requests: dict[int, DecodeRequest] = {}

    @property
    def model(self) -> ModelInfo:
        """What runs, and where."""
        return self._engine.model

    def submit(self, request: DecodeRequest) -> Ticket:
        """Queue a request.

        Raises:
            SystemOverloaded, PayloadTooLarge: see the engine.
        """
        try:
            ticket = self._engine.submit(request)
        except LabError as refusal:
            self._tell(request, refusal)
            raise
        self._requests[ticket.number] = request
        ticket.future.add_done_callback(lambda future: self._ended(ticket.number, future))
        return ticket

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        """Replace a request that has not started, keeping its place; False if it has."""
        is_replaced = self._engine.refresh(ticket, request)
        if is_replaced and ticket.number in self._requests:
            self._requests[ticket.number] = request
        return is_replaced

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request and free what it holds; its future is cancelled."""
        self._engine.cancel(ticket)

    def load(self) -> Load:
        """How busy the engine is now."""
        return self._engine.load()

    def _ended(self, number: int, future: "Future[Hypothesis]") -> None:
        request = self._requests.pop(number)
        if not future.cancelled():
            self._tell(request, future.exception() or future.result())
