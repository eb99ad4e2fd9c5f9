"""What the experiments on objectives need of a server: its address, its operator, its traces."""

from typing import Protocol

from lab_kit import client
from lab_kit.core.call_record import RequestCall
from lab_kit.core.spans import Trace
from lab_kit.datasets import Clip


class Server(Protocol):
    """A server with an operator, such as a bench."""

    address: client.ServerAddress
    operator: client.Operator

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def device(self) -> str: ...

    async def transcribe(self, clip: Clip) -> RequestCall: ...
    async def traces(self) -> list[Trace]: ...
    def log_tail(self, lines: int) -> str: ...
