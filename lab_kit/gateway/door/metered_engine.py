"""An engine whose device time is counted as one caller's."""

from dataclasses import replace

from lab_kit.core.events import ModelInfo
from lab_kit.engine.api import DecodeRequest, Engine, Load, Ticket
from lab_kit.gateway.door.compute import Spending
from lab_kit.gateway.versions.lease import Lease


class MeteredEngine:
    """The engine, with every request's passes counted, of cancelled ones too."""

    def __init__(self, engine: Engine, spending: Spending) -> None:
        self._engine = engine
        self._spending = spending

    @property
    def model(self) -> ModelInfo:
        """What runs, and where."""
        return self._engine.model

    def submit(self, request: DecodeRequest) -> Ticket:
        """Queue a request.

        Raises:
            SystemOverloaded, PayloadTooLarge: see the engine.
        """
        return self._engine.submit(self._metered(request))

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        """Replace a request that has not started, keeping its place; False if it has."""
        return self._engine.refresh(ticket, self._metered(request))

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request and free what it holds; its future is cancelled."""
        self._engine.cancel(ticket)

    def load(self) -> Load:
        """How busy the engine is now."""
        return self._engine.load()

    def _metered(self, request: DecodeRequest) -> DecodeRequest:
        return replace(request, on_compute=self._spending.add)


def metered(lease: Lease, spending: Spending) -> Lease:
    """The same lease, whose engine's time is counted."""
    engine = MeteredEngine(lease.engine, spending)
    return Lease(lease.version, engine, lease.new_scorer, lease.release)
