"""An engine that a test answers by hand: the pipeline's boundary, doubled."""

from collections.abc import Callable
from concurrent.futures import Future

from scripted import hypothesis

from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import ModelInfo
from lab_kit.engine.api import DecodeRequest, Hypothesis, Load, Ticket


class HandEngine:
    """Keeps what it is asked for.

    Attributes:
        answer_with: text to answer every request with at once; None leaves them open.
        most_open: requests that may be open; the next is refused.
    """

    def __init__(
        self,
        answer_with: Callable[[DecodeRequest], str] | None = None,
        most_open: int = 10_000,
    ) -> None:
        self.model = ModelInfo("by hand", "1", "none", "nowhere")
        self.asked: list[tuple[DecodeRequest, Ticket]] = []
        self.cancelled: list[int] = []
        self.answer_with = answer_with
        self.most_open = most_open
        self.most_seen_open = 0

    def submit(self, request: DecodeRequest) -> Ticket:
        if len(self.open) >= self.most_open:
            raise SystemOverloaded("the engine's queue is full", "a place", "try again")
        future: Future[Hypothesis] = Future()
        ticket = Ticket(len(self.asked) + 1, future)
        self.asked.append((request, ticket))
        self.most_seen_open = max(self.most_seen_open, len(self.open))
        if self.answer_with is not None:
            future.set_result(hypothesis(self.answer_with(request)))
        return ticket

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        return False

    def cancel(self, ticket: Ticket) -> None:
        self.cancelled.append(ticket.number)
        ticket.future.cancel()

    def load(self) -> Load:
        return Load(len(self.open), 0)

    @property
    def open(self) -> list[Ticket]:
        return [ticket for _, ticket in self.asked if not ticket.future.done()]

    def answer_all(self, text: str) -> None:
        for ticket in self.open:
            ticket.future.set_result(hypothesis(text))
